#include "worker/torch/kernels/gated_relu_cpu.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <vector>

#include "worker/torch/kernels/gated_relu_reference.h"

namespace reluscape {

void PrintTo(const GatedReluShape& shape, std::ostream* out) {
  *out << shape.outer << " x " << shape.values << " x " << shape.run;
}

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
// Relative: of float32, and a little more than half a unit in the last place of bfloat16.
constexpr double kFloat = 1e-6;
constexpr double kBfloat16 = 1.0 / 250;

double ToDouble(float value) { return value; }
double ToDouble(Bfloat16Bits value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

// Bfloat16 inputs are cut off, so that they are exact.
template <typename T>
T From(float value);
template <>
float From<float>(float value) {
  return value;
}
template <>
Bfloat16Bits From<Bfloat16Bits>(float value) {
  return {static_cast<uint16_t>(std::bit_cast<uint32_t>(value) >> 16)};
}

template <typename T>
std::vector<double> ToDoubles(const std::vector<T>& values) {
  std::vector<double> doubles;
  for (const T value : values) doubles.push_back(ToDouble(value));
  return doubles;
}

template <typename T>
struct Example {
  explicit Example(const GatedReluShape& of) : shape(of) {
    std::mt19937 random(static_cast<uint32_t>(shape.elements()));
    std::normal_distribution<float> normal;
    std::uniform_real_distribution<float> uniform(-0.5F, 1.5F);
    const auto elements = static_cast<size_t>(shape.elements());
    for (size_t i = 0; i < elements; ++i) {
      x.push_back(From<T>(i % 17 == 3 ? 0.0F : normal(random)));
      gradient.push_back(From<T>(normal(random)));
    }
    const auto values = static_cast<size_t>(shape.values);
    for (size_t i = 0; i < values; ++i) {
      mask.push_back(i % 5 == 0 ? 0.0F : i % 5 == 1 ? 1.0F : uniform(random));
    }
    expected_y.resize(elements);
    expected_x_gradient.resize(elements);
    expected_mask_gradient.resize(values);
    GatedReluReference(shape, ToDoubles(x).data(), ToDoubles(mask).data(), expected_y.data());
    GatedReluBackwardReference(shape, ToDoubles(gradient).data(), ToDoubles(x).data(),
                               ToDoubles(mask).data(), expected_x_gradient.data(),
                               expected_mask_gradient.data());
  }

  std::vector<T> Forward() const {
    std::vector<T> y(x.size());
    GatedReluCpu(shape, x.data(), mask.data(), 0, shape.elements(), y.data());
    return y;
  }

  struct Gradients {
    std::vector<T> x;
    std::vector<float> mask;
  };
  // In shares of `step` parts and `step` mask values, the last ones first.
  Gradients Backward(int64_t step, bool want_x, bool want_mask) const {
    const GatedReluParts parts(shape);
    Gradients found = {.x = std::vector<T>(x.size(), From<T>(kNan)),
                       .mask = std::vector<float>(mask.size(), kNan)};
    std::vector<float> partial(mask.size() * static_cast<size_t>(parts.slices), kNan);
    for (int64_t begin = (parts.parts() - 1) / step * step; begin >= 0; begin -= step) {
      GatedReluBackwardCpu(shape, gradient.data(), x.data(), mask.data(), begin,
                           std::min(begin + step, parts.parts()), want_x ? found.x.data() : nullptr,
                           want_mask ? partial.data() : nullptr);
    }
    for (int64_t begin = (shape.values - 1) / step * step; begin >= 0; begin -= step) {
      SumGatedReluSlices(shape, partial.data(), begin, std::min(begin + step, shape.values),
                         found.mask.data());
    }
    return found;
  }

  GatedReluShape shape;
  std::vector<T> x;
  std::vector<T> gradient;
  std::vector<float> mask;
  std::vector<double> expected_y;
  std::vector<double> expected_x_gradient;
  std::vector<double> expected_mask_gradient;
};

template <typename T>
void ExpectNear(const std::vector<T>& found, const std::vector<double>& expected, double relative) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(ToDouble(found[i]), expected[i], 1e-6 + relative * std::abs(expected[i]))
        << "at " << i;
  }
}

// Sums of a few thousand normally distributed terms of both signs.
void ExpectSumsNear(const std::vector<float>& found, const std::vector<double>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) {
    ASSERT_NEAR(found[i], expected[i], 1e-4 + 1e-6 * std::abs(expected[i])) << "at " << i;
  }
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::bit_cast<uint32_t>(a[i]) != std::bit_cast<uint32_t>(b[i])) return false;
  }
  return true;
}

class GatedReluCpuTest : public testing::TestWithParam<GatedReluShape> {};

TEST_P(GatedReluCpuTest, EqualsTheReferenceInFloat) {
  const Example<float> example(GetParam());
  ExpectNear(example.Forward(), example.expected_y, kFloat);
  const auto found = example.Backward(/*step=*/1, /*want_x=*/true, /*want_mask=*/true);
  ExpectNear(found.x, example.expected_x_gradient, kFloat);
  ExpectSumsNear(found.mask, example.expected_mask_gradient);
}

TEST_P(GatedReluCpuTest, EqualsTheReferenceInBfloat16) {
  const Example<Bfloat16Bits> example(GetParam());
  ExpectNear(example.Forward(), example.expected_y, kBfloat16);
  const auto found = example.Backward(/*step=*/1, /*want_x=*/true, /*want_mask=*/true);
  ExpectNear(found.x, example.expected_x_gradient, kBfloat16);
  ExpectSumsNear(found.mask, example.expected_mask_gradient);  // summed in float32
}

TEST_P(GatedReluCpuTest, DoesNotDependOnHowTheWorkIsSpread) {
  const Example<float> example(GetParam());
  const auto one_by_one = example.Backward(/*step=*/1, /*want_x=*/true, /*want_mask=*/true);
  for (const int64_t step : {3, 1000000}) {
    const auto other = example.Backward(step, /*want_x=*/true, /*want_mask=*/true);
    EXPECT_TRUE(SameBits(one_by_one.x, other.x));
    EXPECT_TRUE(SameBits(one_by_one.mask, other.mask));
  }
  const int64_t elements = example.shape.elements();
  std::vector<float> y(example.x.size());
  for (int64_t begin = 0; begin < elements; begin += 7) {
    GatedReluCpu(example.shape, example.x.data(), example.mask.data(), begin,
                 std::min(begin + 7, elements), y.data());
  }
  EXPECT_TRUE(SameBits(y, example.Forward()));
}

TEST_P(GatedReluCpuTest, LeavesOutWhatNobodyAsksFor) {
  const Example<float> example(GetParam());
  const auto both = example.Backward(/*step=*/1, /*want_x=*/true, /*want_mask=*/true);
  const auto only_x = example.Backward(/*step=*/1, /*want_x=*/true, /*want_mask=*/false);
  EXPECT_TRUE(SameBits(only_x.x, both.x));
  const auto only_mask = example.Backward(/*step=*/1, /*want_x=*/false, /*want_mask=*/true);
  EXPECT_TRUE(SameBits(only_mask.mask, both.mask));
}

// Rows that are shorter, as long as and longer than a block; fewer and more of them than a slice
// holds; runs around the number of lanes.
INSTANTIATE_TEST_SUITE_P(Shapes, GatedReluCpuTest,
                         testing::Values(GatedReluShape{1, 1, 1}, GatedReluShape{3, 7, 1},
                                         GatedReluShape{2, 1024, 1}, GatedReluShape{2, 2500, 1},
                                         GatedReluShape{18, 70000, 1}, GatedReluShape{128, 33, 1},
                                         GatedReluShape{129, 33, 1}, GatedReluShape{1000, 5, 1},
                                         GatedReluShape{1, 1, 2}, GatedReluShape{3, 5, 15},
                                         GatedReluShape{3, 5, 16}, GatedReluShape{4, 3, 49},
                                         GatedReluShape{2, 700, 33}, GatedReluShape{5, 1, 1025}));

TEST(GatedReluCpuEdgeTest, NanStaysNan) {
  for (const int64_t run : {1, 20}) {
    const GatedReluShape shape = {.outer = 2, .values = 3, .run = run};
    Example<float> example(shape);
    example.x[0] = kNan;
    example.mask[0] = 0;
    const auto last = static_cast<size_t>(shape.elements() - 1);
    example.mask[2] = kNan;
    example.x[last] = -1;
    const std::vector<float> y = example.Forward();
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_TRUE(std::isnan(y[last]));
    const auto found = example.Backward(/*step=*/1, /*want_x=*/true, /*want_mask=*/true);
    EXPECT_TRUE(std::isnan(found.mask[0]));
    EXPECT_FALSE(std::isnan(found.mask[1]));
    EXPECT_TRUE(std::isnan(found.x[last]));
  }
}

TEST(GatedReluCpuEdgeTest, NanStaysNanInBfloat16) {
  Example<Bfloat16Bits> example({.outer = 1, .values = 40, .run = 1});
  // All bits of the fraction set: rounding up would carry into the sign.
  example.x[5] = {0x7fff};
  example.x[6] = {0xffff};
  const std::vector<Bfloat16Bits> y = example.Forward();
  EXPECT_TRUE(std::isnan(ToDouble(y[5])));
  EXPECT_TRUE(std::isnan(ToDouble(y[6])));
  EXPECT_FALSE(std::isnan(ToDouble(y[7])));
}

TEST(GatedReluCpuEdgeTest, RoundsToTheNearestBfloat16AndTiesToEven) {
  // y = x * (1 - a) for negative x: -1.0 * (1 - a), with 7 bits of fraction after the one.
  const GatedReluShape shape = {.outer = 1, .values = 4, .run = 1};
  const std::vector<Bfloat16Bits> x(4, Bfloat16Bits{0xbf80});
  const std::vector<float> mask = {-1.0F / 256, -3.0F / 256, -1.1F / 256, -0.9F / 256};
  std::vector<Bfloat16Bits> y(4);
  GatedReluCpu(shape, x.data(), mask.data(), 0, 4, y.data());
  EXPECT_EQ(ToDouble(y[0]), -1);              // half way: down to the even one
  EXPECT_EQ(ToDouble(y[1]), -1 - 2.0 / 128);  // half way: up to the even one
  EXPECT_EQ(ToDouble(y[2]), -1 - 1.0 / 128);
  EXPECT_EQ(ToDouble(y[3]), -1);
}

TEST(GatedReluCpuEdgeTest, ManyTermsLoseLittle) {
  // One value for a million terms of one sign: a plain float32 sum would be wrong by some percent.
  const GatedReluShape shape = {.outer = 1 << 20, .values = 1, .run = 1};
  const auto elements = static_cast<size_t>(shape.elements());
  const std::vector<float> x(elements, -0.1F);
  const std::vector<float> gradient(elements, 1.0F);
  const float mask = 0.5F;
  const GatedReluParts parts(shape);
  std::vector<float> partial(static_cast<size_t>(parts.slices));
  float sum = 0;
  GatedReluBackwardCpu(shape, gradient.data(), x.data(), &mask, 0, parts.parts(), nullptr,
                       partial.data());
  SumGatedReluSlices(shape, partial.data(), 0, 1, &sum);
  const double expected = static_cast<double>(0.1F) * static_cast<double>(elements);
  EXPECT_NEAR(sum, expected, 1e-5 * expected);
}

}  // namespace
}  // namespace reluscape
