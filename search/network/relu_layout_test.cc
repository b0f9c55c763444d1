// Which ReLUs a layout keeps.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::ElementsAre;

std::vector<int64_t> SectionRelus(const Architecture& architecture) {
  std::vector<int64_t> relus;
  for (const SectionCounts& section : Counted(architecture).sections) {
    relus.push_back(section.relus);
  }
  return relus;
}

TEST(ReluLayoutTest, ThinningDropsTheReluBehindTheSum) {
  const Network basic = Built("resnet20+thinned");
  EXPECT_TRUE(HasOp(basic, "section1.block1.relu1"));
  EXPECT_FALSE(HasOp(basic, "section1.block1.relu2"));
  EXPECT_THAT(InputNames(basic, "section1.block2.conv1"), ElementsAre("section1.block1.add"));
  const Network bottleneck = Built("resnet50+thinned");
  EXPECT_TRUE(HasOp(bottleneck, "section1.block1.relu2"));
  EXPECT_FALSE(HasOp(bottleneck, "section1.block1.relu3"));
  // In a pre-activation network that is the first one of the next block.
  const Network wide = Built("wrn-22-8+thinned");
  EXPECT_FALSE(HasOp(wide, "section1.block2.relu1"));
  EXPECT_TRUE(HasOp(wide, "section1.block2.relu2"));
}

TEST(ReluLayoutTest, CullingTakesWholeSectionsAndNothingElse) {
  const NetworkCounts all = Counted("resnet18+stem-relu");
  const NetworkCounts culled = Counted("resnet18+stem-relu+culled:4,1");
  EXPECT_EQ(culled.sections[0].relus, 0);
  EXPECT_EQ(culled.sections[1].relus, all.sections[1].relus);
  EXPECT_EQ(culled.sections[3].relus, 0);
  EXPECT_EQ(culled.relus, all.relus - all.sections[0].relus - all.sections[3].relus);
  EXPECT_EQ(culled.macs, all.macs);
  EXPECT_EQ(culled.parameters, all.parameters);
}

TEST(ReluLayoutTest, ReuseKeepsTheFirstGroupOfChannelsRoundedUp) {
  EXPECT_EQ(OpNamed(Built("resnet20+reuse:4"), "section1.block1.relu1").relu_channels, 4);
  EXPECT_EQ(OpNamed(Built("resnet20@10+reuse:4"), "section1.block1.relu1").relu_channels, 3);
  EXPECT_EQ(OpNamed(Built("resnet20@2+reuse:16"), "section1.block1.relu1").relu_channels, 1);
  EXPECT_EQ(Counted("resnet18+reuse:8").relus, 491'520 / 8);
  EXPECT_EQ(Counted("vgg16+reuse:2").relus, 284'672 / 2);
}

// Of random networks of every family: what a layout drops and what it keeps add up to all.
TEST(ReluLayoutTest, KeptAndDroppedReLUsAreAll) {
  Random random(11);
  for (int i = 0; i < 300; ++i) {
    Architecture all = RandomArchitecture(random);
    all.culled.clear();
    all.reuse = 1;
    all.thinned = false;
    const std::string text = CanonicalText(all);
    const std::vector<int64_t> before = SectionRelus(all);

    Architecture culled = all;
    culled.culled = {static_cast<int64_t>(1 + random.Below(all.blocks.size()))};
    const auto gone = static_cast<size_t>(culled.culled[0]) - 1;
    const std::vector<int64_t> after = SectionRelus(culled);
    for (size_t section = 0; section < before.size(); ++section) {
      ASSERT_EQ(after[section], section == gone ? 0 : before[section]) << text;
    }
    ASSERT_EQ(Counted(culled).relus + before[gone], Counted(all).relus) << text;

    if (all.family == Family::kVgg) continue;
    Architecture thinned = all;
    thinned.thinned = true;
    const std::string last = all.family == Family::kBottleneck ? ".relu3"
                             : all.family == Family::kWide     ? ".relu1"
                                                               : ".relu2";
    int64_t dropped = 0;
    for (const LayerCounts& layer : Counted(all).layers) {
      const bool behind_sum = layer.name.size() > last.size() &&
                              layer.name.substr(layer.name.size() - last.size()) == last;
      if (layer.block > 0 && behind_sum) dropped += layer.relus;
    }
    ASSERT_EQ(Counted(thinned).relus + dropped, Counted(all).relus) << text;
    ASSERT_GT(dropped, 0) << text;
  }
}

}  // namespace
}  // namespace reluscape
