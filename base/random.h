#pragma once

// Seeded randomness that is the same on every platform and standard library (the distributions of
// <random> are not). SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
// Generators", OOPSLA 2014. Not for cryptography. Not thread-safe: one object per thread.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <utility>
#include <vector>

namespace reluscape {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }

  // Uniform in [0, 1), 53 bits.
  double Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }
  double Uniform(double low, double high) { return low + (high - low) * Uniform(); }

  // Uniform in {0, ..., bound - 1}; bound > 0. The bias is below bound / 2^64.
  uint64_t Below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(Next()) * bound) >> 64);
  }

  // Fisher-Yates.
  template <typename T>
  void Shuffle(std::vector<T>& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[Below(i)]);
  }

  // A uniformly drawn permutation of 0 .. size-1.
  std::vector<int64_t> Permutation(int64_t size) {
    std::vector<int64_t> order(static_cast<size_t>(size));
    std::iota(order.begin(), order.end(), int64_t{0});
    Shuffle(order);
    return order;
  }

 private:
  uint64_t state_;
};

// A seed for a named purpose under `seed`: different purposes and indices give unrelated streams.
// At most 2^53 - 1, so that it survives JSON readers that keep numbers as doubles.
inline uint64_t DeriveSeed(uint64_t seed, std::string_view purpose, uint64_t index = 0) {
  uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a, 64 bits
  for (const char c : purpose) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  Random mixer(seed ^ hash);
  Random second(mixer.Next() + index);
  second.Next();
  return second.Next() >> 11;
}

}  // namespace reluscape
