// Skip connections and Dirac convolutions, as they are wired.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// "source -> sum" of every skip connection.
std::vector<std::string> Edges(const std::string& name, int64_t side = 32) {
  const Network network = Built(name, side);
  const NetworkCounts counts = *CountNetwork(network);
  std::vector<std::string> edges;
  for (const SkipEdge& edge : counts.skip_edges) {
    edges.push_back(network.ops[static_cast<size_t>(edge.from)].name +
                    (edge.identity ? " -> " : " => ") +
                    network.ops[static_cast<size_t>(edge.to)].name);
  }
  return edges;
}

TEST(SkipsTest, ParameterFreeDownSamplingStandsOnlyWhereTheShapeChanges) {
  const Network network = Built("mpcnn-resnet20");
  EXPECT_THAT(InputNames(network, "section2.block1.add"),
              ElementsAre("section2.block1.bn2", "section2.block1.shortcut.downsample"));
  const Op& op = OpNamed(network, "section2.block1.shortcut.downsample");
  EXPECT_EQ(op.kind, OpKind::kDownsample);
  EXPECT_EQ(op.stride, 2);
  EXPECT_EQ(op.output, (Shape{32, 16, 16}));
  EXPECT_TRUE(op.shortcut);
  EXPECT_FALSE(HasOp(network, "section1.block1.shortcut.downsample"));
}

TEST(SkipsTest, ShortcutNoneLeavesOutOnlyTheConnectionsThatChangeTheShape) {
  EXPECT_THAT(
      Edges("hrn-2x2x:resnet20+shortcut:none"),
      ElementsAre("stem.bn -> section1.block1.add", "section1.block1.relu2 -> section1.block2.add",
                  "section1.block2.relu2 -> section1.block3.add",
                  "section2.block1.relu2 -> section2.block2.add",
                  "section2.block2.relu2 -> section2.block3.add",
                  "section3.block1.relu2 -> section3.block2.add",
                  "section3.block2.relu2 -> section3.block3.add"));
}

TEST(SkipsTest, NoneAndDiracHaveNoConnections) {
  EXPECT_THAT(Edges("resnet50+skip:none"), IsEmpty());
  EXPECT_THAT(Edges("wrn-22-8+skip:dirac"), IsEmpty());
}

// Of the reference: every convolution of stride 1 behind the stem, and no other.
TEST(SkipsTest, DiracConvolutionsAreThoseOfStrideOne) {
  for (const char* name : {"resnet18+skip:dirac", "resnet50+skip:dirac-ss", "wrn-22-8+skip:dirac",
                           "resnet20+skip:dirac:downsampling=average-pool", "vgg16+skip:dirac"}) {
    bool stem = true;
    for (const Op& op : Built(name).ops) {
      if (op.kind != OpKind::kConv) continue;
      EXPECT_EQ(op.dirac, !stem && op.stride == 1 && !op.shortcut) << name << " " << op.name;
      stem = false;
    }
  }
  for (const Op& op : Built("resnet18+skip:none").ops) EXPECT_FALSE(op.dirac) << op.name;
}

TEST(SkipsTest, DiracFactorsAreParametersAndNoMacs) {
  const NetworkCounts none = Counted("resnet20+skip:none");
  const NetworkCounts dirac = Counted("resnet20+skip:dirac");
  EXPECT_EQ(dirac.macs, none.macs);
  EXPECT_EQ(dirac.relus, none.relus);
  // Two per output channel; 6, 5 and 5 convolutions of stride 1 in the sections.
  EXPECT_EQ(dirac.parameters - none.parameters, 2 * (6 * 16 + 5 * 32 + 5 * 64));
}

TEST(SkipsTest, ASharedSourceIsTheFirstBlocksOutput) {
  EXPECT_THAT(Edges("resnet20+skip:dirac-ss"),
              ElementsAre("section1.block1.relu2 -> section1.block2.add",
                          "section1.block1.relu2 -> section1.block3.add",
                          "section2.block1.relu2 -> section2.block2.add",
                          "section2.block1.relu2 -> section2.block3.add",
                          "section3.block1.relu2 -> section3.block2.add",
                          "section3.block1.relu2 -> section3.block3.add"));
  for (const Op& op : Built("resnet20+skip:dirac-ss").ops) {
    if (op.kind == OpKind::kAdd) {
      EXPECT_EQ(op.join, Join::kShared) << op.name;
    }
  }
}

TEST(SkipsTest, JoinsStandWhereTheyAreAskedFor) {
  EXPECT_THAT(Edges("resnet20+skip:dirac-ss:joins=section"),
              ElementsAre("section1.block1.relu2 -> section1.block3.add",
                          "section2.block1.relu2 -> section2.block3.add",
                          "section3.block1.relu2 -> section3.block3.add"));
  EXPECT_THAT(Edges("resnet32+skip:dirac-ss:joins=2"),
              ElementsAre("section1.block1.relu2 -> section1.block2.add",
                          "section1.block1.relu2 -> section1.block4.add",
                          "section2.block1.relu2 -> section2.block2.add",
                          "section2.block1.relu2 -> section2.block4.add",
                          "section3.block1.relu2 -> section3.block2.add",
                          "section3.block1.relu2 -> section3.block4.add"));
}

TEST(SkipsTest, TheStemAsSourceIsProjectedOncePerSection) {
  const Network network = Built("resnet20+skip:dirac-ss:source=stem");
  // Equal shapes in section 1: no convolution.
  EXPECT_THAT(InputNames(network, "section1.block2.add"),
              ElementsAre("section1.block2.bn2", "stem.bn"));
  const Op& projection = OpNamed(network, "section3.source.conv");
  EXPECT_EQ(projection.kernel, 1);
  EXPECT_EQ(projection.stride, 4);
  EXPECT_EQ(projection.output, (Shape{64, 8, 8}));
  EXPECT_THAT(InputNames(network, "section3.source.conv"), ElementsAre("stem.bn"));
  EXPECT_THAT(InputNames(network, "section3.block2.add"),
              ElementsAre("section3.block2.bn2", "section3.source.bn"));
  EXPECT_THAT(InputNames(network, "section3.block3.add"),
              ElementsAre("section3.block3.bn2", "section3.source.bn"));
}

TEST(SkipsTest, AScaledMergeTrainsOneNumberPerJoin) {
  const Network network = Built("resnet20+skip:dirac-ss:merge=scaled");
  EXPECT_THAT(InputNames(network, "section2.block3.add"),
              ElementsAre("section2.block3.bn2", "section2.block3.scale"));
  EXPECT_EQ(Counted("resnet20+skip:dirac-ss:merge=scaled").parameters -
                Counted("resnet20+skip:dirac-ss").parameters,
            6);
}

TEST(SkipsTest, AnAveragePoolHalvesInPlaceOfAStride) {
  const Network network = Built("resnet20+skip:dirac:downsampling=average-pool");
  EXPECT_THAT(InputNames(network, "section2.block1.conv1"), ElementsAre("section2.pool"));
  EXPECT_EQ(OpNamed(network, "section2.pool").output, (Shape{16, 16, 16}));
  EXPECT_EQ(OpNamed(network, "section2.block1.conv1").stride, 1);
  EXPECT_TRUE(OpNamed(network, "section2.block1.conv1").dirac);
  // Pools round down where strides round up.
  EXPECT_EQ(Counted("resnet20+skip:none:downsampling=average-pool", 35).sections[1].side, 17);
  EXPECT_EQ(Counted("resnet20+skip:none", 35).sections[1].side, 18);
}

}  // namespace
}  // namespace reluscape
