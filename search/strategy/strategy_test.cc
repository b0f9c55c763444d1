// What holds of every strategy, and a little that is particular to one.

#include "search/strategy/strategy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <set>

#include "search/strategy/strategy_test_util.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

using Strategy = v1::SearchSpec::Strategy;

SearchProblem ProblemOf(Strategy strategy, uint64_t seed = 1) {
  SearchProblem problem = {
      .reference_error = 0.5, .seed = seed, .settings = Filled<v1::SearchSpec>()};
  problem.settings.set_strategy(strategy);
  problem.settings.set_initial(6);
  problem.settings.set_population(8);
  return problem;
}

// The proposals of a search of at most `most` networks; how many Budgets of the i-th decided one
// have results by then is for `results` to say.
template <typename Results>
std::vector<Proposed> Search(const SearchProblem& problem, TestSpace& space, size_t most,
                             Results results) {
  std::vector<Proposed> proposals;
  while (proposals.size() < most) {
    std::vector<Trial> trials;
    for (size_t i = 0; i < proposals.size(); ++i) {
      trials.push_back(space.TrialOf(proposals[i].point, results(i, proposals.size())));
    }
    const absl::StatusOr<std::optional<Proposed>> proposed = Propose(problem, space, trials);
    EXPECT_TRUE(proposed.ok()) << proposed.status();
    if (!proposed.ok() || !proposed->has_value()) break;
    proposals.push_back(**proposed);
  }
  return proposals;
}

constexpr auto kAllResults = [](size_t, size_t) { return size_t{100}; };

std::vector<SpacePoint> PointsOf(const std::vector<Proposed>& proposals) {
  std::vector<SpacePoint> points;
  for (const Proposed& proposed : proposals) points.push_back(proposed.point);
  return points;
}

void ExpectValid(TestSpace& space, const std::vector<Proposed>& proposals) {
  std::set<std::string> hashes;
  for (const Proposed& proposed : proposals) {
    EXPECT_EQ(space.Find(proposed.point), proposed.point);
    EXPECT_TRUE(hashes.insert(space.Look(proposed.point).hash).second)
        << "a second time: " << space.Look(proposed.point).hash;
    EXPECT_FALSE(proposed.reason.empty());
    EXPECT_EQ(proposed.reason.find('\n'), std::string::npos);
  }
}

class StrategyTest : public testing::TestWithParam<Strategy> {
 protected:
  bool ends_with_seeds() const { return GetParam() == v1::SearchSpec::DEEPRESHAPE; }
  bool draws() const {
    return GetParam() != v1::SearchSpec::DEEPRESHAPE && GetParam() != v1::SearchSpec::ENUMERATE;
  }
};

TEST_P(StrategyTest, ProposesEveryNetworkOnceAndEnds) {
  for (const size_t costs : {1u, 2u, 3u}) {
    for (const size_t budgets : {1u, 3u}) {
      SCOPED_TRACE(testing::Message() << costs << " costs, " << budgets << " Budgets");
      TestSpace space({.costs = costs, .budgets = budgets});
      const std::vector<Proposed> proposals =
          Search(ProblemOf(GetParam()), space, /*most=*/100, kAllResults);
      ExpectValid(space, proposals);
      EXPECT_EQ(proposals.size(), ends_with_seeds() ? space.Seeds().size() : space.size());
    }
  }
}

TEST_P(StrategyTest, IsAFunctionOfItsArguments) {
  TestSpace space({.budgets = 2});
  TestSpace other({.budgets = 2});
  const std::vector<SpacePoint> points =
      PointsOf(Search(ProblemOf(GetParam()), space, /*most=*/20, kAllResults));
  EXPECT_EQ(PointsOf(Search(ProblemOf(GetParam()), other, /*most=*/20, kAllResults)), points);
  const std::vector<SpacePoint> with_seed_2 =
      PointsOf(Search(ProblemOf(GetParam(), /*seed=*/2), other, /*most=*/20, kAllResults));
  EXPECT_EQ(with_seed_2 != points, draws());
}

TEST_P(StrategyTest, GoesOnWhileNetworksRunAndAfterTheyFailed) {
  TestSpace space({.costs = 2, .budgets = 3});
  // Every fourth has failed, the newest five run: two of them have no result.
  const auto results = [](size_t i, size_t decided) -> size_t {
    if (i % 4 == 3) return 0;
    return i + 2 >= decided ? 0 : i + 5 >= decided ? 1 : 3;
  };
  ExpectValid(space, Search(ProblemOf(GetParam()), space, /*most=*/100, results));
  const auto nothing = [](size_t, size_t) { return size_t{0}; };
  const std::vector<Proposed> without_results =
      Search(ProblemOf(GetParam()), space, /*most=*/12, nothing);
  ExpectValid(space, without_results);
  EXPECT_EQ(without_results.size(), ends_with_seeds() ? space.Seeds().size() : 12u);
}

// A user's own network is known to models and to the front, but no strategy can build on its point,
// and a network of the space may be the same.
TEST_P(StrategyTest, KnowsNetworksThatAreNotOfTheSpace) {
  TestSpace space({.budgets = 2});
  Trial same = space.TrialOf(space.Seeds().front(), /*results=*/2);
  same.point.clear();
  Trial foreign = space.TrialOf({3, 2, 2, 0, 0}, /*results=*/1);
  foreign.point.clear();
  foreign.outlook.hash = "foreign";
  foreign.outlook.features = {7, 7};
  std::vector<Trial> trials = {same, foreign};
  for (int i = 0; i < 15; ++i) {
    const absl::StatusOr<std::optional<Proposed>> proposed =
        Propose(ProblemOf(GetParam()), space, trials);
    ASSERT_TRUE(proposed.ok()) << proposed.status();
    if (!proposed->has_value()) break;
    for (const Trial& trial : trials) {
      EXPECT_NE(space.Look((*proposed)->point).hash, trial.outlook.hash);
    }
    trials.push_back(space.TrialOf((*proposed)->point, /*results=*/2));
  }
}

TEST_P(StrategyTest, SearchesASpaceThatCannotBeListed) {
  TestSpace space({.budgets = 2, .listed = false});
  if (GetParam() == v1::SearchSpec::ENUMERATE) {
    const absl::Status status = Propose(ProblemOf(GetParam()), space, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("enumerate"));
    return;
  }
  const std::vector<Proposed> proposals =
      Search(ProblemOf(GetParam()), space, /*most=*/100, kAllResults);
  ExpectValid(space, proposals);
  // Small enough that draws find every network.
  EXPECT_EQ(proposals.size(), ends_with_seeds() ? space.Seeds().size() : space.size());
}

TEST_P(StrategyTest, SaysWhatDoesNotFit) {
  TestSpace space({.costs = 2, .budgets = 1});
  const auto message = [&](const Trial& trial) {
    const absl::Status status =
        Propose(ProblemOf(GetParam()), space, {space.TrialOf({2, 0, 1, 0, 0}, 1), trial}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  Trial trial = space.TrialOf({1, 0, 1, 0, 0}, /*results=*/1);
  trial.results[0].costs.pop_back();
  EXPECT_EQ(message(trial), "network net-1010: found 1 costs where others have 2");
  trial = space.TrialOf({1, 0, 1, 0, 0}, /*results=*/1);
  trial.outlook.features.push_back(0);
  EXPECT_EQ(message(trial), "network net-1010: found 3 features where others have 2");
}

// 10,000 results, in a space that is too large for `ehvi` to compare all networks.
TEST_P(StrategyTest, KeepsUpWithALongHistory) {
  TestSpace space({.costs = 2, .budgets = 2, .widths = 2000, .listed = true});
  std::vector<Trial> trials;
  for (size_t i = 0; trials.size() < 5000; i += 3) {
    trials.push_back(space.TrialOf((*space.All())[i], /*results=*/2));
  }
  const std::clock_t start = std::clock();
  const absl::StatusOr<std::optional<Proposed>> proposed =
      Propose(ProblemOf(GetParam()), space, trials);
  ASSERT_TRUE(proposed.ok()) << proposed.status();
  // A limit that a build without optimisation keeps, too.
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 60);
  RecordProperty("milliseconds", static_cast<int>(1000 * (std::clock() - start) / CLOCKS_PER_SEC));
}

INSTANTIATE_TEST_SUITE_P(All, StrategyTest,
                         testing::Values(v1::SearchSpec::ENUMERATE, v1::SearchSpec::DEEPRESHAPE,
                                         v1::SearchSpec::RANDOM, v1::SearchSpec::EVOLUTION,
                                         v1::SearchSpec::NSGA2, v1::SearchSpec::EHVI),
                         [](const auto& test) { return NameOf(test.param); });

TEST(Enumerate, KeepsTheOrderOfTheSpace) {
  TestSpace space({});
  EXPECT_EQ(PointsOf(Search(ProblemOf(v1::SearchSpec::ENUMERATE), space, 100, kAllResults)),
            *space.All());
}

TEST(Random, DrawsEvenly) {
  TestSpace space({});
  std::map<SpacePoint, int> counts;
  constexpr int kDraws = 4200;
  for (uint64_t seed = 0; seed < kDraws; ++seed) {
    ++counts[(*Propose(ProblemOf(v1::SearchSpec::RANDOM, seed), space, {}))->point];
  }
  ASSERT_EQ(counts.size(), space.size());
  const double expected = static_cast<double>(kDraws) / static_cast<double>(space.size());
  for (const auto& [point, count] : counts) EXPECT_NEAR(count, expected, 5 * std::sqrt(expected));
}

TEST(Initial, IsHalfSeedsThenDrawn) {
  for (const Strategy strategy :
       {v1::SearchSpec::EVOLUTION, v1::SearchSpec::NSGA2, v1::SearchSpec::EHVI}) {
    TestSpace space({});
    SearchProblem problem = ProblemOf(strategy);
    problem.settings.set_initial(5);
    const std::vector<Proposed> proposals = Search(problem, space, /*most=*/6, kAllResults);
    for (size_t i = 0; i < 6; ++i) {
      const bool seed = proposals[i].reason.find("rule") != std::string::npos;
      const bool drawn = proposals[i].reason.find("drawn") != std::string::npos;
      EXPECT_EQ(seed, i < 2) << proposals[i].reason;
      EXPECT_EQ(drawn, i >= 2 && i < 5) << proposals[i].reason;
    }
  }
}

TEST(Evolution, ChildrenDifferFromAMemberOfTheFrontInOneChoice) {
  TestSpace space({.seeds = false});
  SearchProblem problem = ProblemOf(v1::SearchSpec::EVOLUTION);
  problem.settings.set_second_mutation(0);
  problem.settings.set_initial(1);
  problem.settings.set_newest(1);
  // The first is better than the second, but no longer young.
  const std::vector<Trial> trials = {space.TrialOf({1, 0, 0, 0, 0}, 1),
                                     space.TrialOf({1, 0, 0, 1, 0}, 1)};
  for (problem.seed = 1; problem.seed <= 50; ++problem.seed) {
    const Proposed proposed = **Propose(problem, space, trials);
    const SpacePoint parent = trials[1].point;
    int different = 0;
    // Depths trade places.
    for (const size_t i : {0u, 3u}) different += proposed.point[i] != parent[i];
    different += proposed.point[1] + proposed.point[2] != 0;
    EXPECT_EQ(different, 1);
    EXPECT_EQ(proposed.reason, "mutation of net-1001, one of 1 on the front");
  }
}

// More device time for the same gain: the cheaper one. All costs and accuracies are as of one
// network, the works are not.
TEST(Ehvi, CountsTheGainPerWork) {
  class Costly : public TestSpace {
   public:
    Costly() : TestSpace({.seeds = false}) {}
    const NetworkOutlook& Look(const SpacePoint& point) override {
      NetworkOutlook& outlook = outlooks_[point];
      outlook = TestSpace::Look(point);
      outlook.work = point[3] == 0 ? 1e6 : 1;
      return outlook;
    }

   private:
    std::map<SpacePoint, NetworkOutlook> outlooks_;
  };
  Costly space;
  std::vector<Trial> trials;
  for (const SpacePoint& point : {SpacePoint{0, 0, 1, 0, 0}, SpacePoint{1, 0, 0, 1, 0},
                                  SpacePoint{2, 0, 0, 0, 0}, SpacePoint{0, 1, 1, 1, 0}}) {
    trials.push_back(space.TrialOf(point, 1));
  }
  SearchProblem problem = ProblemOf(v1::SearchSpec::EHVI);
  problem.settings.set_initial(4);
  const Proposed proposed = **Propose(problem, space, trials);
  EXPECT_EQ(proposed.point[3], 1) << proposed.reason;
}

}  // namespace
}  // namespace reluscape
