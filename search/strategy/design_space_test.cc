#include "search/strategy/design_space.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "search/strategy/hypervolume_box.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A Job on CIFAR-10 with that space.
v1::JobSpec JobOver(const std::string& space, const std::string& budgets = R"({"relus": [500]})",
                    const std::string& limits = R"({"max_trainings": 10})") {
  FieldErrors errors;
  const auto job = JobFromJson(R"({"data": {"set": "cifar10"}, "candidates": {"space": )" + space +
                                   R"(}, "budgets": )" + budgets + R"(, "limits": )" + limits + "}",
                               errors);
  EXPECT_THAT(errors.errors(), IsEmpty()) << errors.ToStatus();
  return job ? **job : v1::JobSpec();
}

std::unique_ptr<DesignSpace> SpaceOf(const v1::JobSpec& spec) {
  FieldErrors errors;
  auto space = DesignSpace::Create(spec, BuiltInMetrics(), errors);
  EXPECT_THAT(errors.errors(), IsEmpty()) << errors.ToStatus();
  return space;
}

std::set<std::string> NamesOf(DesignSpace& space) {
  std::set<std::string> names;
  for (const SpacePoint& point : *space.All()) names.insert(space.Expand(point).name);
  return names;
}

TEST(DesignSpaceTest, HoldsEveryCombinationOnce) {
  const auto space = SpaceOf(JobOver(R"({"base_channels": [8, 4], "multipliers": [2, 3]})"));
  ASSERT_NE(space->All(), nullptr);
  EXPECT_THAT(*space->All(), SizeIs(16));
  const std::set<std::string> names = NamesOf(*space);
  EXPECT_THAT(names, SizeIs(16));
  EXPECT_TRUE(names.contains("hrn-2x3x2x@4"));
}

TEST(DesignSpaceTest, EveryNameIsReadBackAsTheNetwork) {
  const auto space = SpaceOf(JobOver(
      R"({"backbones": ["resnet18", "resnet34"], "base_channels": [4], "multipliers": [1.5, 2],
          "sections": [{"blocks": [1, 2]}, {"multipliers": [3]}],
          "layouts": ["full", "thinned+culled:1"], "skips": ["residual", "dirac-ss:joins=section"]})"));
  ASSERT_FALSE(space->All()->empty());
  for (const SpacePoint& point : *space->All()) {
    const ProposedNetwork network = space->Expand(point);
    const auto read = ParseArchitecture(network.name, 32, 10);
    ASSERT_TRUE(read.ok()) << network.name << ": " << read.status();
    EXPECT_EQ(CanonicalText(*read), network.canonical_text) << network.name;
  }
}

TEST(DesignSpaceTest, WhatTheLimitsRefuseIsCountedByReason) {
  const auto space =
      SpaceOf(JobOver(R"({"base_channels": [4, 8], "multipliers": [2, 3]})",
                      R"({"relus": [40000]})", R"({"max_trainings": 10, "max_macs": 12000000})"));
  const SpaceSummary& summary = space->Summarize();
  EXPECT_EQ(summary.combinations, 16);
  EXPECT_EQ(summary.networks + summary.left_out.at("above limits.max_macs") +
                summary.left_out.at("no budget is below their ReLUs"),
            16);
  EXPECT_GT(summary.networks, 0);
  for (const SpacePoint& point : *space->All()) {
    const ProposedNetwork network = space->Expand(point);
    EXPECT_LE(network.counts.macs, 12000000) << network.name;
    EXPECT_GT(network.counts.relus, 40000) << network.name;
  }
}

TEST(DesignSpaceTest, ABudgetThatANetworkCannotMeetIsLeftOutForItAlone) {
  const auto space = SpaceOf(
      JobOver(R"({"base_channels": [4, 16], "multipliers": [2]})", R"({"relus": [100000, 1000]})"));
  for (const SpacePoint& point : *space->All()) {
    const ProposedNetwork network = space->Expand(point);
    if (network.counts.relus > 100000) {
      EXPECT_THAT(network.budgets, ElementsAre(100000, 1000)) << network.name;
    } else {
      EXPECT_THAT(network.budgets, ElementsAre(1000)) << network.name;
    }
  }
}

TEST(DesignSpaceTest, BeginsWithTheNetworksOfDeepReShapesRule) {
  const auto space =
      SpaceOf(JobOver(R"({"base_channels": [16], "multipliers": [2, 3, 4, 5, 6, 7]})"));
  std::vector<std::string> names;
  for (const SpacePoint& point : space->Seeds()) names.push_back(space->Expand(point).name);
  // The networks that DeepReShape publishes for ResNet18.
  EXPECT_THAT(names, testing::IsSupersetOf({"hrn-5x5x3x@16", "hrn-5x7x2x@16", "hrn-6x6x2x@16"}));
  // Relaxed ones come behind.
  const auto strict = std::find(names.begin(), names.end(), "hrn-5x5x3x@16");
  const auto relaxed = std::find(names.begin(), names.end(), "hrn-2x5x3x@16");
  ASSERT_NE(relaxed, names.end());
  EXPECT_LT(strict - names.begin(), relaxed - names.begin());
}

TEST(DesignSpaceTest, TwoReplacementsAreTwoNetworksToTheSearch) {
  const auto space = SpaceOf(JobOver(
      R"({"base_channels": [4], "multipliers": [2], "replacements": ["identity", "polynomial"]})"));
  ASSERT_THAT(*space->All(), SizeIs(2));
  const ProposedNetwork first = space->Expand(space->All()->at(0));
  const ProposedNetwork second = space->Expand(space->All()->at(1));
  EXPECT_EQ(first.hash, second.hash);
  EXPECT_NE(first.replacement, second.replacement);
}

TEST(DesignSpaceTest, ALargeSpaceIsLookedAtInPart) {
  const auto space = SpaceOf(JobOver(
      R"({"base_channels": [4, 5, 6, 7, 8, 9, 10, 11, 12], "multipliers": [2, 2.5, 3, 3.5, 4, 4.5],
          "blocks": [1, 2, 3, 4]})"));
  EXPECT_EQ(space->All(), nullptr);
  const SpaceSummary& summary = space->Summarize();
  EXPECT_FALSE(summary.listed);
  EXPECT_GT(summary.networks, 1000);
  const SpacePoint& point = space->LookedAt().front();
  EXPECT_EQ(space->Find(point), point);
}

TEST(DesignSpaceTest, ErrorsNameTheEntry) {
  const auto error = [](const std::string& space) {
    FieldErrors errors;
    DesignSpace::Create(JobOver(space), BuiltInMetrics(), errors);
    return std::string(errors.ToStatus().message());
  };
  EXPECT_THAT(error(R"({"backbones": ["resnet19"]})"), HasSubstr("candidates.space.backbones[0]"));
  EXPECT_THAT(error(R"({"backbones": ["resnet18", "resnet20"]})"),
              HasSubstr("candidates.space.backbones[1]"));
  EXPECT_THAT(error(R"({"layouts": ["full", "thin"]})"), HasSubstr("candidates.space.layouts[1]"));
  EXPECT_THAT(error(R"({"skips": ["dirac:joins"]})"), HasSubstr("candidates.space.skips[0]"));
  EXPECT_THAT(error(R"({"sections": [{"multipliers": [2]}]})"),
              HasSubstr("candidates.space.sections[0].multipliers"));
  EXPECT_THAT(error(R"({"order": [1, 2, 3]})"), HasSubstr("candidates.space.order"));
  EXPECT_THAT(error(R"({"multipliers": [2.0001]})"), HasSubstr("candidates.space.multipliers"));
}

TEST(DesignSpaceTest, PricesAreInProportionUntilADescentTeachesOtherwise) {
  v1::JobSpec spec =
      JobOver(R"({"base_channels": [4], "multipliers": [2, 3]})", R"({"fractions": [0.1]})");
  SetList(spec.mutable_objectives(), {"cheetah.online_s@lan"});
  const auto space = SpaceOf(spec);
  const SpacePoint point = space->All()->front();
  const std::vector<int64_t> budgets = space->Expand(point).budgets;
  const auto before = space->ObjectivesAt(point, budgets);
  ASSERT_TRUE(before[0][0].has_value());
  const ProposedNetwork other = space->Expand(space->All()->back());
  const auto layers = LayersOf(other.network);
  ASSERT_TRUE(layers.ok());
  PricedNetwork kept = {.layers = &*layers, .kept = {}};
  for (const NonlinearLayer& layer : layers->nonlinear) {
    kept.kept.push_back(kept.kept.empty() ? layer.units / 2 : 0);
  }
  space->Learn(kept);
  EXPECT_NE(space->ObjectivesAt(point, budgets)[0][0], before[0][0]);
}

}  // namespace
}  // namespace reluscape
