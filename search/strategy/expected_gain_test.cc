#include "search/strategy/expected_gain.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "search/strategy/normal.h"

namespace reluscape {
namespace {

std::vector<double> RandomCosts(size_t costs, Random& random) {
  std::vector<double> values;
  for (size_t k = 0; k < costs; ++k) values.push_back(random.Uniform(0.05, 0.95));
  return values;
}

// Errors that fall with the costs, as those of networks do, and one point outside of the box.
std::vector<Objectives> RandomFront(size_t costs, Random& random) {
  std::vector<Objectives> front = {Objectives(costs + 1, 0.01)};
  front[0][1] = 1.5;
  for (int i = 0; i < 12; ++i) {
    Objectives point = {0};
    for (const double cost : RandomCosts(costs, random)) {
      point.push_back(cost);
      point[0] += (1 - cost) / static_cast<double>(costs);
    }
    point[0] = 0.2 + 0.6 * point[0] + random.Uniform(-0.1, 0.1);
    front.push_back(point);
  }
  return front;
}

// By definition, with many draws.
double SlowGain(const std::vector<Objectives>& front, const std::vector<std::vector<double>>& costs,
                const std::vector<double>& means, const std::vector<std::vector<double>>& factor) {
  const Objectives reference(costs[0].size() + 1, 1.0);
  const double before = Hypervolume(front, reference);
  double sum = 0;
  constexpr size_t kDraws = 20'000;
  for (const std::vector<double>& draw : NormalDraws(costs.size(), kDraws)) {
    std::vector<Objectives> with = front;
    for (size_t i = 0; i < costs.size(); ++i) {
      double log_error = means[i];
      for (size_t j = 0; j <= i; ++j) log_error += factor[i][j] * draw[j];
      with.push_back({std::exp(log_error)});
      with.back().insert(with.back().end(), costs[i].begin(), costs[i].end());
    }
    sum += Hypervolume(with, reference) - before;
  }
  return sum / kDraws;
}

TEST(Normal, QuantileIsTheOtherWayOfBelow) {
  for (const double x : {-4.0, -1.0, 0.0, 0.3, 2.5}) {
    EXPECT_NEAR(NormalQuantile(NormalBelow(x)), x, 1e-8);
  }
  EXPECT_NEAR(NormalBelow(1.959963985), 0.975, 1e-9);
}

TEST(Normal, DrawsAreIndependentAndStandard) {
  const std::vector<std::vector<double>> draws = NormalDraws(/*size=*/3, /*count=*/1024);
  for (size_t a = 0; a < 3; ++a) {
    double mean = 0;
    for (const std::vector<double>& draw : draws) mean += draw[a] / 1024;
    EXPECT_NEAR(mean, 0, 1e-9);
    for (size_t b = 0; b <= a; ++b) {
      double product = 0;
      for (const std::vector<double>& draw : draws) product += draw[a] * draw[b] / 1024;
      EXPECT_NEAR(product, a == b ? 1 : 0, a == b ? 0.005 : 0.1);
    }
  }
}

TEST(ExpectedShortfall, HasItsLimits) {
  EXPECT_NEAR(ExpectedShortfall({.mean = std::log(0.3), .deviation = 0}, 0.5), 0.2, 1e-12);
  EXPECT_EQ(ExpectedShortfall({.mean = std::log(0.7), .deviation = 0}, 0.5), 0);
  EXPECT_EQ(ExpectedShortfall({.mean = 0, .deviation = 1}, 0), 0);
  // Far below the bound: the mean of the error is what counts.
  EXPECT_NEAR(ExpectedShortfall({.mean = -5, .deviation = 0.2}, 1), 1 - std::exp(-5 + 0.02), 1e-9);
}

class ExpectedGainTest : public testing::TestWithParam<size_t> {};

TEST_P(ExpectedGainTest, OfOnePointIsExact) {
  Random random(GetParam());
  const std::vector<Objectives> front = RandomFront(GetParam(), random);
  const ExpectedGain gain(front, GetParam(), {});
  for (int i = 0; i < 20; ++i) {
    const std::vector<double> costs = RandomCosts(GetParam(), random);
    const LogError error = {.mean = std::log(random.Uniform(0.2, 0.9)),
                            .deviation = random.Uniform(0.05, 0.4)};
    const double slow = SlowGain(front, {costs}, {error.mean}, {{error.deviation}});
    EXPECT_NEAR(gain.Of({costs}, {error.mean}, {{error.deviation}}), slow, 1e-4 + 0.005 * slow);
    EXPECT_NEAR(gain.Of(costs).Expected(error), slow, 1e-4 + 0.005 * slow);
    const double bound = gain.Bound(costs, error);
    EXPECT_GE(bound, gain.Of(costs).Expected(error) - 1e-12);
    if (GetParam() == 1) {
      EXPECT_NEAR(bound, gain.Of(costs).Expected(error), 1e-12);
    }
  }
}

TEST_P(ExpectedGainTest, OfSeveralPointsIsThatOfTheirUnion) {
  Random random(10 + GetParam());
  const std::vector<Objectives> front = RandomFront(GetParam(), random);
  const ExpectedGain gain(front, GetParam(), NormalDraws(/*size=*/4, /*count=*/512));
  for (int i = 0; i < 5; ++i) {
    std::vector<std::vector<double>> costs, factor;
    std::vector<double> means;
    for (size_t b = 0; b < 3; ++b) {
      costs.push_back(RandomCosts(GetParam(), random));
      means.push_back(std::log(random.Uniform(0.2, 0.5)));
      factor.emplace_back();
      for (size_t k = 0; k <= b; ++k) factor.back().push_back(random.Uniform(0.05, 0.2));
    }
    const double slow = SlowGain(front, costs, means, factor);
    EXPECT_NEAR(gain.Of(costs, means, factor), slow, 1e-4 + 0.02 * slow);
  }
}

TEST_P(ExpectedGainTest, OfThePointsTwiceIsThatOfOnce) {
  Random random(20 + GetParam());
  const std::vector<double> costs = RandomCosts(GetParam(), random);
  const ExpectedGain gain(RandomFront(GetParam(), random), GetParam(), NormalDraws(2, 1024));
  const double once = gain.Of({costs}, {-1}, {{0.3}});
  EXPECT_GT(once, 0);
  EXPECT_NEAR(gain.Of({costs, costs}, {-1, -1}, {{0.3}, {0.3, 0}}), once, 0.02 * once);
}

TEST_P(ExpectedGainTest, IsNothingOutsideOfTheBox) {
  Random random(30 + GetParam());
  std::vector<double> costs = RandomCosts(GetParam(), random);
  costs.back() = 1.2;
  const ExpectedGain gain(RandomFront(GetParam(), random), GetParam(), NormalDraws(2, 64));
  EXPECT_EQ(gain.Of({costs}, {-1}, {{0.3}}), 0);
  EXPECT_EQ(gain.Bound(costs, {.mean = -1, .deviation = 0.3}), 0);
}

INSTANTIATE_TEST_SUITE_P(Costs, ExpectedGainTest, testing::Values(1, 2, 3));

}  // namespace
}  // namespace reluscape
