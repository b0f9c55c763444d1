#include "worker/torch/gated_relu.h"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/generated/variable_factories.h>
#include <torch/cuda.h>

#include <string>
#include <vector>

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

// What differs between uses of the operator, and its slow form in float64.
struct Case {
  at::ScalarType type = at::kFloat;
  at::MemoryFormat format = at::MemoryFormat::Contiguous;
  bool per_channel = false;
  int64_t masked = 6;  // channels, of 6
};

std::vector<Case> AllCases() {
  std::vector<Case> cases;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
      for (const bool per_channel : {false, true}) {
        for (const int64_t masked : {1, 4, 6}) cases.push_back({type, format, per_channel, masked});
      }
    }
  }
  return cases;
}

struct Values {
  at::Tensor y;
  at::Tensor x_gradient;
  at::Tensor mask_gradient;
};

Values SlowInDouble(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& weights) {
  const at::Tensor leaf = x.detach().to(at::kDouble).requires_grad_();
  const at::Tensor mask_leaf = mask.detach().to(at::kDouble).requires_grad_();
  const int64_t masked = mask.size(0);
  const at::Tensor y = at::cat(
      {TwoTerms(leaf.narrow(1, 0, masked), mask_leaf), leaf.narrow(1, masked, x.size(1) - masked)},
      1);
  (y * weights.to(at::kDouble)).sum().backward();
  return {.y = y.detach(), .x_gradient = leaf.grad(), .mask_gradient = mask_leaf.grad()};
}

Values Fast(const at::Tensor& x, const at::Tensor& mask, const at::Tensor& weights) {
  const at::Tensor leaf = x.detach().clone().requires_grad_();
  const at::Tensor mask_leaf = mask.detach().clone().requires_grad_();
  const at::Tensor y = GatedRelu(leaf, mask_leaf);
  y.backward(weights);
  return {.y = y.detach(), .x_gradient = leaf.grad(), .mask_gradient = mask_leaf.grad()};
}

void ExpectAgreesWithSlowForm(const Case& one, int64_t batch, int64_t side, at::Device device) {
  const int64_t mask_side = one.per_channel ? 1 : side;
  at::manual_seed(23);
  const at::Tensor x = torch::randn({batch, 6, side, side}).to(one.type).contiguous(one.format);
  const at::Tensor weights =
      torch::randn({batch, 6, side, side}).to(one.type).contiguous(one.format);
  const at::Tensor mask = torch::rand({1, one.masked, mask_side, mask_side})
                              .contiguous(one.format)
                              .select(0, 0)
                              .detach();
  const Values slow = SlowInDouble(x, mask, weights);
  const Values fast = Fast(x.to(device), mask.to(device), weights.to(device));
  const double tolerance = one.type == at::kFloat ? 1e-5 : 1.0 / 128;
  const auto close = [&](const at::Tensor& found, const at::Tensor& expected, double relative,
                         double absolute) {
    return at::allclose(found.cpu().to(at::kDouble), expected, relative, absolute);
  };
  EXPECT_EQ(fast.y.scalar_type(), one.type);
  EXPECT_EQ(fast.mask_gradient.scalar_type(), at::kFloat);
  EXPECT_EQ(fast.mask_gradient.sizes(), mask.sizes());
  EXPECT_TRUE(close(fast.y, slow.y, tolerance, 1e-6));
  EXPECT_TRUE(close(fast.x_gradient, slow.x_gradient, tolerance, 1e-6));
  // Summed in float32 whatever the type outside.
  EXPECT_TRUE(close(fast.mask_gradient, slow.mask_gradient, 1e-5, 1e-4));
  EXPECT_TRUE(fast.y.is_contiguous(
      device.is_cuda() && one.per_channel ? at::MemoryFormat::ChannelsLast : one.format));
}

TEST(GatedReluTest, EveryTypeLayoutAndMaskAgreesWithTheSlowForm) {
  for (const Case& one : AllCases()) ExpectAgreesWithSlowForm(one, 5, 7, at::kCPU);
}

TEST(GatedReluCudaTest, EveryTypeLayoutAndMaskAgreesWithTheSlowForm) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "needs a CUDA device";
  for (const Case& one : AllCases()) {
    // Columns that wide accesses take and that they do not; one slice and many.
    for (const int64_t side : {int64_t{7}, int64_t{8}}) {
      for (const int64_t batch : {int64_t{5}, int64_t{300}}) {
        ExpectAgreesWithSlowForm(one, batch, side, at::kCUDA);
      }
    }
  }
}

TEST(GatedReluCudaTest, RepeatsBitForBit) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "needs a CUDA device";
  const Example example = MakeExample(300, 6, 8, 41);
  const auto run = [&] {
    return Fast(example.x.to(at::kCUDA), example.mask.to(at::kCUDA), example.weights.to(at::kCUDA));
  };
  const Values first = run();
  for (int i = 0; i < 20; ++i) {
    const Values again = run();
    EXPECT_TRUE(at::equal(first.y, again.y));
    EXPECT_TRUE(at::equal(first.x_gradient, again.x_gradient));
    EXPECT_TRUE(at::equal(first.mask_gradient, again.mask_gradient));
  }
}

TEST(GatedReluTest, AnyStridesGiveTheSameNumbers) {
  const Example example = MakeExample(4, 6, 5, 29);
  const Values dense = Fast(example.x, example.mask, example.weights);
  // A part of a larger tensor, a mask in the other layout, a gradient without memory of its own.
  const at::Tensor wide = at::cat({example.x, example.x}, 1);
  const at::Tensor x = wide.narrow(1, 0, 6).detach().requires_grad_();
  const at::Tensor mask = example.mask.permute({2, 0, 1}).contiguous().permute({1, 2, 0}).detach();
  const at::Tensor y = GatedRelu(x, mask.requires_grad_());
  EXPECT_TRUE(at::equal(y, dense.y));
  y.backward(at::ones({1}).expand_as(y));
  const Values ones = Fast(example.x, example.mask, at::ones_like(example.x));
  EXPECT_TRUE(at::equal(x.grad(), ones.x_gradient));
  EXPECT_TRUE(at::equal(mask.grad(), ones.mask_gradient));
}

TEST(GatedReluTest, AFrozenMaskIsNeverSummed) {
  // Frozen, the other gradient is the same and the mask has none.
  const Example example = MakeExample(4, 6, 5, 31);
  const at::Tensor x = example.x.clone().requires_grad_();
  GatedRelu(x, example.mask).backward(example.weights);
  EXPECT_TRUE(at::equal(x.grad(), Fast(example.x, example.mask, example.weights).x_gradient));
  EXPECT_FALSE(example.mask.grad().defined());
}

TEST(GatedReluTest, TheNumberOfThreadsChangesNoBit) {
  const int threads = at::get_num_threads();
  for (const bool per_channel : {false, true}) {
    at::manual_seed(37);
    const int64_t mask_side = per_channel ? 1 : 16;
    const at::Tensor x = torch::randn({200, 16, 16, 16});
    const at::Tensor weights = torch::randn({200, 16, 16, 16});
    const at::Tensor mask = torch::rand({16, mask_side, mask_side});
    at::set_num_threads(1);
    const Values one = Fast(x, mask, weights);
    at::set_num_threads(3);
    const Values three = Fast(x, mask, weights);
    EXPECT_TRUE(at::equal(one.y, three.y));
    EXPECT_TRUE(at::equal(one.x_gradient, three.x_gradient));
    EXPECT_TRUE(at::equal(one.mask_gradient, three.mask_gradient));
  }
  at::set_num_threads(threads);
}

std::string ErrorOf(const at::Tensor& x, const at::Tensor& mask) {
  try {
    GatedRelu(x, mask);
  } catch (const c10::Error& error) {
    return error.what_without_backtrace();
  }
  return "";
}

TEST(GatedReluTest, WrongArgumentsAreNamed) {
  using testing::HasSubstr;
  const at::Tensor x = at::ones({2, 4, 3, 3});
  const at::Tensor mask = at::ones({4, 3, 3});
  EXPECT_THAT(ErrorOf(x.to(at::kDouble), mask), HasSubstr("x: found type Double"));
  EXPECT_THAT(ErrorOf(x.select(0, 0), mask), HasSubstr("x: found shape [4, 3, 3]"));
  EXPECT_THAT(ErrorOf(x.narrow(0, 0, 0), mask), HasSubstr("x: found shape [0, 4, 3, 3]"));
  EXPECT_THAT(ErrorOf(x, mask.to(at::kBFloat16)), HasSubstr("mask: found type BFloat16"));
  for (const at::Tensor& wrong : {at::ones({5, 3, 3}), at::ones({4, 3, 1}), at::ones({0, 3, 3}),
                                  at::ones({4, 2, 2}), at::ones({4})}) {
    EXPECT_THAT(ErrorOf(x, wrong), HasSubstr("mask: found shape")) << wrong.sizes();
  }
}

}  // namespace
}  // namespace reluscape
