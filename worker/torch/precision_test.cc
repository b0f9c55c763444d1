// Number types and memory formats of a GraphNetwork, and what a recipe's precision comes to.

#include "worker/torch/precision.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "search/network/names.h"
#include "worker/torch/graph_network.h"

namespace reluscape {
namespace {

Network NetworkOf(const std::string& name) {
  return *BuildNetwork(*ParseArchitecture(name, /*side=*/32, /*classes=*/10));
}

at::Tensor Images(int64_t count) {
  at::manual_seed(99);
  return at::randn({count, 3, 32, 32});
}

// The largest difference, relative to the largest value of `expected`.
double Difference(const at::Tensor& found, const at::Tensor& expected) {
  const at::Tensor exact = expected.to(at::kDouble);
  return ((found.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
}

struct Gradients {
  at::Tensor output;
  at::Tensor input;
  at::Tensor weight;
};

Gradients Convolve(const at::Tensor& images, const at::Tensor& weight, int64_t stride,
                   at::MemoryFormat format, at::ScalarType type) {
  const at::Tensor x = images.to(type).clone(format).set_requires_grad(true);
  const at::Tensor w = weight.to(type).clone(format).set_requires_grad(true);
  const at::Tensor y = at::conv2d(x, w, {}, stride, weight.size(2) / 2);
  const at::Tensor gradient = at::linspace(-1, 1, y.numel()).view(y.sizes()).to(type);
  y.backward(gradient.contiguous(format));
  return {.output = y.detach(), .input = x.grad(), .weight = w.grad()};
}

// Input channels, output channels, kernel, stride.
using Convolution = std::tuple<int64_t, int64_t, int64_t, int64_t>;
class ChannelsLastTest : public testing::TestWithParam<Convolution> {};

// What MemoryFormatFor relies on. Other shapes are known to fail here: {3, 16, 1, 2}.
TEST_P(ChannelsLastTest, GradientsAgreeWithFloat64) {
  const auto [in, out, kernel, stride] = GetParam();
  at::manual_seed(7);
  for (const int64_t batch : {2, 5}) {
    for (const int64_t side : {16, 5}) {
      const at::Tensor images = at::randn({batch, in, side, side});
      const at::Tensor weight = at::randn({out, in, kernel, kernel}) * 0.1;
      const Gradients found =
          Convolve(images, weight, stride, at::MemoryFormat::ChannelsLast, at::kFloat);
      const Gradients exact =
          Convolve(images, weight, stride, at::MemoryFormat::Contiguous, at::kDouble);
      EXPECT_LT(Difference(found.output, exact.output), 1e-5) << batch << " " << side;
      EXPECT_LT(Difference(found.input, exact.input), 1e-5) << batch << " " << side;
      EXPECT_LT(Difference(found.weight, exact.weight), 1e-5) << batch << " " << side;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ChannelsLastTest,
                         testing::Values(Convolution{3, 16, 3, 1}, Convolution{3, 64, 7, 2},
                                         Convolution{16, 16, 3, 1}, Convolution{16, 32, 3, 2},
                                         Convolution{16, 32, 1, 2}, Convolution{48, 48, 1, 1},
                                         Convolution{16, 80, 3, 2}, Convolution{80, 80, 3, 1},
                                         Convolution{16, 80, 1, 2}, Convolution{64, 128, 3, 2},
                                         Convolution{64, 128, 1, 2}));

TEST(MemoryFormatTest, IsChannelsLastWhereAllWidthsAreSafe) {
  const auto format = [](const std::string& name) {
    return GraphNetwork(NetworkOf(name), MaskMode::kSoft, at::kCPU).memory_format();
  };
  EXPECT_EQ(format("resnet18@16"), at::MemoryFormat::ChannelsLast);
  EXPECT_EQ(format("hrn-5x5x3x@16"), at::MemoryFormat::ChannelsLast);
  EXPECT_EQ(format("resnet18@4"), at::MemoryFormat::Contiguous);
  EXPECT_EQ(format("resnet18@24"), at::MemoryFormat::Contiguous);
  EXPECT_EQ(format("hrn-5x5x3x@8"), at::MemoryFormat::Contiguous);
}

TEST(UsedPrecisionTest, Tf32IsFloat32WhereThereIsNone) {
  EXPECT_EQ(UsedPrecision(v1::StagesSpec::TF32, /*has_tf32=*/false), v1::StagesSpec::FLOAT32);
  EXPECT_EQ(UsedPrecision(v1::StagesSpec::TF32, /*has_tf32=*/true), v1::StagesSpec::TF32);
  for (const bool has_tf32 : {false, true}) {
    for (const auto other : {v1::StagesSpec::FLOAT32, v1::StagesSpec::BFLOAT16}) {
      EXPECT_EQ(UsedPrecision(other, has_tf32), other);
    }
  }
}

// Of cuDNN and of cuBLAS.
std::pair<bool, bool> Tf32Flags() {
  return {at::globalContext().allowTF32CuDNN(), at::globalContext().allowTF32CuBLAS()};
}

TEST(Tf32ProductsTest, HoldForAScopeAndAreRestored) {
  using Flags = std::pair<bool, bool>;
  const Flags before = Tf32Flags();
  EXPECT_EQ(before, Flags(true, false));  // LibTorch's own
  for (const bool on : {true, false}) {
    try {
      const Tf32Products products(on);
      EXPECT_EQ(Tf32Flags(), Flags(on, on));
      {
        const Tf32Products others(!on);
        EXPECT_EQ(Tf32Flags(), Flags(!on, !on));
      }
      EXPECT_EQ(Tf32Flags(), Flags(on, on));
      throw std::runtime_error("diverged");
    } catch (const std::runtime_error&) {
    }
    EXPECT_EQ(Tf32Flags(), before);
  }
}

// oneDNN has switches of its own, so that a recipe's TF32 changes no bit on a CPU.
TEST(Tf32ProductsTest, ChangeNothingOnACpu) {
  const auto logits = [](bool on) {
    GraphNetwork network(NetworkOf("resnet18@16"), MaskMode::kNone, at::kCPU);
    network.Initialize(3);
    const Tf32Products products(on);
    return network.Forward(Images(4)).detach();
  };
  EXPECT_TRUE(at::equal(logits(true), logits(false)));
}

class Bfloat16Test : public testing::TestWithParam<const char*> {};

TEST_P(Bfloat16Test, IsCloseToFloat32InLogitsAndGradients) {
  const Network network = NetworkOf(GetParam());
  GraphNetwork exact(network, MaskMode::kSoft, at::kCPU);
  GraphNetwork rounded(network, MaskMode::kSoft, at::kCPU, v1::LinearizeSpec::PIXEL,
                       v1::LinearizeSpec::IDENTITY, v1::StagesSpec::BFLOAT16);
  exact.Initialize(3);
  rounded.Initialize(3);
  const at::Tensor images = Images(8);
  const at::Tensor expected = exact.Forward(images);
  const at::Tensor logits = rounded.Forward(images);
  EXPECT_EQ(logits.scalar_type(), at::kFloat);
  EXPECT_FALSE(at::equal(logits, expected));
  EXPECT_LT(Difference(logits, expected), 0.05);
  expected.square().sum().backward();
  logits.square().sum().backward();
  const auto gradients = [](const std::vector<NamedTensor>& parameters) {
    std::vector<at::Tensor> flat;
    for (const NamedTensor& parameter : parameters) {
      EXPECT_EQ(parameter.tensor.scalar_type(), at::kFloat) << parameter.name;
      EXPECT_EQ(parameter.tensor.grad().scalar_type(), at::kFloat) << parameter.name;
      flat.push_back(parameter.tensor.grad().flatten());
    }
    return at::cat(flat);
  };
  // Eight bits through up to twenty layers: single gradients may be far off, not all of them.
  const auto compare = [](const at::Tensor& found, const at::Tensor& all) {
    EXPECT_GT((found * all).sum().item<double>() / (found.norm() * all.norm()).item<double>(), 0.9);
    EXPECT_NEAR((found.norm() / all.norm()).item<double>(), 1, 0.1);
  };
  compare(gradients(rounded.weights()), gradients(exact.weights()));
  compare(gradients(rounded.masks()), gradients(exact.masks()));
  for (const NamedTensor& statistic : rounded.statistics()) {
    EXPECT_EQ(statistic.tensor.scalar_type(), at::kFloat) << statistic.name;
  }
}

// What LibTorch's autocast gets wrong where its cache of weights is not cleared.
TEST_P(Bfloat16Test, SeesAChangedWeightAtOnce) {
  GraphNetwork network(NetworkOf(GetParam()), MaskMode::kNone, at::kCPU, v1::LinearizeSpec::PIXEL,
                       v1::LinearizeSpec::IDENTITY, v1::StagesSpec::BFLOAT16);
  network.Initialize(3);
  const at::Tensor before = network.Forward(Images(4)).detach();
  {
    const c10::NoGradGuard no_grad;
    network.weights().front().tensor.neg_();
  }
  EXPECT_GT(Difference(network.Forward(Images(4)).detach(), before), 0.01);
}

TEST_P(Bfloat16Test, FoldedItHoldsBfloat16CopiesAndGivesTheSameLogits) {
  GraphNetwork network(NetworkOf(GetParam()), MaskMode::kNone, at::kCPU, v1::LinearizeSpec::PIXEL,
                       v1::LinearizeSpec::IDENTITY, v1::StagesSpec::BFLOAT16);
  network.Initialize(3);
  network.SetTraining(false);
  const c10::NoGradGuard no_grad;
  const at::Tensor logits = network.Forward(Images(4));
  network.Fold();
  EXPECT_LT(Difference(network.Forward(Images(4)), logits), 0.05);
  EXPECT_EQ(network.weights().front().tensor.scalar_type(), at::kBFloat16);
}

INSTANTIATE_TEST_SUITE_P(Networks, Bfloat16Test,
                         testing::Values("resnet18@4", "wrn-16-1@8",
                                         "resnet20@4+skip:dirac-ss:joins=section:source=stem:merge="
                                         "scaled"),
                         [](const auto& network) {
                           return "Network" + std::to_string(network.index);
                         });

}  // namespace
}  // namespace reluscape
