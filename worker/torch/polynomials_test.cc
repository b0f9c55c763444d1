// The activation with polynomials against the formula written out and against differences, the fit
// against sums over draws, the penalty and the ranges.

#include "worker/torch/polynomials.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <cmath>

#include "search/network/names.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/messages.h"
#include "worker/torch/optimizers.h"
#include "worker/torch/polynomial_relu.h"

namespace reluscape {
namespace {

Network Build(const std::string& name) {
  const auto architecture = ParseArchitecture(name, /*side=*/32, /*classes=*/10);
  EXPECT_TRUE(architecture.ok()) << architecture.status();
  auto network = BuildNetwork(*architecture);
  EXPECT_TRUE(network.ok()) << network.status();
  return *std::move(network);
}

struct Example {
  at::Tensor x;
  at::Tensor mask;
  at::Tensor coefficients;
  at::Tensor weights;  // of the outputs in the loss, so that every gradient differs
};

Example MakeExample(int64_t batch, int64_t channels, int64_t side, uint64_t seed,
                    bool per_channel = false) {
  at::manual_seed(seed);
  const int64_t mask_side = per_channel ? 1 : side;
  return {.x = torch::randn({batch, channels, side, side}),
          .mask = torch::rand({channels, mask_side, mask_side}) * 2 - 0.5,
          .coefficients = torch::randn({3, channels}),
          .weights = torch::randn({batch, channels, side, side})};
}

// The formula of the header by autograd.
at::Tensor WrittenOut(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& coefficients) {
  const auto c = [&](int64_t k) { return coefficients[k].view({1, -1, 1, 1}); };
  return mask * at::relu(x) + (1 - mask) * (c(2) * x.square() + c(1) * x + c(0));
}

TEST(PolynomialReluTest, EqualsTheFormulaInValuesAndGradients) {
  for (const bool per_channel : {false, true}) {
    const Example example = MakeExample(3, 5, 7, /*seed=*/1, per_channel);
    std::vector<at::Tensor> inputs[2];
    for (auto& list : inputs) {
      for (const at::Tensor& one : {example.x, example.mask, example.coefficients}) {
        list.push_back(one.clone().requires_grad_());
      }
    }
    const at::Tensor y = PolynomialRelu(inputs[0][0], inputs[0][1], inputs[0][2]);
    const at::Tensor expected = WrittenOut(inputs[1][0], inputs[1][1], inputs[1][2]);
    EXPECT_TRUE(at::allclose(y, expected, 1e-5, 1e-6));
    (y * example.weights).sum().backward();
    (expected * example.weights).sum().backward();
    for (size_t i = 0; i < 3; ++i) {
      EXPECT_TRUE(at::allclose(inputs[0][i].grad(), inputs[1][i].grad(), 1e-4, 1e-4)) << i;
      EXPECT_EQ(inputs[0][i].grad().sizes(), inputs[0][i].sizes());
    }
  }
}

TEST(PolynomialReluTest, GradientsAgreeWithDifferences) {
  // Inputs keep their sign under the difference.
  Example example = MakeExample(2, 2, 3, /*seed=*/7);
  example.x = example.x.sign() * (example.x.abs() + 0.2);
  std::vector<at::Tensor> inputs;
  for (const at::Tensor& one : {example.x, example.mask, example.coefficients}) {
    inputs.push_back(one.clone().requires_grad_());
  }
  const auto loss = [&] {
    // Summed in float64: at most quadratic in every input, so central differences are exact.
    return (PolynomialRelu(inputs[0], inputs[1], inputs[2]).to(at::kDouble) * example.weights)
        .sum();
  };
  loss().backward();
  const c10::NoGradGuard no_grad;
  constexpr double kStep = 0.0625;
  for (const at::Tensor& input : inputs) {
    const at::Tensor flat = input.view(-1);
    for (int64_t i = 0; i < flat.numel(); ++i) {
      flat[i].add_(kStep);
      const double above = loss().item<double>();
      flat[i].sub_(2 * kStep);
      const double below = loss().item<double>();
      flat[i].add_(kStep);
      EXPECT_NEAR(input.grad().reshape(-1)[i].item<double>(), (above - below) / (2 * kStep), 2e-4);
    }
  }
}

TEST(PolynomialReluTest, MasksOfZeroAndOneAreExact) {
  const Example example = MakeExample(2, 3, 4, /*seed=*/3);
  const at::Tensor ones = at::ones_like(example.mask);
  EXPECT_TRUE(at::equal(PolynomialRelu(example.x, ones, example.coefficients), example.x.relu()));
  EXPECT_TRUE(at::equal(PolynomialRelu(example.x, ones - 1, example.coefficients),
                        Polynomial(example.x, example.coefficients)));
}

TEST(PolynomialReluTest, BfloatInputsAreComputedInFloat) {
  Example example = MakeExample(2, 3, 4, /*seed=*/4);
  const at::Tensor narrow = example.x.to(at::kBFloat16);
  const at::Tensor x = narrow.clone().requires_grad_();
  const at::Tensor mask = example.mask.clone().requires_grad_();
  const at::Tensor y = PolynomialRelu(x, mask, example.coefficients);
  EXPECT_EQ(y.scalar_type(), at::kBFloat16);
  const at::Tensor wide = WrittenOut(narrow.to(at::kFloat), example.mask, example.coefficients);
  EXPECT_TRUE(at::allclose(y.to(at::kFloat), wide, /*rtol=*/0.004, /*atol=*/1e-5));  // 8 bits
  y.sum().backward();
  EXPECT_EQ(x.grad().scalar_type(), at::kBFloat16);
  EXPECT_EQ(mask.grad().scalar_type(), at::kFloat);
}

// Least squares over many quantiles of the normal distribution.
at::Tensor LeastSquares(double mean, double variance) {
  const at::Tensor uniform = (at::arange(200'000, at::kDouble) + 0.5) / 200'000;
  const at::Tensor x = mean + std::sqrt(2 * variance) * at::erfinv(2 * uniform - 1);
  const at::Tensor powers = at::stack({at::ones_like(x), x, x.square()}, 1);
  return at::linalg_solve(powers.t().mm(powers), powers.t().mv(at::relu(x)));
}

TEST(FittedPolynomialsTest, AreTheLeastSquaresOfARelu) {
  const double means[] = {0, 0.5, -1.5, 2};
  const double variances[] = {1, 2, 0.75, 1.5};
  const at::Tensor fitted = FittedPolynomials(at::tensor({0.0F, 0.5F, -1.5F, 2.0F}),
                                              at::tensor({1.0F, 2.0F, 0.75F, 1.5F}));
  ASSERT_EQ(fitted.sizes(), at::IntArrayRef({3, 4}));
  for (int64_t i = 0; i < 4; ++i) {
    const at::Tensor expected = LeastSquares(means[i], variances[i]);
    for (int64_t k = 0; k < 3; ++k) {
      EXPECT_NEAR(fitted[k][i].item<double>(), expected[k].item<double>(), 1e-3) << i << " " << k;
    }
  }
}

TEST(FittedPolynomialsTest, SmallVariancesCountAsAHalf) {
  const at::Tensor mean = at::tensor({0.25F, 0.25F});
  const at::Tensor fitted = FittedPolynomials(mean, at::tensor({0.0F, 0.5F}));
  EXPECT_TRUE(at::equal(fitted.select(1, 0), fitted.select(1, 1)));
}

class PolynomialNetworkTest : public testing::Test {
 protected:
  PolynomialNetworkTest() {
    graph_.Initialize(/*seed=*/2);
    at::manual_seed(9);
    images_ = torch::randn({4, 3, 32, 32});
    const c10::NoGradGuard no_grad;
    for (const NamedTensor& one : graph_.coefficients()) {
      one.tensor.add_(torch::randn(one.tensor.sizes()), 0.1);
    }
  }

  const Network network_ = Build("resnet20@2");
  GraphNetwork graph_{network_, MaskMode::kSoft, at::kCPU, v1::LinearizeSpec::PIXEL,
                      v1::LinearizeSpec::POLYNOMIAL};
  at::Tensor images_;
};

TEST_F(PolynomialNetworkTest, CoefficientsAreParametersAndTheIdentityAtFirst) {
  const GraphNetwork fresh(network_, MaskMode::kFrozen, at::kCPU, v1::LinearizeSpec::PIXEL,
                           v1::LinearizeSpec::POLYNOMIAL);
  ASSERT_EQ(fresh.coefficients().size(), fresh.masks().size());
  EXPECT_EQ(fresh.parameters().size(), fresh.weights().size() + fresh.masks().size());
  for (size_t i = 0; i < fresh.coefficients().size(); ++i) {
    const NamedTensor& one = fresh.coefficients()[i];
    EXPECT_EQ(one.name, fresh.relu_names()[i] + ".polynomial");
    const at::Tensor identity = at::zeros_like(one.tensor);
    identity[1].fill_(1);
    EXPECT_TRUE(at::equal(one.tensor, identity));
    EXPECT_TRUE(one.tensor.requires_grad());
  }
  const GraphNetwork plain(network_, MaskMode::kNone, at::kCPU, v1::LinearizeSpec::PIXEL,
                           v1::LinearizeSpec::POLYNOMIAL);
  EXPECT_TRUE(plain.coefficients().empty());
}

TEST_F(PolynomialNetworkTest, MasksOfOneGiveThePlainNetwork) {
  GraphNetwork plain(network_, MaskMode::kNone, at::kCPU);
  plain.Initialize(/*seed=*/2);
  EXPECT_TRUE(at::allclose(graph_.Forward(images_), plain.Forward(images_), 1e-5, 1e-5));
}

TEST_F(PolynomialNetworkTest, CoefficientsGetGradientsWhereUnitsAreRemoved) {
  {
    const c10::NoGradGuard no_grad;
    graph_.masks()[0].tensor.fill_(0);
  }
  graph_.Forward(images_).square().sum().backward();
  EXPECT_GT(graph_.coefficients()[0].tensor.grad().abs().min().item<double>(), 0);
  EXPECT_EQ(graph_.coefficients()[1].tensor.grad().abs().max().item<double>(), 0);
}

TEST_F(PolynomialNetworkTest, ThePenaltyIsWhatInputsExceedTheLimitBy) {
  const RangePenalty penalty = {.weight = 0.5, .limit = 1.25};
  {
    const c10::NoGradGuard no_grad;
    at::manual_seed(1);
    // Also masks beyond 0 and 1, which count as these.
    for (const NamedTensor& mask : graph_.masks()) {
      mask.tensor.copy_(torch::rand(mask.tensor.sizes()) * 2 - 0.5);
    }
  }
  at::Tensor expected = at::zeros({});
  size_t layer = 0;
  const at::Tensor logits = graph_.Forward(
      images_, [&](const Op& op, const at::Tensor& input, const at::Tensor& /*output*/) {
        if (op.kind != OpKind::kRelu) return;
        const at::Tensor removed = (1 - graph_.masks()[layer++].tensor.detach()).clamp(0, 1);
        expected = expected + (removed * (input.abs() - 1.25).clamp_min(0).square()).sum() / 8;
      });
  const RangedOutput output = ForwardInRange(graph_, images_, penalty);
  EXPECT_TRUE(at::equal(output.logits, logits));
  EXPECT_GT(expected.item<double>(), 0.01);
  EXPECT_NEAR(output.penalty.item<double>() / expected.item<double>(), 1, 1e-5);

  const auto gradients = [&](const at::Tensor& loss) {
    loss.backward();
    std::vector<at::Tensor> all;
    for (const NamedTensor& one : graph_.parameters()) {
      all.push_back(one.tensor.grad().defined() ? one.tensor.grad().clone()
                                                : at::zeros_like(one.tensor));
      one.tensor.mutable_grad().reset();
    }
    return all;
  };
  const std::vector<at::Tensor> of_penalty = gradients(output.penalty);
  const std::vector<at::Tensor> of_expected = gradients(expected);
  for (size_t i = 0; i < of_penalty.size(); ++i) {
    EXPECT_TRUE(at::allclose(of_penalty[i], of_expected[i], 1e-3, 1e-4)) << i;
  }
}

TEST_F(PolynomialNetworkTest, WithoutWeightOrPolynomialsThereIsNoPenalty) {
  EXPECT_FALSE(ForwardInRange(graph_, images_, {.weight = 0, .limit = 1}).penalty.defined());
  const GraphNetwork identity(network_, MaskMode::kSoft, at::kCPU);
  EXPECT_FALSE(ForwardInRange(identity, images_, {.weight = 1, .limit = 1}).penalty.defined());
  v1::LinearizeSpec settings = Filled<v1::LinearizeSpec>();
  EXPECT_EQ(RangePenaltyOf(settings).weight, 0);
  settings.set_replacement(v1::LinearizeSpec::POLYNOMIAL);
  EXPECT_EQ(RangePenaltyOf(settings).weight, settings.range_penalty());
}

TEST_F(PolynomialNetworkTest, WeightDecayDoesNotReachCoefficients) {
  std::vector<at::Tensor> before;
  for (const NamedTensor& one : graph_.coefficients()) before.push_back(one.tensor.clone());
  const at::Tensor weight = graph_.weights().front().tensor.clone();
  v1::SgdSpec settings = Filled<v1::SgdSpec>();
  settings.set_weight_decay(0.1);
  SgdOptimizer optimizer(graph_.parameters(), settings);
  optimizer.SetLearningRate(1);
  optimizer.Step();
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(at::equal(before[i], graph_.coefficients()[i].tensor));
  }
  EXPECT_FALSE(at::equal(weight, graph_.weights().front().tensor));
}

}  // namespace
}  // namespace reluscape
