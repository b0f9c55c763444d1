#include "search/pareto/front.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace reluscape {
namespace {

using testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The definition, word by word: the slow reference.
std::vector<bool> NaiveFront(const std::vector<Objectives>& points) {
  const auto finite = [](const Objectives& point) {
    return std::none_of(point.begin(), point.end(),
                        [](double v) { return std::isnan(v) || std::isinf(v); });
  };
  std::vector<bool> on_front;
  for (const Objectives& point : points) {
    bool dominated = false;
    for (const Objectives& other : points) {
      bool nowhere_worse = finite(other);
      bool somewhere_better = false;
      for (size_t i = 0; i < point.size(); ++i) {
        if (other[i] > point[i]) nowhere_worse = false;
        if (other[i] < point[i]) somewhere_better = true;
      }
      dominated = dominated || (nowhere_worse && somewhere_better);
    }
    on_front.push_back(finite(point) && !dominated);
  }
  return on_front;
}

TEST(DominatesTest, NeedsToBeBetterSomewhereAndWorseNowhere) {
  EXPECT_TRUE(Dominates({1, 2}, {1, 3}));
  EXPECT_TRUE(Dominates({0, 2}, {1, 3}));
  EXPECT_FALSE(Dominates({1, 3}, {1, 3}));
  EXPECT_FALSE(Dominates({0, 4}, {1, 3}));
  EXPECT_FALSE(Dominates({1, 3}, {1, 2}));
}

TEST(DominatesTest, ValuesThatAreNotFiniteDominateNothing) {
  EXPECT_FALSE(Dominates({kNan, 0}, {1, 1}));
  EXPECT_FALSE(Dominates({-kInfinity, 0}, {1, 1}));
  EXPECT_TRUE(Dominates({0, 0}, {1, kInfinity}));
}

TEST(DominatesTest, PointsOfDifferentLengthAreNotComparable) {
  EXPECT_FALSE(Dominates({1}, {2, 2}));
  EXPECT_FALSE(Dominates({1, 1}, {2}));
}

TEST(OnFrontTest, NothingIsOnTheFrontOfNothing) { EXPECT_THAT(OnFront({}), ElementsAre()); }

TEST(OnFrontTest, EqualPointsAreAllOnTheFront) {
  EXPECT_THAT(OnFront({{1, 1}, {1, 1}, {2, 0}, {2, 0}, {2, 1}}),
              ElementsAre(true, true, true, true, false));
}

TEST(OnFrontTest, ATieInOneObjectiveIsDecidedByTheOther) {
  EXPECT_THAT(OnFront({{1, 5}, {1, 4}, {2, 4}, {3, 3}}), ElementsAre(false, true, false, true));
}

TEST(OnFrontTest, NegativeZeroEqualsZero) {
  EXPECT_THAT(OnFront({{0.0, 1}, {-0.0, 1}, {-0.0, 2}}), ElementsAre(true, true, false));
}

TEST(OnFrontTest, APointThatIsNotFiniteNeitherShowsNorHides) {
  EXPECT_THAT(OnFront({{-kInfinity, -1}, {1, 1}, {kNan, 0}, {0, kInfinity}}),
              ElementsAre(false, true, false, false));
  EXPECT_THAT(OnFront({{kNan, kNan}}), ElementsAre(false));
}

TEST(OnFrontTest, OneObjectiveKeepsTheMinimum) {
  EXPECT_THAT(OnFront({{3}, {1}, {2}, {1}}), ElementsAre(false, true, false, true));
}

TEST(OnFrontTest, AgreesWithTheDefinitionOnRandomPoints) {
  Random random(7);
  for (int round = 0; round < 3000; ++round) {
    const size_t objectives = 1 + random.Below(4);
    const size_t size = random.Below(30);
    // Few distinct values make ties and repeated points; many make large fronts.
    const uint64_t values = round % 2 == 0 ? 4 : 1000;
    std::vector<Objectives> points(size, Objectives(objectives));
    for (Objectives& point : points) {
      for (double& value : point) {
        value = static_cast<double>(random.Below(values)) - 2;
        const uint64_t odd = random.Below(60);
        if (odd == 0) value = kNan;
        if (odd == 1) value = kInfinity;
        if (odd == 2) value = -kInfinity;
      }
    }
    ASSERT_EQ(OnFront(points), NaiveFront(points)) << "round " << round;
  }
}

TEST(OnFrontTest, DoesNotDependOnTheOrderOfThePoints) {
  Random random(11);
  std::vector<Objectives> points;
  for (int i = 0; i < 200; ++i) {
    points.push_back({std::floor(random.Uniform(0, 20)), std::floor(random.Uniform(0, 20)),
                      std::floor(random.Uniform(0, 20))});
  }
  const std::vector<bool> before = OnFront(points);
  const std::vector<int64_t> order = random.Permutation(static_cast<int64_t>(points.size()));
  std::vector<Objectives> shuffled;
  for (const int64_t i : order) shuffled.push_back(points[static_cast<size_t>(i)]);
  const std::vector<bool> after = OnFront(shuffled);
  for (size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(after[i], before[static_cast<size_t>(order[i])]);
  }
}

}  // namespace
}  // namespace reluscape
