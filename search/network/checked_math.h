#pragma once

// Arithmetic on counts that reports overflow instead of wrapping. Thread-safe.

#include <cstdint>
#include <initializer_list>
#include <optional>

namespace reluscape {

// std::nullopt where the product does not fit. Factors are not negative.
inline std::optional<int64_t> CheckedProduct(std::initializer_list<int64_t> factors) {
  int64_t product = 1;
  for (const int64_t factor : factors) {
    if (__builtin_mul_overflow(product, factor, &product)) return std::nullopt;
  }
  return product;
}

// std::nullopt where a summand is missing or the sum does not fit.
inline std::optional<int64_t> CheckedSum(std::initializer_list<std::optional<int64_t>> summands) {
  int64_t sum = 0;
  for (const std::optional<int64_t>& summand : summands) {
    if (!summand || __builtin_add_overflow(sum, *summand, &sum)) return std::nullopt;
  }
  return sum;
}

}  // namespace reluscape
