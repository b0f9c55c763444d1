#pragma once

// What one activation costs under CKKS: multiplications of two ciphertexts and levels. Thread-safe.
//
// A polynomial is evaluated by baby steps and giant steps: the small powers of x and the powers
// x^k, x^2k, x^4k, ... are made once, and p = q * x^g + r splits it until every piece has small
// powers only. A coefficient times a power takes a level too, so a power of degree j can enter a
// sum at depth ceil(log2 j) + 1. The schedule is the cheapest over k among those of the least
// depth, ceil(log2(degree + 1)).
//
// Source: the depths and the counts of the odd degrees 3 to 127 in the tests are those of
// FHE-MP-CNN's odd baby-step giant-step evaluation (Lee et al., ICML 2022, public code); the
// minimax composition of degrees 15, 15, 27 and its 14 levels are of the same code. The quadratic
// is that of AESPA and HerPN (public code of AutoFHE).

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

inline constexpr int64_t kMaxPolynomialDegree = 31;  // of an activation that users choose

// One polynomial.
struct PolynomialCost {
  int64_t depth = 0;                       // levels
  int64_t ciphertext_multiplications = 0;  // with relinearization

  friend bool operator==(const PolynomialCost&, const PolynomialCost&) = default;
};

// degree >= 1. Of an odd function: terms of odd degree only.
PolynomialCost OddPolynomialCost(int64_t degree);
// degree >= 1, with terms of every degree.
PolynomialCost GeneralPolynomialCost(int64_t degree);

// One activation of one ciphertext.
struct CkksActivation {
  std::string name = {};  // "minimax_relu", "polynomial_7"
  int64_t depth = 0;
  int64_t ciphertext_multiplications = 0;
  int64_t plaintext_multiplications = 0;
  // A composition's polynomials, first to last; the product of x and their result follows, one
  // level and one multiplication, which the sums above hold. Empty of a single polynomial.
  std::vector<PolynomialCost> composition = {};
  // Its leading coefficient stands in the next layer's weights, which saves a level; an identity
  // skip then has to be scaled too, at one level at least.
  bool folded = false;

  friend bool operator==(const CkksActivation&, const CkksActivation&) = default;
};

// x (1/2 + 1/2 sign(x)) with the sign composed of polynomials of degree 15, 15 and 27: 14 levels,
// 27 multiplications. `prescale` adds the level and the plaintext multiplication that bring x into
// [-1, 1] where the layer before does not do it.
CkksActivation MinimaxRelu(bool prescale);

// A polynomial of degree 2 to kMaxPolynomialDegree: an odd degree counts as an odd polynomial, an
// even one with every term; degree 2 has two plaintext multiplications. The scaling of x into its
// interval is fused into the convolution before it. `folded` is for degree 2 only. INVALID_ARGUMENT
// names the field.
absl::StatusOr<CkksActivation> PolynomialActivation(int64_t degree, bool folded);

}  // namespace reluscape
