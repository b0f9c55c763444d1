#pragma once

// Negacyclic number-theoretic transform over a 60-bit prime: the unit that homomorphic layers are
// made of, for `reluscape calibrate`. Immutable after Create; thread-safe.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

class NegacyclicNtt {
 public:
  // `degree` N is a power of two, 2 to 65536. The prime is the largest below 2^60 that is 1 modulo
  // 2 N. INVALID_ARGUMENT for another degree.
  static absl::StatusOr<NegacyclicNtt> Create(int64_t degree);

  int64_t degree() const { return static_cast<int64_t>(roots_.size()); }
  uint64_t prime() const { return prime_; }

  // In place, N values below the prime, natural order in and bit-reversed order out; Inverse takes
  // it back. A product of two transforms value by value is the transform of the product modulo
  // X^N + 1.
  void Forward(std::vector<uint64_t>& values) const;
  void Inverse(std::vector<uint64_t>& values) const;

  // a * b modulo the prime, both below it.
  uint64_t Multiply(uint64_t a, uint64_t b) const;

 private:
  // A constant factor w with floor(w * 2^64 / prime), with which a product modulo the prime needs
  // two multiplications and no division (Shoup's method).
  struct Factor {
    uint64_t value = 0;
    uint64_t quotient = 0;
  };

  NegacyclicNtt() = default;
  Factor MakeFactor(uint64_t value) const;

  uint64_t prime_ = 0;
  std::vector<Factor> roots_;          // powers of a 2N-th root of unity, bit-reversed
  std::vector<Factor> inverse_roots_;  // of its inverse
  Factor inverse_degree_;
};

}  // namespace reluscape
