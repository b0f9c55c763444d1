#pragma once

// Whole-number arithmetic on counts of slots, ciphertexts and bits. Thread-safe.

#include <bit>
#include <cstdint>

namespace reluscape {

// Rounded up.
inline int64_t CeilDiv(int64_t value, int64_t divisor) { return (value + divisor - 1) / divisor; }

inline bool IsPowerOfTwo(int64_t value) {
  return std::has_single_bit(static_cast<uint64_t>(value));
}

// Of a power of two.
inline int64_t Log2(int64_t power) { return std::countr_zero(static_cast<uint64_t>(power)); }

// Rounded up, from 1 on.
inline int64_t CeilLog2(int64_t value) {
  return static_cast<int64_t>(std::bit_width(static_cast<uint64_t>(value - 1)));
}

}  // namespace reluscape
