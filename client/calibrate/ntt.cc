#include "client/calibrate/ntt.h"

#include <bit>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

using Wide = unsigned __int128;

uint64_t MultiplyModulo(uint64_t a, uint64_t b, uint64_t modulus) {
  return static_cast<uint64_t>(static_cast<Wide>(a) * b % modulus);
}

uint64_t PowerModulo(uint64_t base, uint64_t exponent, uint64_t modulus) {
  uint64_t power = 1;
  for (; exponent > 0; exponent /= 2) {
    if (exponent % 2 == 1) power = MultiplyModulo(power, base, modulus);
    base = MultiplyModulo(base, base, modulus);
  }
  return power;
}

// Miller-Rabin with the twelve smallest primes, which decides every number below 2^64 (Sorenson and
// Webster, 2015). `candidate` is odd and large.
bool IsPrime(uint64_t candidate) {
  const int twos = std::countr_zero(candidate - 1);
  const uint64_t odd = (candidate - 1) >> twos;
  for (const uint64_t base : {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37}) {
    uint64_t power = PowerModulo(base, odd, candidate);
    bool passes = power == 1;
    for (int i = 0; i < twos && !passes; ++i) {
      passes = power == candidate - 1;
      power = MultiplyModulo(power, power, candidate);
    }
    if (!passes) return false;
  }
  return true;
}

size_t BitReversed(size_t value, int bits) {
  size_t reversed = 0;
  for (int i = 0; i < bits; ++i) {
    reversed = reversed * 2 + value % 2;
    value /= 2;
  }
  return reversed;
}

// A root whose N-th power is -1.
uint64_t FindRoot(uint64_t prime, uint64_t degree) {
  for (uint64_t base = 2;; ++base) {
    const uint64_t root = PowerModulo(base, (prime - 1) / (2 * degree), prime);
    if (PowerModulo(root, degree, prime) == prime - 1) return root;
  }
}

}  // namespace

NegacyclicNtt::Factor NegacyclicNtt::MakeFactor(uint64_t value) const {
  return {.value = value,
          .quotient = static_cast<uint64_t>((static_cast<Wide>(value) << 64) / prime_)};
}

absl::StatusOr<NegacyclicNtt> NegacyclicNtt::Create(int64_t degree) {
  if (degree < 2 || degree > 65'536 || !std::has_single_bit(static_cast<uint64_t>(degree))) {
    return absl::InvalidArgumentError(absl::StrCat("degree of a transform: found ", degree,
                                                   "; allowed: a power of two, 2 to 65536"));
  }
  const auto n = static_cast<uint64_t>(degree);
  NegacyclicNtt ntt;
  ntt.prime_ = (uint64_t{1} << 60) + 1;
  do {
    ntt.prime_ -= 2 * n;
  } while (!IsPrime(ntt.prime_));
  const uint64_t root = FindRoot(ntt.prime_, n);
  const uint64_t inverse_root = PowerModulo(root, ntt.prime_ - 2, ntt.prime_);
  ntt.roots_.resize(n);
  ntt.inverse_roots_.resize(n);
  const int bits = std::countr_zero(n);
  uint64_t power = 1;
  uint64_t inverse_power = 1;
  for (size_t i = 0; i < n; ++i) {
    ntt.roots_[BitReversed(i, bits)] = ntt.MakeFactor(power);
    ntt.inverse_roots_[BitReversed(i, bits)] = ntt.MakeFactor(inverse_power);
    power = MultiplyModulo(power, root, ntt.prime_);
    inverse_power = MultiplyModulo(inverse_power, inverse_root, ntt.prime_);
  }
  ntt.inverse_degree_ = ntt.MakeFactor(PowerModulo(n, ntt.prime_ - 2, ntt.prime_));
  return ntt;
}

uint64_t NegacyclicNtt::Multiply(uint64_t a, uint64_t b) const {
  return MultiplyModulo(a, b, prime_);
}

namespace {

// value * factor modulo the prime, below 2 prime, for any 64-bit value.
inline uint64_t LazyProduct(uint64_t value, uint64_t factor, uint64_t quotient, uint64_t prime) {
  const auto estimate = static_cast<uint64_t>(static_cast<Wide>(value) * quotient >> 64);
  return value * factor - estimate * prime;
}

}  // namespace

// Values stay below 4 prime < 2^62 between the steps (Harvey's lazy reduction).
void NegacyclicNtt::Forward(std::vector<uint64_t>& values) const {
  const uint64_t p = prime_;
  const uint64_t two_p = 2 * p;
  const size_t n = values.size();
  size_t gap = n / 2;
  for (size_t blocks = 1; blocks < n; blocks *= 2, gap /= 2) {
    for (size_t block = 0; block < blocks; ++block) {
      const Factor w = roots_[blocks + block];
      uint64_t* const low = values.data() + 2 * block * gap;
      uint64_t* const high = low + gap;
      for (size_t i = 0; i < gap; ++i) {
        const uint64_t a = low[i] >= two_p ? low[i] - two_p : low[i];
        const uint64_t b = LazyProduct(high[i], w.value, w.quotient, p);
        low[i] = a + b;
        high[i] = a + two_p - b;
      }
    }
  }
  for (uint64_t& value : values) {
    if (value >= two_p) value -= two_p;
    if (value >= p) value -= p;
  }
}

void NegacyclicNtt::Inverse(std::vector<uint64_t>& values) const {
  const uint64_t p = prime_;
  const uint64_t two_p = 2 * p;
  const size_t n = values.size();
  size_t gap = 1;
  for (size_t blocks = n / 2; blocks > 0; blocks /= 2, gap *= 2) {
    for (size_t block = 0; block < blocks; ++block) {
      const Factor w = inverse_roots_[blocks + block];
      uint64_t* const low = values.data() + 2 * block * gap;
      uint64_t* const high = low + gap;
      for (size_t i = 0; i < gap; ++i) {
        const uint64_t a = low[i];
        const uint64_t b = high[i];
        const uint64_t sum = a + b;
        low[i] = sum >= two_p ? sum - two_p : sum;
        high[i] = LazyProduct(a + two_p - b, w.value, w.quotient, p);
      }
    }
  }
  for (uint64_t& value : values) {
    value = LazyProduct(value, inverse_degree_.value, inverse_degree_.quotient, p);
    if (value >= p) value -= p;
  }
}

}  // namespace reluscape
