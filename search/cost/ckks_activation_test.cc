#include "search/cost/ckks_activation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reluscape {
namespace {

struct OddRow {
  int64_t degree;
  int64_t multiplications;
  int64_t depth;
};

// CKKS reference, section 6: odd baby-step giant-step.
constexpr OddRow kOdd[] = {{3, 2, 2},   {5, 3, 3},    {7, 5, 3},   {9, 5, 4},
                           {15, 8, 4},  {27, 10, 5},  {31, 12, 5}, {59, 15, 6},
                           {63, 17, 6}, {119, 20, 7}, {127, 23, 7}};

TEST(CkksActivationTest, OddPolynomialsCostWhatTheReferenceSays) {
  for (const OddRow& row : kOdd) {
    const PolynomialCost cost = OddPolynomialCost(row.degree);
    EXPECT_EQ(cost.ciphertext_multiplications, row.multiplications) << row.degree;
    EXPECT_EQ(cost.depth, row.depth) << row.degree;
  }
}

TEST(CkksActivationTest, MinimaxReluTakes14LevelsAnd27Multiplications) {
  const CkksActivation relu = MinimaxRelu(/*prescale=*/false);
  EXPECT_EQ(relu.depth, 14);
  EXPECT_EQ(relu.ciphertext_multiplications, 27);
  EXPECT_EQ(relu.plaintext_multiplications, 0);
  ASSERT_EQ(relu.composition.size(), 3u);
  // Orion: prescale 1 + sign 4 + 4 + 5 + product 1.
  const CkksActivation scaled = MinimaxRelu(/*prescale=*/true);
  EXPECT_EQ(scaled.depth, 15);
  EXPECT_EQ(scaled.plaintext_multiplications, 1);
  EXPECT_EQ(scaled.composition.front().depth, 5);
}

TEST(CkksActivationTest, QuadraticTakesOneMultiplicationAndALevelLessWhenFolded) {
  const CkksActivation quadratic = *PolynomialActivation(2, /*folded=*/false);
  EXPECT_EQ(quadratic.depth, 2);
  EXPECT_EQ(quadratic.ciphertext_multiplications, 1);
  EXPECT_EQ(quadratic.plaintext_multiplications, 2);
  const CkksActivation folded = *PolynomialActivation(2, /*folded=*/true);
  EXPECT_EQ(folded.depth, 1);
  EXPECT_EQ(folded.plaintext_multiplications, 1);
}

TEST(CkksActivationTest, EveryDegreeTakesTheLeastDepthAndAHigherOneNeverLess) {
  int64_t multiplications = 0;
  int64_t depth = 0;
  for (int64_t degree = 2; degree <= kMaxPolynomialDegree; ++degree) {
    const PolynomialCost general = GeneralPolynomialCost(degree);
    int64_t ceil_log2 = 0;
    while ((int64_t{1} << ceil_log2) < degree + 1) ++ceil_log2;
    EXPECT_EQ(general.depth, ceil_log2) << degree;
    // Within one depth; a deeper schedule may need fewer.
    if (general.depth == depth) {
      EXPECT_GE(general.ciphertext_multiplications, multiplications) << degree;
    }
    multiplications = general.ciphertext_multiplications;
    depth = general.depth;
    // x^d takes ceil(log2 d) at least; fewer terms never take more.
    EXPECT_GE(general.ciphertext_multiplications, depth - 1) << degree;
    if (degree % 2 == 1) {
      EXPECT_LE(OddPolynomialCost(degree).ciphertext_multiplications, multiplications) << degree;
    }
  }
}

TEST(CkksActivationTest, RefusesDegreesOutsideOfTheRange) {
  for (const int64_t degree : {-1, 0, 1, 32}) {
    const auto activation = PolynomialActivation(degree, /*folded=*/false);
    ASSERT_FALSE(activation.ok()) << degree;
    EXPECT_THAT(std::string(activation.status().message()), testing::HasSubstr("allowed: 2 to 31"));
  }
  EXPECT_THAT(std::string(PolynomialActivation(3, /*folded=*/true).status().message()),
              testing::HasSubstr("folded activation: found degree 3"));
}

}  // namespace
}  // namespace reluscape
