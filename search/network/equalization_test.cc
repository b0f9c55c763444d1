#include "search/network/equalization.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <limits>
#include <map>

#include "base/random.h"
#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Multipliers = std::vector<int64_t>;

Architecture Basic(const std::vector<int64_t>& blocks, int64_t side = 32) {
  Architecture architecture;
  architecture.side = side;
  architecture.blocks = blocks;
  architecture.multipliers.assign(blocks.empty() ? 0 : blocks.size() - 1, 1.0);
  return architecture;
}

std::vector<Multipliers> Solve(const std::vector<int64_t>& blocks,
                               const std::vector<int64_t>& order, int64_t bound = 16) {
  const auto weights = SectionWeights(Basic(blocks));
  EXPECT_TRUE(weights.ok()) << weights.status();
  const auto solutions =
      SolveEqualization({.section_weights = *weights, .order = order, .bound = bound});
  EXPECT_TRUE(solutions.ok()) << solutions.status();
  return *solutions;
}

// Every tuple, tried out; the rule as it is written.
std::vector<Multipliers> BruteForce(const std::vector<SectionWeight>& weights,
                                    const std::vector<int64_t>& order, int64_t bound) {
  std::map<Multipliers, int64_t> smallest;  // first multiplier by all the others
  Multipliers tuple(weights.size() - 1, 2);
  for (;;) {
    std::vector<int64_t> relus = {weights[0].own};
    int64_t width = 1;
    for (size_t i = 0; i < tuple.size(); ++i) {
      relus.push_back(weights[i + 1].previous * width + weights[i + 1].own * width * tuple[i]);
      width *= tuple[i];
    }
    bool follows = true;
    for (size_t i = 1; i < order.size(); ++i) {
      follows = follows && relus[static_cast<size_t>(order[i - 1]) - 1] >
                               relus[static_cast<size_t>(order[i]) - 1];
    }
    if (follows) {
      const auto [entry, is_new] =
          smallest.try_emplace(Multipliers(tuple.begin() + 1, tuple.end()), tuple[0]);
      entry->second = std::min(entry->second, tuple[0]);
    }
    size_t digit = 0;
    while (digit < tuple.size() && tuple[digit] == bound) tuple[digit++] = 2;
    if (digit == tuple.size()) break;
    ++tuple[digit];
  }
  std::vector<Multipliers> solutions;
  for (const auto& [others, first] : smallest) {
    solutions.push_back({first});
    solutions.back().insert(solutions.back().end(), others.begin(), others.end());
  }
  return solutions;
}

// DeepReShape's four networks for ResNet18; HRN-5x5x3x is also defined in PrivCirNet's code.
TEST(EqualizationTest, ResNet18HasItsFourSolutions) {
  EXPECT_THAT(Solve({2, 2, 2, 2}, {3, 2, 4, 1}),
              ElementsAre(Multipliers{7, 5, 2}, Multipliers{5, 5, 3}, Multipliers{6, 6, 2},
                          Multipliers{5, 7, 2}));
}

TEST(EqualizationTest, ALargerBoundAddsNothingForResNet18) {
  EXPECT_EQ(Solve({2, 2, 2, 2}, {3, 2, 4, 1}, 64), Solve({2, 2, 2, 2}, {3, 2, 4, 1}, 16));
}

// By hand for phi = 3, 4, 6, 3: S3 > S2 needs 6 beta / 16 > 4 / 4, S2 > S4 needs
// 4 / 4 > 3 beta gamma / 64, S4 > S1 needs 3 alpha beta gamma / 64 > 3; so (beta, gamma) = (6, 3)
// needs alpha > 64 / 18 = 3.6.
TEST(EqualizationTest, ResNet34ContainsThePublishedChoice) {
  EXPECT_THAT(Solve({3, 4, 6, 3}, {3, 2, 4, 1}), Contains(Multipliers{4, 6, 3}));
}

TEST(EqualizationTest, TheStemStaysOutOfSectionOne) {
  // With the stem, section 1 of ResNet18 would weigh 5/4 of what it does: all four solutions fail.
  std::vector<SectionWeight> weights = *SectionWeights(Basic({2, 2, 2, 2}));
  weights[0].own = weights[0].own * 5 / 4;
  const auto solutions =
      SolveEqualization({.section_weights = weights, .order = {3, 2, 4, 1}, .bound = 16});
  ASSERT_TRUE(solutions.ok()) << solutions.status();
  for (const Multipliers& published :
       {Multipliers{7, 5, 2}, Multipliers{5, 5, 3}, Multipliers{6, 6, 2}, Multipliers{5, 7, 2}}) {
    EXPECT_THAT(*solutions, testing::Not(Contains(published)));
  }
}

TEST(EqualizationTest, AgreesWithBruteForceForRandomBackbonesAndOrders) {
  Random random(3);
  size_t found = 0;
  for (int round = 0; round < 2000; ++round) {
    const size_t sections = 3 + random.Below(3);
    const auto bound = static_cast<int64_t>(2 + random.Below(sections == 5 ? 5 : 11));
    std::vector<SectionWeight> weights;
    const bool pre_activation = random.Below(2) == 1;
    for (size_t i = 0; i < sections; ++i) {
      const auto depth = static_cast<int64_t>(1 + random.Below(6));
      const int64_t side = 16 >> i;
      weights.push_back({.own = (2 * depth - (pre_activation ? 1 : 0)) * side * side,
                         .previous = pre_activation && i > 0 ? 4 * side * side : 0});
    }
    std::vector<int64_t> order = random.Permutation(static_cast<int64_t>(sections));
    for (int64_t& section : order) ++section;
    const auto solutions =
        SolveEqualization({.section_weights = weights, .order = order, .bound = bound});
    ASSERT_TRUE(solutions.ok()) << solutions.status();
    ASSERT_EQ(*solutions, BruteForce(weights, order, bound))
        << "round " << round << ", order " << testing::PrintToString(order);
    found += solutions->size();
  }
  EXPECT_GT(found, 1000u);  // the comparison was not about empty lists
}

TEST(EqualizationTest, SolutionsOrderTheExactCountsOfTheNetworks) {
  for (const int64_t side : {32, 64, 36}) {  // 36 halves to 18, 9, 5: no exact powers of two
    const std::vector<int64_t> blocks = {3, 4, 6, 3};
    const std::vector<int64_t> order = {3, 2, 4, 1};
    const auto solutions = SolveEqualization(
        {.section_weights = *SectionWeights(Basic(blocks, side)), .order = order, .bound = 16});
    ASSERT_TRUE(solutions.ok()) << solutions.status();
    ASSERT_FALSE(solutions->empty());
    for (const Multipliers& multipliers : *solutions) {
      Architecture architecture;
      architecture.side = side;
      architecture.base_channels = 4;
      architecture.blocks = blocks;
      architecture.multipliers.assign(multipliers.begin(), multipliers.end());
      const auto counts = CountNetwork(*BuildNetwork(architecture));
      ASSERT_TRUE(counts.ok()) << counts.status();
      for (size_t i = 1; i < order.size(); ++i) {
        EXPECT_GT(counts->sections[static_cast<size_t>(order[i - 1]) - 1].relus,
                  counts->sections[static_cast<size_t>(order[i]) - 1].relus)
            << CanonicalText(architecture);
      }
    }
  }
}

// What the weights say is what is counted, for random backbones of every family and any widths.
TEST(EqualizationTest, WeightsAreTheExactSectionCountsOfEveryFamily) {
  Random random(31);
  bool reads_previous = false;
  for (int i = 0; i < 300; ++i) {
    Architecture backbone = RandomArchitecture(random);
    const auto weights = SectionWeights(backbone);
    ASSERT_TRUE(weights.ok()) << CanonicalText(backbone) << ": " << weights.status();
    backbone.culled.clear();
    backbone.reuse = 1;
    backbone.channel_scale = 1;
    backbone.base_channels = static_cast<int64_t>(1 + random.Below(4));
    std::vector<int64_t> widths = {1};
    for (double& multiplier : backbone.multipliers) {
      widths.push_back(widths.back() * static_cast<int64_t>(1 + random.Below(3)));
      multiplier = static_cast<double>(widths[widths.size() - 1] / widths[widths.size() - 2]);
    }
    const std::vector<SectionCounts> sections = Counted(backbone).sections;
    for (size_t s = 0; s < sections.size(); ++s) {
      const auto [own, previous] = (*weights)[s];
      ASSERT_EQ(sections[s].relus,
                backbone.base_channels * (own * widths[s] + (s > 0 ? previous * widths[s - 1] : 0)))
          << CanonicalText(backbone) << " section " << s + 1;
      reads_previous |= previous > 0;
    }
  }
  EXPECT_TRUE(reads_previous);
}

// By hand, per channel of a section's width at 32x32. ResNet-50: with the stride in the 3x3, the
// first ReLU of sections 2 to 4 has the side before; 2 inner ReLUs and one of four times the width
// per block. WRN-22-8: the first ReLU of a group reads the channels and the side before.
TEST(EqualizationTest, WeightsOfTheOtherFamiliesAreTheirLayouts) {
  EXPECT_EQ(*SectionWeights(Parsed("resnet50")),
            (std::vector<SectionWeight>{{3 * 6 * 1024, 0},
                                        {1024 + (4 * 6 - 1) * 256, 0},
                                        {256 + (6 * 6 - 1) * 64, 0},
                                        {64 + (3 * 6 - 1) * 16, 0}}));
  EXPECT_EQ(*SectionWeights(Parsed("wrn-22-8")),
            (std::vector<SectionWeight>{
                {1024 + 5 * 8 * 1024, 0}, {5 * 8 * 256, 8 * 1024}, {5 * 8 * 64, 8 * 256}}));
  EXPECT_EQ(*SectionWeights(Parsed("vgg16")),
            (std::vector<SectionWeight>{
                {2 * 1024, 0}, {2 * 256, 0}, {3 * 64, 0}, {3 * 16, 0}, {3 * 4, 0}}));
}

// For every family the solutions are those of trying out, on the counts of built networks.
TEST(EqualizationTest, EveryFamilysSolutionsAreThoseOfTryingOut) {
  const std::vector<std::pair<std::string, std::vector<int64_t>>> cases = {
      {"resnet20@1", {2, 3, 1}},
      {"wrn-10-1@1", {2, 3, 1}},
      {"wrn-10-1@1", {3, 1, 2}},
      {"wrn-10-2@1+thinned", {3, 2, 1}}};
  for (const auto& [name, order] : cases) {
    const Architecture backbone = Parsed(name);
    constexpr int64_t kBound = 12;
    std::map<int64_t, int64_t> smallest;  // first multiplier by the second
    for (int64_t first = kBound; first >= 2; --first) {
      for (int64_t second = 2; second <= kBound; ++second) {
        Architecture candidate = backbone;
        candidate.multipliers = {static_cast<double>(first), static_cast<double>(second)};
        const std::vector<SectionCounts> sections = Counted(candidate).sections;
        bool follows = true;
        for (size_t i = 1; i < order.size(); ++i) {
          follows = follows && sections[static_cast<size_t>(order[i - 1]) - 1].relus >
                                   sections[static_cast<size_t>(order[i]) - 1].relus;
        }
        if (follows) smallest[second] = first;
      }
    }
    std::vector<Multipliers> expected;
    for (const auto& [second, first] : smallest) expected.push_back({first, second});
    EXPECT_EQ(*SolveEqualization(
                  {.section_weights = *SectionWeights(backbone), .order = order, .bound = kBound}),
              expected)
        << name;
  }
}

TEST(EqualizationTest, ABoundThatAdmitsNothingGivesAnEmptyList) {
  EXPECT_THAT(Solve({2, 2, 2, 2}, {3, 2, 4, 1}, 4), IsEmpty());
}

// By the time of the process, so that a busy machine does not fail it. With weights that are read
// off built networks; what must not happen is a search over every tuple.
TEST(EqualizationTest, IsFastAtItsBounds) {
  for (const char* name : {"resnet18", "resnet34", "resnet50"}) {
    const Architecture backbone = Parsed(name);
    std::clock_t fastest = std::numeric_limits<std::clock_t>::max();
    for (int i = 0; i < 20; ++i) {
      const std::clock_t start = std::clock();
      const auto solutions = SolveEqualization(
          {.section_weights = *SectionWeights(backbone), .order = {3, 2, 4, 1}, .bound = 16});
      fastest = std::min(fastest, std::clock() - start);
      EXPECT_FALSE(solutions->empty());
    }
    EXPECT_LT(fastest, CLOCKS_PER_SEC / 100) << name;
  }

  const std::clock_t before = std::clock();
  Solve({1, 1, 1, 1, 1}, {5, 4, 3, 2, 1}, 64);
  EXPECT_LT(std::clock() - before, 2 * CLOCKS_PER_SEC);
}

TEST(EqualizationTest, BadProblemsAreRefusedByField) {
  struct Case {
    EqualizationProblem problem;
    std::string message;
  };
  const std::vector<SectionWeight> weights = {{64, 0}, {16, 0}, {4, 0}, {1, 0}};
  const Case cases[] = {
      {{weights, {3, 2, 4}, 16},
       "order: found [3, 2, 4]; allowed: each section number from 1 to 4"},
      {{weights, {3, 2, 4, 4}, 16}, "order: found [3, 2, 4, 4]"},
      {{weights, {0, 1, 2, 3}, 16}, "order: found [0, 1, 2, 3]"},
      {{weights, {3, 2, 5, 1}, 16}, "order: found [3, 2, 5, 1]"},
      {{weights, {}, 16}, "order: found []"},
      {{weights, {3, 2, 4, 1}, 1}, "bound: found 1; allowed: 2 to 64"},
      {{weights, {3, 2, 4, 1}, 65}, "bound: found 65; allowed: 2 to 64"},
      {{{{1, 0}, {1, 0}}, {1, 2}, 16}, "section_weights: found 2 sections; allowed: 3 to 5"},
      {{{{1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}, {1, 0}}, {1, 2, 3, 4, 5, 6}, 16},
       "section_weights: found 6 sections"},
      {{{{1, 0}, {0, 0}, {1, 0}}, {1, 2, 3}, 16}, "section_weights: found 0"},
      {{{{1, 1}, {1, 0}, {1, 0}}, {1, 2, 3}, 16}, "section_weights: found 1 of the section before"},
      {{{{1, 0}, {1, -1}, {1, 0}}, {1, 2, 3}, 16},
       "section_weights: found -1 of the section before"},
      {{{{1, 0}, {1, 0}, {int64_t{1} << 40, 0}}, {1, 2, 3}, 16},
       "section_weights: found 1099511627776"},
  };
  for (const Case& c : cases) {
    const auto solutions = SolveEqualization(c.problem);
    ASSERT_FALSE(solutions.ok()) << c.message;
    EXPECT_EQ(solutions.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(solutions.status().message()), HasSubstr(c.message));
  }
  EXPECT_FALSE(SectionWeights(Basic({})).ok());
  EXPECT_FALSE(SectionWeights(Basic({2, 0, 2})).ok());
}

}  // namespace
}  // namespace reluscape
