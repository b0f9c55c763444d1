#include "search/network/deepreduce.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> Names(const DeepReduceProposal& proposal) {
  std::vector<std::string> names;
  for (const NamedArchitecture& network : proposal.networks) names.push_back(network.name);
  return names;
}

TEST(DeepReduceTest, CullsThenThinsThenReshapes) {
  const auto proposal = ProposeDeepReduce("resnet18", 32, 100, {.order = {3, 2, 4, 1}});
  ASSERT_TRUE(proposal.ok()) << proposal.status();
  EXPECT_THAT(
      Names(*proposal),
      ElementsAre("resnet18", "resnet18+culled:1", "resnet18+culled:1+thinned",
                  "resnet18+culled:1+thinned+resolution:0.5", "resnet18+culled:1+thinned+scale:0.5",
                  "resnet18+culled:1+thinned+scale:0.5+resolution:0.5", "resnet18+culled:1,4",
                  "resnet18+culled:1,4+thinned", "resnet18+culled:1,4+thinned+resolution:0.5",
                  "resnet18+culled:1,4+thinned+scale:0.5",
                  "resnet18+culled:1,4+thinned+scale:0.5+resolution:0.5"));
  EXPECT_THAT(proposal->left_out, IsEmpty());
  for (const NamedArchitecture& network : proposal->networks) {
    EXPECT_EQ(Parsed(network.name), network.architecture) << network.name;
  }
}

// The public DRD_... networks come out of the default order and options.
TEST(DeepReduceTest, ThePublicNetworksAreAmongThem) {
  for (const Preset& preset : Presets()) {
    const auto proposal = ProposeDeepReduce("resnet18", preset.side, 100, {.order = {3, 2, 4, 1}});
    ASSERT_TRUE(proposal.ok()) << proposal.status();
    std::set<std::string> hashes;
    for (const NamedArchitecture& network : proposal->networks) {
      hashes.insert(NetworkHash(*BuildNetwork(network.architecture)));
    }
    EXPECT_EQ(hashes.size(), proposal->networks.size());
    EXPECT_THAT(hashes, Contains(NetworkHash(Built(preset.name, preset.side)))) << preset.name;
  }
}

TEST(DeepReduceTest, TheOrderDecidesWhichSectionsAreCulled) {
  const auto proposal = ProposeDeepReduce(
      "resnet20", 32, 10,
      {.order = {1, 3, 2}, .max_culled = 1, .channel_scales = {}, .resolutions = {}});
  ASSERT_TRUE(proposal.ok()) << proposal.status();
  EXPECT_THAT(Names(*proposal),
              ElementsAre("resnet20", "resnet20+culled:2", "resnet20+culled:2+thinned"));
}

TEST(DeepReduceTest, EveryStepHasFewerReLUsThanTheOneBefore) {
  for (const char* backbone : {"resnet18", "resnet50", "wrn-22-8", "hrn-5x5x3x"}) {
    const size_t sections = Parsed(backbone).blocks.size();
    std::vector<int64_t> order;
    for (size_t i = sections; i > 0; --i) order.push_back(static_cast<int64_t>(i));
    const auto proposal = ProposeDeepReduce(
        backbone, 32, 100,
        {.order = order, .max_culled = 1, .channel_scales = {}, .resolutions = {}});
    ASSERT_TRUE(proposal.ok()) << proposal.status();
    ASSERT_EQ(proposal->networks.size(), 3u);
    for (size_t i = 1; i < 3; ++i) {
      EXPECT_LT(Counted(proposal->networks[i].architecture).relus,
                Counted(proposal->networks[i - 1].architecture).relus)
          << proposal->networks[i].name;
    }
  }
}

TEST(DeepReduceTest, AVggIsCulledAndScaledOnly) {
  const auto proposal =
      ProposeDeepReduce("vgg16", 32, 100, {.order = {3, 2, 4, 5, 1}, .max_culled = 1});
  ASSERT_TRUE(proposal.ok()) << proposal.status();
  EXPECT_THAT(Names(*proposal), ElementsAre("vgg16", "vgg16+culled:1", "vgg16+culled:1+scale:0.5"));
}

TEST(DeepReduceTest, ACanonicalTextNamesItsNetworksByTheirOwn) {
  const std::string text = CanonicalText(Parsed("resnet20@4", 32, 10));
  const auto proposal = ProposeDeepReduce(text, 32, 10, {.order = {3, 2, 1}, .max_culled = 1});
  ASSERT_TRUE(proposal.ok()) << proposal.status();
  EXPECT_EQ(proposal->networks[1].name, text + ":culled=1");
}

TEST(DeepReduceTest, WhatCannotBeBuiltIsLeftOutWithItsReason) {
  const auto proposal = ProposeDeepReduce(
      "resnet18", 8, 10,
      {.order = {3, 2, 4, 1}, .max_culled = 1, .channel_scales = {}, .resolutions = {0.125}});
  ASSERT_TRUE(proposal.ok()) << proposal.status();
  EXPECT_THAT(Names(*proposal),
              ElementsAre("resnet18", "resnet18+culled:1", "resnet18+culled:1+thinned"));
  EXPECT_THAT(proposal->left_out,
              ElementsAre(HasSubstr("resnet18+culled:1+thinned+resolution:0.125 is left out: side "
                                    "8, allowed are a side that section 2 can halve")));
}

TEST(DeepReduceTest, BadOptionsAreRefusedByField) {
  const auto error = [](const std::string& backbone, const DeepReduceOptions& options) {
    return std::string(ProposeDeepReduce(backbone, 32, 100, options).status().message());
  };
  EXPECT_THAT(error("resnet18", {.order = {3, 2, 1}}), HasSubstr("order: found [3, 2, 1]"));
  EXPECT_THAT(error("resnet18", {.order = {3, 2, 4, 1}, .max_culled = 4}),
              HasSubstr("max_culled: found 4; allowed: 0 to 3"));
  EXPECT_THAT(error("resnet18", {.order = {3, 2, 4, 1}, .max_culled = -1}),
              HasSubstr("max_culled: found -1"));
  EXPECT_THAT(error("resnet18", {.order = {3, 2, 4, 1}, .channel_scales = {0.5, 1.5}}),
              HasSubstr("channel_scales[1]: found 1.5"));
  EXPECT_THAT(error("resnet18", {.order = {3, 2, 4, 1}, .resolutions = {0}}),
              HasSubstr("resolutions[0]: found 0"));
  EXPECT_THAT(
      error("resnet18", {.order = {3, 2, 4, 1}, .resolutions = std::vector<double>(1000, 0.5)}),
      HasSubstr("resolutions: found 1000 values"));
  EXPECT_THAT(error("resnet18+culled:1", {.order = {3, 2, 4, 1}}), HasSubstr("backbone: found"));
  EXPECT_THAT(error("resnet19", {.order = {3, 2, 4, 1}}), HasSubstr("name: found"));
}

}  // namespace
}  // namespace reluscape
