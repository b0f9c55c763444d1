#include "search/strategy/criticality.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <string>

#include "base/random.h"
#include "search/vocabulary/messages.h"

#include "search/vocabulary/json_test_util.h"

namespace reluscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

v1::CriticalitySpec Settings(double exponent, v1::CriticalitySpec::Baseline baseline) {
  v1::CriticalitySpec settings;
  settings.set_exponent(exponent);
  settings.set_baseline(baseline);
  return settings;
}

v1::CriticalitySpec Defaults() { return FromJson<v1::CriticalitySpec>("{}"); }

// ResNet18 at 32 x 32 (deepreshape.md, section 3.1).
std::vector<SectionAccuracy> ResNet18(const std::vector<double>& accuracies) {
  const std::vector<int64_t> relus = {262144, 131072, 65536, 32768};
  std::vector<SectionAccuracy> sections;
  for (size_t i = 0; i < accuracies.size(); ++i) {
    sections.push_back({static_cast<int64_t>(i) + 1, relus[i], {accuracies[i]}});
  }
  return sections;
}

std::vector<int64_t> Order(const std::vector<SectionAccuracy>& sections,
                           const v1::CriticalitySpec& settings = Defaults()) {
  const auto scored = ScoreSections(sections, settings);
  EXPECT_TRUE(scored.ok()) << scored.status();
  if (!scored.ok()) return {};
  std::map<int64_t, int64_t> by_rank;
  for (const v1::SectionCriticality& section : *scored) by_rank[section.rank()] = section.section();
  std::vector<int64_t> order;
  for (const auto& [rank, section] : by_rank) order.push_back(section);
  return order;
}

TEST(CriticalityTest, ScoresFollowTheFormula) {
  const auto scored = ScoreSections(ResNet18({0.5, 0.7, 0.75, 0.6}), Defaults());
  ASSERT_TRUE(scored.ok()) << scored.status();
  EXPECT_EQ((*scored)[0].score(), 0) << "the worst section scores 0";
  EXPECT_DOUBLE_EQ((*scored)[1].score(), (0.7 - 0.5) / std::pow(131072, 0.07));
  EXPECT_DOUBLE_EQ((*scored)[2].score(), 0.25 / std::pow(65536, 0.07));
  EXPECT_DOUBLE_EQ((*scored)[3].score(), (0.6 - 0.5) / std::pow(32768, 0.07));
  EXPECT_EQ((*scored)[2].rank(), 1);

  const auto plain =
      ScoreSections(ResNet18({0.5, 0.7, 0.75, 0.6}), Settings(0, v1::CriticalitySpec::NONE));
  EXPECT_EQ((*plain)[0].score(), 0.5);
}

TEST(CriticalityTest, OrderIsTheMeasuredOne) {
  EXPECT_THAT(Order(ResNet18({0.5, 0.7, 0.75, 0.6})), ElementsAre(3, 2, 4, 1));
  EXPECT_THAT(Order(ResNet18({0.9, 0.3, 0.2, 0.7})), ElementsAre(1, 4, 2, 3));
}

TEST(CriticalityTest, BaselineAndExponentCanChangeTheOrder) {
  // Per ReLU the small section wins, by accuracy the large one.
  const std::vector<SectionAccuracy> sections = {{1, 100'000, {0.6}}, {2, 1'000, {0.59}}};
  EXPECT_THAT(Order(sections, Settings(0, v1::CriticalitySpec::NONE)), ElementsAre(1, 2));
  EXPECT_THAT(Order(sections, Settings(1, v1::CriticalitySpec::NONE)), ElementsAre(2, 1));
  EXPECT_THAT(Order(sections, Settings(1, v1::CriticalitySpec::MINIMUM)), ElementsAre(1, 2));
}

TEST(CriticalityTest, TiesGoToFewerRelusThenToTheLaterSection) {
  EXPECT_THAT(Order(ResNet18({0.5, 0.5, 0.5, 0.5})), ElementsAre(4, 3, 2, 1));
  EXPECT_THAT(Order({{1, 10, {0.5}}, {2, 10, {0.5}}, {3, 20, {0.5}}}), ElementsAre(2, 1, 3));
}

TEST(CriticalityTest, ReplicatesAreAveragedInAnyOrder) {
  const auto scored =
      ScoreSections({{2, 10, {0.9, 0.1, 0.2}}, {1, 10, {0.5, 0.4, 0.6}}}, Defaults());
  ASSERT_TRUE(scored.ok()) << scored.status();
  EXPECT_EQ((*scored)[0].section(), 1);
  EXPECT_DOUBLE_EQ((*scored)[1].accuracy(), 0.4);
  EXPECT_EQ((*scored)[1].accuracy_lowest(), 0.1);
  EXPECT_EQ((*scored)[1].accuracy_highest(), 0.9);
  EXPECT_EQ((*scored)[1].replicates(), 3);
  const auto other =
      ScoreSections({{1, 10, {0.4, 0.6, 0.5}}, {2, 10, {0.2, 0.9, 0.1}}}, Defaults());
  EXPECT_EQ(*scored, *other);
}

// A common factor of all R_k, their unit, scales all scores alike.
TEST(CriticalityTest, UnitOfReluCountsDoesNotMatter) {
  Random random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<SectionAccuracy> sections;
    std::vector<SectionAccuracy> scaled;
    for (int64_t k = 1; k <= 5; ++k) {
      const auto relus = static_cast<int64_t>(random.Below(100'000)) + 1;
      const double accuracy = random.Uniform();
      sections.push_back({k, relus, {accuracy}});
      scaled.push_back({k, relus * 1000, {accuracy}});
    }
    for (const auto baseline : {v1::CriticalitySpec::MINIMUM, v1::CriticalitySpec::NONE}) {
      EXPECT_EQ(Order(sections, Settings(0.07, baseline)), Order(scaled, Settings(0.07, baseline)))
          << round;
    }
  }
}

TEST(CriticalityTest, WhatCannotBeScoredIsNamed) {
  const auto error = [](const std::vector<SectionAccuracy>& sections, double exponent = 0.07) {
    return std::string(ScoreSections(sections, Settings(exponent, v1::CriticalitySpec::MINIMUM))
                           .status()
                           .message());
  };
  EXPECT_THAT(error({}), HasSubstr("sections: found none"));
  EXPECT_THAT(error({{2, 10, {0.5}}}), HasSubstr("found section 2 where section 1 should be"));
  EXPECT_THAT(error({{1, 10, {0.5}}, {1, 10, {0.5}}}),
              HasSubstr("found section 1 where section 2"));
  EXPECT_THAT(error({{1, 0, {0.5}}}), HasSubstr("section 1: found 0 ReLUs"));
  EXPECT_THAT(error({{1, 10, {}}}), HasSubstr("section 1: found no accuracy"));
  EXPECT_THAT(error({{1, 10, {1.5}}}), HasSubstr("section 1: found accuracy 1.5"));
  EXPECT_THAT(error({{1, 10, {std::numeric_limits<double>::quiet_NaN()}}}), HasSubstr("accuracy"));
  EXPECT_THAT(error({{1, 10, {0.5}}}, -1), HasSubstr("exponent: found -1"));
}

}  // namespace
}  // namespace reluscape
