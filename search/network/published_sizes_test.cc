// Figures from outside this project's formulas, at least one per family. Each names its source.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

// He et al., "Deep Residual Learning for Image Recognition", table 6: parameters for ten classes,
// with shortcuts without parameters.
TEST(PublishedSizesTest, CifarResNetsHaveThePublishedSizes) {
  const std::map<std::string, double> published = {{"mpcnn-resnet20", 0.27e6},
                                                   {"mpcnn-resnet32", 0.46e6},
                                                   {"mpcnn-resnet44", 0.66e6},
                                                   {"mpcnn-resnet56", 0.85e6},
                                                   {"mpcnn-resnet110", 1.7e6}};
  for (const auto& [name, parameters] : published) {
    EXPECT_NEAR(static_cast<double>(Counted(name, 32, 10).parameters), parameters,
                0.02 * parameters)
        << name;
  }
}

// Parameters and multiply-accumulates that torchvision's documentation of its ImageNet weights
// prints ("num_params"; "GFLOPS" with two decimals).
TEST(PublishedSizesTest, ImageNetNetworksAreTorchvisions) {
  struct Published {
    std::string name;
    int64_t parameters;
    double giga_macs;
  };
  // Its VGG convolutions have biases in front of their batch norms, which ours leave out: one per
  // output channel.
  constexpr int64_t kVggBiases = 2 * 64 + 2 * 128 + 3 * 256 + 6 * 512;
  const Published published[] = {
      {"resnet18+imagenet-stem+stem-relu", 11'689'512, 1.81},
      {"resnet34+imagenet-stem+stem-relu", 21'797'672, 3.66},
      {"resnet50+imagenet-stem+stem-relu", 25'557'032, 4.09},
      {"vgg16+pool:max+last-map:7", 138'365'992 - kVggBiases, 15.47},
  };
  for (const Published& network : published) {
    const NetworkCounts counts = Counted(network.name, 224, 1000);
    EXPECT_EQ(counts.parameters, network.parameters) << network.name;
    EXPECT_NEAR(static_cast<double>(counts.macs) / 1e9, network.giga_macs, 0.0051) << network.name;
  }
}

// Zagoruyko, Komodakis, "Wide Residual Networks", results on CIFAR: millions of parameters for ten
// classes.
TEST(PublishedSizesTest, WideResNetsHaveThePublishedSizes) {
  for (const auto& [name, millions] :
       std::map<std::string, double>{{"wrn-40-4", 8.9}, {"wrn-16-8", 11.0}, {"wrn-28-10", 36.5}}) {
    EXPECT_NEAR(static_cast<double>(Counted(name, 32, 10).parameters) / 1e6, millions, 0.051)
        << name;
  }
}

// The public artifact of Garimella et al. (ASPLOS 2023), which measured DELPHI: ReLUs, the widths
// that enter its classifiers, and its convolutions, none of them on a shortcut.
TEST(PublishedSizesTest, DelphiNetworksAreTheMeasuredOnes) {
  struct Measured {
    std::string name;
    int64_t relus;
    int64_t classifier_inputs;
    int convolutions;
  };
  for (const Measured& measured : {Measured{"delphi-resnet32", 303'104, 1024, 31},
                                   Measured{"delphi-resnet18", 557'056, 2048, 17}}) {
    const Network network = Built(measured.name, 32, 10);
    const NetworkCounts counts = *CountNetwork(network);
    EXPECT_EQ(counts.relus, measured.relus) << measured.name;
    EXPECT_EQ(counts.classifier_macs, measured.classifier_inputs * 10) << measured.name;
    EXPECT_EQ(counts.shortcut_macs, 0) << measured.name;
    int convolutions = 0;
    for (const Op& op : network.ops) convolutions += op.kind == OpKind::kConv ? 1 : 0;
    EXPECT_EQ(convolutions, measured.convolutions) << measured.name;
  }
}

// Elements that enter all linear layers: 553,984 (ResNet18) and 303,104 (ResNet32) by the message
// sizes of the same artifact, 9 bytes each.
TEST(PublishedSizesTest, DelphiLinearLayersReadWhatItsMessagesHold) {
  for (const auto& [name, elements] :
       std::map<std::string, int64_t>{{"delphi-resnet18", 553'984}, {"delphi-resnet32", 303'104}}) {
    const Network network = Built(name, 32, 10);
    int64_t read = 0;
    for (const Op& op : network.ops) {
      if (op.kind != OpKind::kConv && op.kind != OpKind::kLinear) continue;
      const Shape& in = network.ops[static_cast<size_t>(op.inputs[0])].output;
      read += in.channels * in.height * in.width;
    }
    EXPECT_EQ(read, elements) << name;
  }
}

// Lee et al. (ICML 2022), public log of ResNet-20: 19 convolutions, 19 ReLUs, 2 down-samplings.
TEST(PublishedSizesTest, MpCnnsResNet20HasTheLayersOfItsLog) {
  const Network network = Built("mpcnn-resnet20", 32, 10);
  std::map<OpKind, int> number;
  for (const Op& op : network.ops) ++number[op.kind];
  EXPECT_EQ(number[OpKind::kConv], 19);
  EXPECT_EQ(number[OpKind::kRelu], 19);
  EXPECT_EQ(number[OpKind::kDownsample], 2);
  EXPECT_EQ(CountNetwork(network)->shortcut_macs, 0);
}

// Garimella et al. again: totals of ResNet18 at both sides and of ResNet32 with their stem ReLU.
TEST(PublishedSizesTest, TotalsWithStemAreCryptonites) {
  EXPECT_EQ(Counted("resnet18").relus_with_stem, 557'056);
  EXPECT_EQ(Counted("resnet18", 64, 200).relus_with_stem, 2'228'224);
  EXPECT_EQ(Counted("resnet32").relus_with_stem, 303'104);
}

}  // namespace
}  // namespace reluscape
