#include "worker/torch/gated_relu.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

namespace reluscape {
namespace {

struct Example {
  at::Tensor x;
  at::Tensor mask;
  at::Tensor weights;  // of the outputs in the loss, so that every gradient differs
};

// Mask values below 0 and above 1 happen in a descent.
Example MakeExample(int64_t batch, int64_t channels, int64_t side, uint64_t seed) {
  at::manual_seed(seed);
  return {.x = torch::randn({batch, channels, side, side}),
          .mask = torch::rand({channels, side, side}) * 2 - 0.5,
          .weights = torch::randn({batch, channels, side, side})};
}

at::Tensor TwoTerms(const at::Tensor& x, const at::Tensor& mask) {
  return mask * at::relu(x) + (1 - mask) * x;
}

TEST(GatedReluTest, EqualsTheTwoTermFormInValuesAndGradients) {
  for (const int64_t batch : {1, 3, 16}) {
    const Example example = MakeExample(batch, 5, 7, static_cast<uint64_t>(batch));
    const at::Tensor x1 = example.x.clone().requires_grad_();
    const at::Tensor mask1 = example.mask.clone().requires_grad_();
    const at::Tensor x2 = example.x.clone().requires_grad_();
    const at::Tensor mask2 = example.mask.clone().requires_grad_();
    const at::Tensor fused = GatedRelu(x1, mask1);
    const at::Tensor reference = TwoTerms(x2, mask2);
    EXPECT_TRUE(at::allclose(fused, reference, 1e-6, 1e-6));
    (fused * example.weights).sum().backward();
    (reference * example.weights).sum().backward();
    EXPECT_TRUE(at::allclose(x1.grad(), x2.grad(), 1e-6, 1e-6));
    EXPECT_TRUE(at::allclose(mask1.grad(), mask2.grad(), 1e-5, 1e-5));
    EXPECT_EQ(mask1.grad().sizes(), mask1.sizes());
  }
}

TEST(GatedReluTest, GradientsAgreeWithDifferences) {
  // Inputs of size 0.1 and more keep their sign under the difference.
  Example example = MakeExample(2, 2, 3, 7);
  example.x = example.x.sign() * (example.x.abs() + 0.1);
  const at::Tensor x = example.x.clone().requires_grad_();
  const at::Tensor mask = example.mask.clone().requires_grad_();
  const auto loss = [&](const at::Tensor& at_x, const at::Tensor& at_mask) {
    // Summed in float64: the function is linear in x and in a, so large differences are exact.
    return (GatedRelu(at_x, at_mask).to(at::kDouble) * example.weights).sum();
  };
  loss(x, mask).backward();
  constexpr double kStep = 0.0625;
  const c10::NoGradGuard no_grad;
  const auto check = [&](const at::Tensor& variable, const at::Tensor& gradient) {
    at::Tensor flat = variable.view(-1);
    for (int64_t i = 0; i < flat.numel(); ++i) {
      const double before = flat[i].item<double>();
      flat[i].fill_(before + kStep);
      const double above = loss(x, mask).item<double>();
      flat[i].fill_(before - kStep);
      const double below = loss(x, mask).item<double>();
      flat[i].fill_(before);
      EXPECT_NEAR((above - below) / (2 * kStep), gradient.view(-1)[i].item<double>(), 1e-4) << i;
    }
  };
  check(x, x.grad());
  check(mask, mask.grad());
}

TEST(GatedReluTest, ZeroAndOneMasksAreExact) {
  at::manual_seed(3);
  const at::Tensor x = torch::randn({8, 4, 5, 5}) * 1e3;
  const at::Tensor mask = (torch::rand({4, 5, 5}) > 0.5).to(at::kFloat);
  const at::Tensor expected = at::where(mask.unsqueeze(0) == 1, at::relu(x), x);
  EXPECT_TRUE(at::equal(GatedRelu(x, mask), expected));

  const at::Tensor leaf = x.clone().requires_grad_();
  GatedRelu(leaf, mask).sum().backward();
  const at::Tensor slope = at::where((mask.unsqueeze(0) == 1) & (x <= 0), 0.0, 1.0);
  EXPECT_TRUE(at::equal(leaf.grad(), slope.to(at::kFloat)));
  EXPECT_FALSE(mask.grad().defined());
}

TEST(GatedReluTest, OnlyTheMaskMayNeedAGradient) {
  const Example example = MakeExample(4, 2, 3, 11);
  const at::Tensor mask = example.mask.clone().requires_grad_();
  GatedRelu(example.x, mask).sum().backward();
  EXPECT_TRUE(at::allclose(mask.grad(), at::relu(-example.x).sum(0), 1e-5, 1e-5));
  EXPECT_FALSE(example.x.grad().defined());
}

TEST(GatedReluTest, ChannelsLastGivesTheSameNumbers) {
  const Example example = MakeExample(4, 6, 5, 13);
  const auto last = at::MemoryFormat::ChannelsLast;
  const at::Tensor x1 = example.x.clone().requires_grad_();
  const at::Tensor mask1 = example.mask.clone().requires_grad_();
  const at::Tensor x2 = example.x.clone().contiguous(last).requires_grad_();
  const at::Tensor mask2 =
      example.mask.clone().unsqueeze(0).contiguous(last).select(0, 0).detach().requires_grad_();
  const at::Tensor y1 = GatedRelu(x1, mask1);
  const at::Tensor y2 = GatedRelu(x2, mask2);
  EXPECT_TRUE(at::equal(y1, y2));
  EXPECT_TRUE(y2.is_contiguous(last));
  (y1 * example.weights).sum().backward();
  (y2 * example.weights).sum().backward();
  EXPECT_TRUE(at::equal(x1.grad(), x2.grad()));
  EXPECT_TRUE(at::allclose(mask1.grad(), mask2.grad(), 1e-5, 1e-6));
}

TEST(GatedReluTest, DoesNotDependOnTheNumberOfImagesAround) {
  // The sum over the batch is the sum of the parts.
  const Example example = MakeExample(6, 3, 4, 17);
  const auto mask_gradient = [&](int64_t first, int64_t count) {
    const at::Tensor mask = example.mask.clone().requires_grad_();
    GatedRelu(example.x.narrow(0, first, count), mask).sum().backward();
    return mask.grad();
  };
  EXPECT_TRUE(
      at::allclose(mask_gradient(0, 6), mask_gradient(0, 2) + mask_gradient(2, 4), 1e-5, 1e-6));
}

}  // namespace
}  // namespace reluscape
