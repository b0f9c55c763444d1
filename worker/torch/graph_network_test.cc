#include "worker/torch/graph_network.h"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/generated/variable_factories.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "search/network/accounting.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

Network Build(const std::string& name, int64_t side = 32, int64_t classes = 10) {
  const auto architecture = ParseArchitecture(name, side, classes);
  EXPECT_TRUE(architecture.ok()) << architecture.status();
  const auto network = BuildNetwork(*architecture);
  EXPECT_TRUE(network.ok()) << network.status();
  return *network;
}

int64_t Elements(const std::vector<NamedTensor>& tensors) {
  int64_t sum = 0;
  for (const NamedTensor& one : tensors) sum += one.tensor.numel();
  return sum;
}

at::Tensor Images(int64_t count, int64_t side = 32) {
  at::manual_seed(99);
  return torch::randn({count, 3, side, side});
}

// Copies weights and statistics; both were built from one Network.
void CopyLearned(const GraphNetwork& from, const GraphNetwork& to) {
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < from.weights().size(); ++i) {
    to.weights()[i].tensor.copy_(from.weights()[i].tensor);
  }
  for (size_t i = 0; i < from.statistics().size(); ++i) {
    to.statistics()[i].tensor.copy_(from.statistics()[i].tensor);
  }
}

class EveryNetworkTest : public testing::TestWithParam<std::string> {};

TEST_P(EveryNetworkTest, HasTheCountsOfTheAccounting) {
  const Network network = Build(GetParam());
  const auto counts = CountNetwork(network);
  ASSERT_TRUE(counts.ok()) << counts.status();
  const GraphNetwork graph(network, MaskMode::kSoft, at::kCPU);
  EXPECT_EQ(Elements(graph.weights()), counts->parameters);
  EXPECT_EQ(Elements(graph.masks()), counts->relus);
  EXPECT_EQ(graph.units(), counts->relus);
  size_t relu = 0;
  for (const Op& op : network.ops) {
    if (op.kind != OpKind::kRelu) continue;
    const at::IntArrayRef sizes = graph.masks()[relu].tensor.sizes();
    EXPECT_EQ(sizes, (at::IntArrayRef{op.relu_channels, op.output.height, op.output.width}));
    EXPECT_EQ(graph.masks()[relu].name, op.name + ".mask");
    EXPECT_EQ(graph.relu_names()[relu], op.name);
    ++relu;
  }
  EXPECT_EQ(relu, graph.masks().size());
}

TEST_P(EveryNetworkTest, GivesOneLogitPerClassAndAGradientPerParameter) {
  GraphNetwork graph(Build(GetParam()), MaskMode::kSoft, at::kCPU);
  graph.Initialize(1);
  const at::Tensor logits = graph.Forward(Images(2));
  EXPECT_EQ(logits.sizes(), (at::IntArrayRef{2, 10}));
  EXPECT_TRUE(at::isfinite(logits).all().item<bool>());
  at::cross_entropy_loss(logits, torch::tensor({3, 4}, at::kLong)).backward();
  for (const NamedTensor& weight : graph.weights()) {
    ASSERT_TRUE(weight.tensor.grad().defined()) << weight.name;
    EXPECT_EQ(weight.tensor.grad().strides(), weight.tensor.strides()) << weight.name;
  }
  for (const NamedTensor& mask : graph.masks()) {
    ASSERT_TRUE(mask.tensor.grad().defined()) << mask.name;
  }
}

TEST_P(EveryNetworkTest, EveryOperationHasTheShapeOfTheList) {
  const Network network = Build(GetParam());
  for (const MaskMode mode : {MaskMode::kNone, MaskMode::kFrozen}) {
    GraphNetwork graph(network, mode, at::kCPU);
    const c10::NoGradGuard no_grad;
    size_t index = 0;
    graph.Forward(Images(2), [&](const Op& op, const at::Tensor&, const at::Tensor& output) {
      EXPECT_EQ(op, network.ops[index]);
      EXPECT_EQ(output.sizes(),
                (at::IntArrayRef{2, op.output.channels, op.output.height, op.output.width}))
          << op.name;
      ++index;
    });
    EXPECT_EQ(index, network.ops.size());
  }
}

TEST_P(EveryNetworkTest, FoldedItGivesTheSameLogits) {
  GraphNetwork graph(Build(GetParam()), MaskMode::kNone, at::kCPU);
  graph.Initialize(1);
  const c10::NoGradGuard no_grad;
  at::manual_seed(8);
  for (const NamedTensor& one : graph.statistics()) {
    one.tensor.add_(torch::rand(one.tensor.sizes()), 0.2);
  }
  graph.SetTraining(false);
  const at::Tensor before = graph.Forward(Images(2));
  graph.Fold();
  const at::Tensor after = graph.Forward(Images(2));
  const double scale = std::max(before.abs().max().item<double>(), 1.0);
  EXPECT_LE((before - after).abs().max().item<double>(), 1e-5 * scale);
}

INSTANTIATE_TEST_SUITE_P(
    Names, EveryNetworkTest,
    testing::Values("resnet18@4+stem-relu", "hrn-5x5x3x@4", "hrn-2x3x@5:resnet20",
                    "resnet20@4+shortcut:downsample", "resnet20@4+shortcut:none", "resnet50@2",
                    "resnet50@2+imagenet-stem", "wrn-10-2@4", "wrn-10-2@4+final-relu",
                    "wrn-10-1@4+skip:dirac-ss", "vgg16@2+skip:dirac",
                    "vgg16@2+classifier:linear+pool:max", "resnet20@4+thinned",
                    "resnet20@4+culled:1", "resnet20@4+reuse:2", "resnet20@4+last-map:2",
                    "resnet18@4+scale:0.5+resolution:0.5", "resnet20@4+skip:none",
                    "resnet20@4+skip:dirac", "resnet20@4+skip:dirac+downsampling:average-pool",
                    "resnet20@4+skip:dirac-ss",
                    "resnet20@4+skip:dirac-ss:joins=section:source=stem:merge=scaled"));

TEST(GraphNetworkTest, PlainReluEqualsMasksOfOneBitByBit) {
  // The plain network works in place where it may, the other never: a wrong reuse of memory would
  // show here, in the outputs or in the gradients.
  const Network network = Build("hrn-2x2x@4:resnet20");
  GraphNetwork plain(network, MaskMode::kNone, at::kCPU);
  plain.Initialize(5);
  GraphNetwork frozen(network, MaskMode::kFrozen, at::kCPU);
  CopyLearned(plain, frozen);
  const at::Tensor images = Images(4);
  const at::Tensor logits = plain.Forward(images);
  const at::Tensor same = frozen.Forward(images);
  EXPECT_TRUE(at::equal(logits, same));
  logits.square().sum().backward();
  same.square().sum().backward();
  for (size_t i = 0; i < plain.weights().size(); ++i) {
    EXPECT_TRUE(at::allclose(plain.weights()[i].tensor.grad(), frozen.weights()[i].tensor.grad(),
                             1e-4, 1e-5))
        << plain.weights()[i].name;
  }
  EXPECT_TRUE(plain.masks().empty());
  for (const NamedTensor& mask : frozen.masks()) EXPECT_FALSE(mask.tensor.requires_grad());
}

TEST(GraphNetworkTest, WithoutReluItIsAffine) {
  GraphNetwork graph(Build("resnet18@4"), MaskMode::kFrozen, at::kCPU);
  graph.Initialize(5);
  graph.SetTraining(false);
  const c10::NoGradGuard no_grad;
  for (const NamedTensor& mask : graph.masks()) mask.tensor.zero_();
  const at::Tensor images = Images(2);
  const at::Tensor sum = graph.Forward(images) + graph.Forward(-images);
  const at::Tensor twice_at_zero = 2 * graph.Forward(at::zeros_like(images));
  EXPECT_TRUE(at::allclose(sum, twice_at_zero, 1e-3, 1e-2));
}

TEST(GraphNetworkTest, TrainingUpdatesStatisticsAndEvaluationDoesNot) {
  GraphNetwork graph(Build("resnet20@4"), MaskMode::kNone, at::kCPU);
  graph.Initialize(2);
  const c10::NoGradGuard no_grad;
  const at::Tensor before = graph.statistics()[0].tensor.clone();
  graph.SetTraining(false);
  graph.Forward(Images(4));
  EXPECT_TRUE(at::equal(graph.statistics()[0].tensor, before));
  graph.SetTraining(true);
  graph.Forward(Images(4));
  EXPECT_FALSE(at::equal(graph.statistics()[0].tensor, before));
}

TEST(GraphNetworkTest, SeedsDecideTheInitialWeights) {
  const Network network = Build("resnet18@8");
  GraphNetwork first(network, MaskMode::kNone, at::kCPU);
  GraphNetwork second(network, MaskMode::kNone, at::kCPU);
  first.Initialize(7);
  second.Initialize(7);
  for (size_t i = 0; i < first.weights().size(); ++i) {
    EXPECT_TRUE(at::equal(first.weights()[i].tensor, second.weights()[i].tensor));
  }
  second.Initialize(8);
  EXPECT_FALSE(at::equal(first.weights()[0].tensor, second.weights()[0].tensor));
}

TEST(GraphNetworkTest, InitialWeightsAreKaimingNormal) {
  GraphNetwork graph(Build("resnet18@16"), MaskMode::kNone, at::kCPU);
  graph.Initialize(7);
  int checked = 0;
  for (const NamedTensor& weight : graph.weights()) {
    if (weight.tensor.dim() != 4 || weight.tensor.numel() < 20000) continue;
    const int64_t inputs = weight.tensor.numel() / weight.tensor.size(0);
    const auto fan_in = static_cast<double>(inputs);
    EXPECT_NEAR(weight.tensor.std().item<double>() * std::sqrt(fan_in / 2), 1, 0.03) << weight.name;
    EXPECT_NEAR(weight.tensor.mean().item<double>(), 0, 0.003) << weight.name;
    ++checked;
  }
  EXPECT_GT(checked, 3);
}

TEST(GraphNetworkTest, FrozenTeacherCollectsNoGradient) {
  GraphNetwork graph(Build("resnet20@4"), MaskMode::kNone, at::kCPU);
  graph.Initialize(2);
  graph.SetRequiresGrad(false);
  EXPECT_FALSE(graph.Forward(Images(2)).requires_grad());
}

}  // namespace
}  // namespace reluscape
