// The operations that go beyond basic blocks, on a network that holds all of them, and folding.

#include "worker/torch/graph_operations.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "search/network/accounting.h"
#include "search/network/folding.h"
#include "worker/torch/graph_network.h"

namespace reluscape {
namespace {

// Adds operations by hand; each returns its index.
class Builder {
 public:
  Builder() { Add(Make(OpKind::kInput, {}, {3, 16, 16})); }

  int Conv(int from, int64_t channels, int64_t stride, bool dirac) {
    const int64_t side = (OutputOf(from).height - 1) / stride + 1;
    Op op = Make(OpKind::kConv, {from}, {channels, side, side});
    op.kernel = 3;
    op.stride = stride;
    op.padding = 1;
    op.dirac = dirac;
    return Add(op);
  }
  int BatchNorm(int from) { return Add(Make(OpKind::kBatchNorm, {from}, OutputOf(from))); }
  int Relu(int from, int64_t channels = 0) {
    Op op = Make(OpKind::kRelu, {from}, OutputOf(from));
    op.relu_channels = channels > 0 ? channels : op.output.channels;
    return Add(op);
  }
  int Pool(OpKind kind, int from, int64_t kernel, int64_t stride, int64_t padding) {
    const Shape in = OutputOf(from);
    const int64_t side = (in.height + 2 * padding - kernel) / stride + 1;
    Op op = Make(kind, {from}, {in.channels, side, side});
    op.kernel = kernel;
    op.stride = stride;
    op.padding = padding;
    return Add(op);
  }
  int Downsample(int from, int64_t channels, int64_t stride) {
    const int64_t side = (OutputOf(from).height - 1) / stride + 1;
    Op op = Make(OpKind::kDownsample, {from}, {channels, side, side});
    op.stride = stride;
    op.shortcut = true;
    return Add(op);
  }
  int Scale(int from) { return Add(Make(OpKind::kScale, {from}, OutputOf(from))); }
  int Sum(int from, int other, Join join) {
    Op op = Make(OpKind::kAdd, {from, other}, OutputOf(from));
    op.join = join;
    return Add(op);
  }
  int Linear(int from, int64_t channels) {
    return Add(Make(OpKind::kLinear, {from}, {channels, 1, 1}));
  }
  Network Done() { return std::move(network_); }

 private:
  static Op Make(OpKind kind, std::vector<int> inputs, Shape output) {
    Op op;
    op.kind = kind;
    op.inputs = std::move(inputs);
    op.output = output;
    return op;
  }
  Shape OutputOf(int index) const { return network_.ops[static_cast<size_t>(index)].output; }
  int Add(Op op) {
    const int index = static_cast<int>(network_.ops.size());
    op.name = "op" + std::to_string(index);
    network_.ops.push_back(std::move(op));
    return index;
  }

  Network network_;
};

// Every kind of operation, shared and residual joins, a Dirac convolution with and without a batch
// norm behind it, a batch norm behind a sum, ReLUs on some channels only, and two linear layers.
Network Everything() {
  Builder b;
  const int stem = b.Relu(b.BatchNorm(b.Conv(0, 4, 1, false)));
  const int reused = b.Relu(b.BatchNorm(b.Conv(stem, 4, 1, true)), 2);
  const int joined = b.Sum(reused, b.Scale(stem), Join::kShared);
  const int pooled = b.Pool(OpKind::kMaxPool, joined, 2, 2, 0);
  const int main = b.BatchNorm(b.Conv(pooled, 6, 2, false));
  const int sum = b.Relu(b.Sum(main, b.Downsample(pooled, 6, 2), Join::kResidual));
  const int small = b.Pool(OpKind::kAveragePool, sum, 3, 2, 1);
  const int bare = b.Conv(small, 6, 1, true);
  const int activated = b.Relu(b.BatchNorm(b.Sum(bare, small, Join::kShared)));
  b.Linear(b.Relu(b.Linear(activated, 5), 3), 3);
  return b.Done();
}

at::Tensor Images() {
  at::manual_seed(17);
  return torch::randn({4, 3, 16, 16});
}

// Weights and statistics that no operation has by default.
void Disturb(const GraphNetwork& network) {
  const c10::NoGradGuard no_grad;
  at::manual_seed(3);
  for (const NamedTensor& weight : network.weights()) {
    weight.tensor.add_(torch::randn(weight.tensor.sizes()), 0.1);
  }
  for (const NamedTensor& one : network.statistics()) {
    one.tensor.add_(torch::rand(one.tensor.sizes()), 0.5);
  }
}

TEST(GraphOperationsTest, EveryOperationHasTheCountsOfTheAccounting) {
  const Network network = Everything();
  const auto counts = CountNetwork(network);
  ASSERT_TRUE(counts.ok()) << counts.status();
  for (const v1::LinearizeSpec::MaskShape shape :
       {v1::LinearizeSpec::PIXEL, v1::LinearizeSpec::CHANNEL}) {
    GraphNetwork graph(network, MaskMode::kSoft, at::kCPU, shape);
    graph.Initialize(1);
    int64_t parameters = 0;
    for (const NamedTensor& weight : graph.weights()) parameters += weight.tensor.numel();
    EXPECT_EQ(parameters, counts->parameters);
    int64_t units = 0;
    for (size_t i = 0; i < graph.masks().size(); ++i) {
      units += graph.masks()[i].tensor.numel() * graph.units_per_value()[i];
    }
    EXPECT_EQ(units, counts->relus);
    EXPECT_EQ(graph.units(), counts->relus);
    const at::Tensor logits = graph.Forward(Images());
    EXPECT_EQ(logits.sizes(), (at::IntArrayRef{4, 3}));
    logits.square().sum().backward();
    for (const auto& list : {graph.weights(), graph.masks()}) {
      for (const NamedTensor& one : list) {
        ASSERT_TRUE(one.tensor.grad().defined()) << one.name;
        EXPECT_EQ(one.tensor.grad().sizes(), one.tensor.sizes()) << one.name;
      }
    }
  }
}

TEST(GraphOperationsTest, PlainReluEqualsMasksOfOne) {
  const Network network = Everything();
  GraphNetwork plain(network, MaskMode::kNone, at::kCPU);
  plain.Initialize(5);
  GraphNetwork gated(network, MaskMode::kFrozen, at::kCPU);
  gated.Initialize(5);
  const at::Tensor logits = plain.Forward(Images());
  const at::Tensor same = gated.Forward(Images());
  EXPECT_TRUE(at::equal(logits, same));
  logits.square().sum().backward();
  same.square().sum().backward();
  for (size_t i = 0; i < plain.weights().size(); ++i) {
    EXPECT_TRUE(at::allclose(plain.weights()[i].tensor.grad(), gated.weights()[i].tensor.grad(),
                             1e-4, 1e-5))
        << plain.weights()[i].name;
  }
}

TEST(GraphOperationsTest, AMaskPerChannelIsOneForAllItsPixels) {
  const Network network = Everything();
  GraphNetwork channels(network, MaskMode::kSoft, at::kCPU, v1::LinearizeSpec::CHANNEL);
  channels.Initialize(5);
  GraphNetwork pixels(network, MaskMode::kSoft, at::kCPU);
  pixels.Initialize(5);
  {
    const c10::NoGradGuard no_grad;
    at::manual_seed(2);
    for (size_t i = 0; i < channels.masks().size(); ++i) {
      const at::Tensor& mask = channels.masks()[i].tensor;
      mask.copy_(torch::rand(mask.sizes()));
      pixels.masks()[i].tensor.copy_(mask.expand_as(pixels.masks()[i].tensor));
    }
  }
  const at::Tensor logits = channels.Forward(Images());
  const at::Tensor same = pixels.Forward(Images());
  EXPECT_TRUE(at::allclose(logits, same, 1e-5, 1e-6));
  logits.square().sum().backward();
  same.square().sum().backward();
  for (size_t i = 0; i < channels.masks().size(); ++i) {
    const at::Tensor summed = pixels.masks()[i].tensor.grad().sum({1, 2}, /*keepdim=*/true);
    EXPECT_TRUE(at::allclose(channels.masks()[i].tensor.grad(), summed, 1e-3, 1e-4))
        << channels.masks()[i].name;
  }
}

TEST(GraphOperationsTest, DiracIsTheIdentityWithoutItsFilter) {
  at::manual_seed(1);
  for (const auto& [out, in] : {std::pair<int64_t, int64_t>{5, 5}, {7, 5}, {3, 5}}) {
    const at::Tensor weight = DiracWeight(torch::randn({out, in, 3, 3}), torch::ones({out}),
                                          torch::zeros({out}), IdentityKernel(out, in, 3));
    const at::Tensor x = torch::randn({2, in, 6, 6});
    const at::Tensor y = at::conv2d(x, weight, {}, 1, 1);
    const int64_t shared = std::min(out, in);
    EXPECT_TRUE(at::equal(y.narrow(1, 0, shared), x.narrow(1, 0, shared)));
    EXPECT_EQ(y.narrow(1, shared, out - shared).abs().sum().item<float>(), 0);
  }
}

TEST(GraphOperationsTest, DiracWeighsEveryFilterByItsNorm) {
  at::manual_seed(1);
  const at::Tensor v = torch::randn({3, 2, 3, 3});
  const at::Tensor a = torch::tensor({1.0F, 2.0F, 0.0F});
  const at::Tensor b = torch::tensor({0.1F, 0.5F, 3.0F});
  const at::Tensor weight = DiracWeight(v, a, b, IdentityKernel(3, 2, 3));
  for (int64_t o = 0; o < 3; ++o) {
    at::Tensor expected = b[o] * v[o] / v[o].norm();
    if (o < 2) expected[o][1][1] += a[o];
    EXPECT_TRUE(at::allclose(weight[o], expected, 1e-5, 1e-6)) << o;
  }
  // A filter of zeros has no direction, and no gradient that is not a number.
  const at::Tensor zero = torch::zeros({3, 2, 3, 3});
  EXPECT_TRUE(at::isfinite(DiracWeight(zero, a, b, IdentityKernel(3, 2, 3))).all().item<bool>());
}

TEST(GraphOperationsTest, DownsamplePicksPixelsAndAddsZeroChannels) {
  const at::Tensor x = torch::arange(2 * 5 * 5, at::kFloat).view({1, 2, 5, 5});
  const at::Tensor y = Downsample(x, 2, 3);
  EXPECT_EQ(y.sizes(), (at::IntArrayRef{1, 3, 3, 3}));
  EXPECT_EQ(y[0][0][1][2].item<float>(), x[0][0][2][4].item<float>());
  EXPECT_EQ(y[0][1][2][0].item<float>(), x[0][1][4][0].item<float>());
  EXPECT_EQ(y[0][2].abs().sum().item<float>(), 0);
}

TEST(GraphOperationsTest, ChannelsWithoutReluPassUnchanged) {
  at::manual_seed(1);
  const at::Tensor x = torch::randn({2, 4, 3, 3});
  const at::Tensor y = ReluOnChannels(x, 3, {}, /*in_place=*/false);
  EXPECT_TRUE(at::equal(y.narrow(1, 0, 3), at::relu(x.narrow(1, 0, 3))));
  EXPECT_TRUE(at::equal(y.narrow(1, 3, 1), x.narrow(1, 3, 1)));
}

TEST(GraphOperationsTest, AFoldedNetworkGivesTheSameLogits) {
  for (const MaskMode mode : {MaskMode::kNone, MaskMode::kFrozen}) {
    GraphNetwork graph(Everything(), mode, at::kCPU);
    graph.Initialize(5);
    Disturb(graph);
    const c10::NoGradGuard no_grad;
    for (const NamedTensor& mask : graph.masks()) {
      mask.tensor.copy_((torch::rand(mask.tensor.sizes()) > 0.5).to(at::kFloat));
    }
    graph.SetTraining(false);
    const at::Tensor before = graph.Forward(Images());
    graph.Fold();
    const at::Tensor after = graph.Forward(Images());
    EXPECT_TRUE(at::allclose(before, after, 1e-5, 1e-5)) << (before - after).abs().max();
    // Only the batch norm behind the sum is left.
    EXPECT_EQ(graph.statistics().size(), 2U);
    for (const NamedTensor& weight : graph.weights()) {
      EXPECT_EQ(weight.name.find("dirac"), std::string::npos);
    }
  }
}

TEST(GraphOperationsTest, FoldingWithoutLibTorchGivesTheSameTensors) {
  GraphNetwork graph(Everything(), MaskMode::kFrozen, at::kCPU);
  graph.Initialize(5);
  Disturb(graph);
  FloatTensors tensors;
  for (const auto& list : {graph.weights(), graph.statistics(), graph.masks()}) {
    for (const NamedTensor& one : list) {
      const at::Tensor flat = one.tensor.detach().contiguous();
      const float* data = flat.const_data_ptr<float>();
      tensors[one.name] = std::vector<float>(data, data + flat.numel());
    }
  }
  const auto folded = FoldNetwork(Everything(), tensors);
  ASSERT_TRUE(folded.ok()) << folded.status();
  graph.Fold();
  size_t seen = 0;
  for (const auto& list : {graph.weights(), graph.statistics(), graph.masks()}) {
    for (const NamedTensor& one : list) {
      const auto found = folded->tensors.find(one.name);
      ASSERT_NE(found, folded->tensors.end()) << one.name;
      ASSERT_EQ(static_cast<int64_t>(found->second.size()), one.tensor.numel()) << one.name;
      const at::Tensor other = torch::tensor(found->second).view(one.tensor.sizes());
      EXPECT_TRUE(at::allclose(one.tensor, other, 1e-5, 1e-6)) << one.name;
      ++seen;
    }
  }
  EXPECT_EQ(seen, folded->tensors.size());
  // Three batch norms less, and nobody reads an operation that is gone.
  EXPECT_EQ(folded->network.ops.size() + 3, Everything().ops.size());
  for (size_t i = 0; i < folded->network.ops.size(); ++i) {
    for (const int input : folded->network.ops[i].inputs) {
      EXPECT_LT(static_cast<size_t>(input), i);
    }
    EXPECT_FALSE(folded->network.ops[i].dirac);
  }
}

TEST(GraphOperationsTest, FoldingNamesATensorThatDoesNotFit) {
  GraphNetwork graph(Everything(), MaskMode::kNone, at::kCPU);
  EXPECT_EQ(FoldNetwork(Everything(), {}).status().message(), "tensor op1.weight is missing");
  EXPECT_EQ(FoldNetwork(Everything(), {{"op1.weight", {1, 2}}}).status().message(),
            "tensor op1.weight: found 2 elements; expected 108");
}

}  // namespace
}  // namespace reluscape
