#include "search/network/deepreshape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using Multipliers = std::vector<int64_t>;

Backbone BackboneOf(const std::string& name) {
  std::optional<Backbone> backbone = FindBackbone(name);
  EXPECT_TRUE(backbone.has_value()) << name;
  return backbone.value_or(Backbone{});
}

TEST(DeepReShapeTest, NamesStandForTheirNetworks) {
  for (const char* name :
       {"resnet18", "resnet34", "resnet50", "wrn-22-8", "vgg16", "mpcnn-resnet20"}) {
    const Backbone backbone = BackboneOf(name);
    const Multipliers multipliers(backbone.architecture.multipliers.size(), 3);
    const NamedArchitecture network = HybReNet(backbone, multipliers, 5);
    EXPECT_EQ(Parsed(network.name), network.architecture) << network.name;
  }
}

// The relaxed networks that DeepReShape names: HRN-2x5x3x and HRN-4x5x3x out of HRN-5x5x3x.
TEST(DeepReShapeTest, AlphaRelaxationLowersTheFirstMultiplierAlone) {
  EXPECT_THAT(RelaxFirstMultiplier({{7, 5, 2}, {5, 5, 3}}, {2, 4}),
              ElementsAre(Multipliers{7, 5, 2}, Multipliers{2, 5, 2}, Multipliers{4, 5, 2},
                          Multipliers{5, 5, 3}, Multipliers{2, 5, 3}, Multipliers{4, 5, 3}));
  // Not raised, and no tuple twice.
  EXPECT_THAT(RelaxFirstMultiplier({{5, 5, 3}, {4, 5, 3}}, {4, 8, 4}),
              ElementsAre(Multipliers{5, 5, 3}, Multipliers{4, 5, 3}));
  EXPECT_THAT(RelaxFirstMultiplier({}, {2}), testing::IsEmpty());
}

// BaseCh and StageCh rows of the reference table.
TEST(DeepReShapeTest, TheFamiliesForComparisonAreTheReferences) {
  std::vector<int64_t> relus;
  for (const NamedArchitecture& network :
       BaseChannelFamily(BackboneOf("resnet18"), {16, 32, 64, 128, 256})) {
    relus.push_back(Counted(network.architecture).relus);
    EXPECT_EQ(Parsed(network.name), network.architecture);
  }
  EXPECT_THAT(relus, ElementsAre(122'880, 245'760, 491'520, 983'040, 1'966'080));
  relus.clear();
  for (const NamedArchitecture& network :
       UniformFamily(BackboneOf("resnet18"), {2, 3, 4, 5, 8}, 16)) {
    relus.push_back(Counted(network.architecture).relus);
  }
  EXPECT_THAT(relus, ElementsAre(122'880, 179'200, 262'144, 377'856, 983'040));
}

TEST(DeepReShapeTest, TheLargestBaseChannelsWithinALimitAreFound) {
  // 10,624 ReLUs per channel: 169,984 at 16 channels.
  const Architecture hrn = Parsed("hrn-2x5x3x");
  EXPECT_EQ(*LargestBaseChannels(hrn, {.relus = 169'984}), 16);
  EXPECT_EQ(*LargestBaseChannels(hrn, {.relus = 169'983}), 15);
  EXPECT_EQ(*LargestBaseChannels(hrn, {.macs = 177'650'560}), 16);
  EXPECT_EQ(*LargestBaseChannels(hrn, {.macs = 177'650'559}), 15);
  // Both limits hold.
  EXPECT_EQ(*LargestBaseChannels(hrn, {.relus = 169'984, .macs = 44'535'232}), 8);
  // Up to the widest that can be built: 30 m channels in the last section.
  EXPECT_EQ(*LargestBaseChannels(hrn, {.relus = int64_t{1} << 60}), kMaxChannels / 30);
}

TEST(DeepReShapeTest, WithRoundingTheAnswerIsThatOfTryingOut) {
  Random random(41);
  for (int i = 0; i < 20; ++i) {
    Architecture architecture = RandomArchitecture(random);
    architecture.side = 32;
    architecture.last_map = 1;
    FieldErrors errors;
    SectionShapes(architecture, errors);
    if (!errors.empty()) continue;
    const int64_t limit = Counted(architecture).relus;
    const auto found = LargestBaseChannels(architecture, {.relus = limit});
    ASSERT_TRUE(found.ok()) << CanonicalText(architecture) << ": " << found.status();
    architecture.base_channels = *found;
    EXPECT_LE(Counted(architecture).relus, limit) << CanonicalText(architecture);
    ++architecture.base_channels;
    errors = FieldErrors();
    SectionShapes(architecture, errors);
    if (errors.empty()) {
      EXPECT_GT(Counted(architecture).relus, limit) << CanonicalText(architecture);
    }
  }
}

TEST(DeepReShapeTest, ImpossibleLimitsAreRefused) {
  const Architecture hrn = Parsed("hrn-2x5x3x");
  EXPECT_THAT(std::string(LargestBaseChannels(hrn, {.relus = 10'623}).status().message()),
              HasSubstr("limit: found 10623 ReLUs and 0 MACs (0: none); allowed: at least the "
                        "10624 ReLUs"));
  EXPECT_FALSE(LargestBaseChannels(hrn, {}).ok());
  EXPECT_FALSE(LargestBaseChannels(hrn, {.relus = -1}).ok());
  Architecture broken = hrn;
  broken.side = 1000;
  EXPECT_THAT(std::string(LargestBaseChannels(broken, {.relus = 1'000'000}).status().message()),
              HasSubstr("side: found 1000"));
}

}  // namespace
}  // namespace reluscape
