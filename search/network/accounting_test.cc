#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

TEST(CountNetworkTest, AStemReluIsCountedOnceInBothTotals) {
  const NetworkCounts without = Counted("resnet18");
  const NetworkCounts with = Counted("resnet18+stem-relu");
  EXPECT_EQ(with.relus, 557'056);
  EXPECT_EQ(with.relus_with_stem, 557'056);
  EXPECT_EQ(without.relus_with_stem, with.relus);
  EXPECT_EQ(with.macs, without.macs);
  EXPECT_EQ(with.parameters, without.parameters);
  for (size_t i = 0; i < with.sections.size(); ++i) {
    EXPECT_EQ(with.sections[i].relus, without.sections[i].relus);
  }
}

TEST(CountNetworkTest, DoublingTheSideQuadruplesReLUsAndConvolutions) {
  for (const char* name : {"resnet18@4", "resnet20", "hrn-5x5x3x@4:resnet34"}) {
    const NetworkCounts small = Counted(name, 32);
    const NetworkCounts large = Counted(name, 64);
    const int64_t classifier = small.layers.back().macs;
    EXPECT_EQ(large.relus, 4 * small.relus) << name;
    EXPECT_EQ(large.macs - classifier, 4 * (small.macs - classifier)) << name;
    EXPECT_EQ(large.parameters, small.parameters) << name;
  }
}

TEST(CountNetworkTest, LayersAddUpToSectionsAndTotals) {
  for (const char* name : {"resnet18", "resnet56", "hrn-4x6x3x@4:resnet34+stem-relu"}) {
    const Network network = Built(name);
    const NetworkCounts counts = *CountNetwork(network);
    ASSERT_EQ(counts.layers.size(), network.ops.size());
    int64_t relus = 0;
    int64_t macs = 0;
    int64_t parameters = 0;
    std::map<int, int64_t> by_section;
    for (size_t i = 0; i < counts.layers.size(); ++i) {
      const LayerCounts& layer = counts.layers[i];
      EXPECT_EQ(layer.name, network.ops[i].name);
      EXPECT_EQ(layer.output, network.ops[i].output);
      relus += layer.relus;
      macs += layer.macs;
      parameters += layer.parameters;
      by_section[layer.section] += layer.relus;
    }
    EXPECT_EQ(relus, counts.relus);
    EXPECT_EQ(macs, counts.macs);
    EXPECT_EQ(parameters, counts.parameters);
    for (size_t i = 0; i < counts.sections.size(); ++i) {
      EXPECT_EQ(counts.sections[i].relus, by_section[static_cast<int>(i) + 1]);
    }
  }
}

TEST(CountNetworkTest, SectionsCarryWidthSideAndBlocks) {
  const NetworkCounts counts = Counted("hrn-4x6x3x@16:resnet34", 64);
  ASSERT_EQ(counts.sections.size(), 4u);
  const int64_t expected[4][3] = {{16, 64, 3}, {64, 32, 4}, {384, 16, 6}, {1152, 8, 3}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(counts.sections[i].width, expected[i][0]);
    EXPECT_EQ(counts.sections[i].side, expected[i][1]);
    EXPECT_EQ(counts.sections[i].blocks, expected[i][2]);
  }
}

TEST(CountNetworkTest, TheLargestArchitectureIsCountedWithoutOverflow) {
  const NetworkCounts counts = Counted(
      "basic:side=256:classes=100000:m=65536:blocks=200x200x200x200x200:multipliers=1x1x1x1:"
      "stem-relu=yes",
      256, 100'000);
  // By hand: 2 * 200 * 65536 * (256^2 + 128^2 + 64^2 + 32^2 + 16^2) and the stem's 65536 * 256^2.
  EXPECT_EQ(counts.relus, int64_t{400} * 65536 * 87296 + int64_t{65536} * 65536);
  EXPECT_GT(counts.macs, int64_t{1} << 60);
}

TEST(CountNetworkTest, SumsThatOverflowAreErrors) {
  // A 1x1 convolution from 2^31 to 2^31 channels on one pixel has 2^62 weights; two of them do not
  // fit 63 bits together.
  const int64_t channels = int64_t{1} << 31;
  Network network;
  network.ops.push_back(
      {.kind = OpKind::kInput, .name = "input", .inputs = {}, .output = {channels, 1, 1}});
  network.ops.push_back(
      {.kind = OpKind::kConv, .name = "a", .inputs = {0}, .output = {channels, 1, 1}, .kernel = 1});
  Network two = network;
  two.ops.push_back(network.ops[1]);
  two.ops.back().name = "b";
  two.ops.back().inputs = {1};
  for (Network* n : {&network, &two}) {
    n->ops.push_back(
        {.kind = OpKind::kLinear, .name = "classifier", .inputs = {1}, .output = {2, 1, 1}});
  }
  ASSERT_TRUE(CountNetwork(network).ok()) << CountNetwork(network).status();
  EXPECT_EQ(CountNetwork(network)->layers[1].parameters, int64_t{1} << 62);
  EXPECT_THAT(std::string(CountNetwork(two).status().message()),
              HasSubstr("parameters overflow 63 bits"));
  two.ops[1].kernel = two.ops[2].kernel = 3;
  two.ops[1].padding = two.ops[2].padding = 1;
  EXPECT_THAT(std::string(CountNetwork(two).status().message()), HasSubstr("overflow 63 bits"));
}

TEST(CountNetworkTest, ThePartsOfTheMacsAreKeptApart) {
  const NetworkCounts counts = Counted("resnet18");
  // By hand: the projections of sections 2 to 4 are 64 -> 128 at 16x16 and so on, 2^21 MACs each.
  EXPECT_EQ(counts.shortcut_macs, 3 * (int64_t{1} << 21));
  EXPECT_EQ(counts.classifier_macs, 512 * 100);
  EXPECT_EQ(counts.conv_macs + counts.shortcut_macs + counts.classifier_macs, counts.macs);
  EXPECT_EQ(Counted("resnet18+shortcut:downsample").shortcut_macs, 0);
  EXPECT_EQ(Counted("resnet18+shortcut:downsample").conv_macs, counts.conv_macs);
  // Both hidden layers of a VGG belong to its classifier.
  EXPECT_EQ(Counted("vgg16").classifier_macs, 512 * 4096 + 4096 * 4096 + 4096 * 100);
}

TEST(CountNetworkTest, SkipEdgesGoFromTheirSourceToTheirSum) {
  const Network network = Built("resnet20");
  const NetworkCounts counts = *CountNetwork(network);
  ASSERT_EQ(counts.skip_edges.size(), 9u);
  const SkipEdge& identity = counts.skip_edges[0];
  EXPECT_EQ(network.ops[static_cast<size_t>(identity.from)].name, "stem.bn");
  EXPECT_EQ(network.ops[static_cast<size_t>(identity.to)].name, "section1.block1.add");
  EXPECT_TRUE(identity.identity);
  EXPECT_EQ(identity.join, Join::kResidual);
  const SkipEdge& projected = counts.skip_edges[3];
  EXPECT_EQ(network.ops[static_cast<size_t>(projected.from)].name, "section1.block3.relu2");
  EXPECT_FALSE(projected.identity);
}

TEST(CountNetworkTest, TheOtherTotalAddsTheReluThatOtherTextsCount) {
  // Behind the batch norm of the stem; in front of a stem's pool.
  const NetworkCounts stem = Counted("resnet50+imagenet-stem", 224, 1000);
  EXPECT_EQ(stem.relus_with_stem - stem.relus, 64 * 112 * 112);
  // A pre-activation network has it before the last pool.
  EXPECT_EQ(Counted("wrn-22-8").relus_with_stem, Counted("wrn-22-8+final-relu").relus);
  EXPECT_EQ(Counted("wrn-22-8+final-relu").relus_with_stem, Counted("wrn-22-8+final-relu").relus);
  // A VGG has neither place.
  EXPECT_EQ(Counted("vgg16").relus_with_stem, Counted("vgg16").relus);
}

}  // namespace
}  // namespace reluscape
