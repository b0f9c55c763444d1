#include "search/pareto/nondominated_sort.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace reluscape {
namespace {

using testing::DoubleEq;
using testing::ElementsAre;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The slow references are the definitions: front after front is taken away,
std::vector<int> NaiveRanks(const std::vector<Objectives>& points) {
  std::vector<int> ranks(points.size(), -1);
  for (int rank = 0; std::count(ranks.begin(), ranks.end(), -1) > 0; ++rank) {
    std::vector<size_t> left;
    std::vector<Objectives> left_points;
    for (size_t i = 0; i < points.size(); ++i) {
      if (ranks[i] >= 0) continue;
      left.push_back(i);
      left_points.push_back(points[i]);
    }
    const std::vector<bool> on_front = OnFront(left_points);
    const bool none = std::count(on_front.begin(), on_front.end(), true) == 0;
    for (size_t i = 0; i < left.size(); ++i) {
      if (on_front[i] || none) ranks[left[i]] = rank;
    }
  }
  return ranks;
}

// and a neighbour is the nearest in the order of one objective. The values of a rank differ.
double NaiveDistance(const std::vector<Objectives>& points, const std::vector<int>& ranks,
                     size_t at) {
  double distance = 0;
  for (size_t objective = 0; objective < points[at].size(); ++objective) {
    double below = -kInfinity;
    double above = kInfinity;
    double min = kInfinity;
    double max = -kInfinity;
    for (size_t i = 0; i < points.size(); ++i) {
      if (ranks[i] != ranks[at]) continue;
      const double value = points[i][objective];
      if (value < points[at][objective]) below = std::max(below, value);
      if (value > points[at][objective]) above = std::min(above, value);
      min = std::min(min, value);
      max = std::max(max, value);
    }
    distance += above - below == kInfinity ? kInfinity : (above - below) / (max - min);
  }
  return distance;
}

TEST(RanksTest, HandComputed) {
  EXPECT_THAT(Ranks({}), ElementsAre());
  EXPECT_THAT(Ranks({{3}, {1}, {2}, {1}}), ElementsAre(2, 0, 1, 0));
  EXPECT_THAT(Ranks({{1, 3}, {3, 1}, {2, 2}, {2, 3}, {3, 3}, {2, 2}}),
              ElementsAre(0, 0, 0, 1, 2, 0));
  EXPECT_THAT(Ranks({{0, 0, 1}, {0, 1, 1}, {1, 0, 0}, {1, 1, 1}}), ElementsAre(0, 1, 0, 2));
}

TEST(RanksTest, PointsThatAreNotFiniteComeLast) {
  EXPECT_THAT(Ranks({{kNan, 0}, {1, 1}, {-kInfinity, 0}, {2, 2}}), ElementsAre(2, 0, 2, 1));
  EXPECT_THAT(Ranks({{kNan, 0}, {kInfinity, 0}}), ElementsAre(0, 0));
}

TEST(RanksTest, AgreeWithTheDefinitionOnRandomPoints) {
  Random random(9);
  for (int round = 0; round < 2000; ++round) {
    const uint64_t values = round % 2 == 0 ? 4 : 1000;
    std::vector<Objectives> points(random.Below(40), Objectives(1 + random.Below(4)));
    for (Objectives& point : points) {
      for (double& value : point) {
        value = static_cast<double>(random.Below(values));
        if (random.Below(80) == 0) value = kNan;
      }
    }
    ASSERT_EQ(Ranks(points), NaiveRanks(points)) << testing::PrintToString(points);
  }
}

TEST(CrowdingDistancesTest, HandComputed) {
  EXPECT_THAT(CrowdingDistances({}, {}), ElementsAre());
  EXPECT_THAT(CrowdingDistances({{1, 2}}, {0}), ElementsAre(kInfinity));
  // Ranges 4 and 8; the point of the other rank does not count.
  EXPECT_THAT(CrowdingDistances({{0, 8}, {1, 4}, {4, 0}, {2, 2}, {9, 9}}, {0, 0, 0, 0, 1}),
              ElementsAre(kInfinity, DoubleEq(2 / 4.0 + 6 / 8.0), kInfinity,
                          DoubleEq(3 / 4.0 + 4 / 8.0), kInfinity));
}

TEST(CrowdingDistancesTest, EqualValues) {
  EXPECT_THAT(CrowdingDistances({{1, 1}, {1, 1}, {1, 1}}, {0, 0, 0}),
              ElementsAre(kInfinity, 0, kInfinity));
  // The second of two equal points at the end is as crowded as it looks.
  EXPECT_THAT(CrowdingDistances({{0, 2}, {0, 2}, {1, 1}, {2, 0}}, {0, 0, 0, 0}),
              ElementsAre(kInfinity, kInfinity, DoubleEq(2), kInfinity));
  EXPECT_THAT(CrowdingDistances({{kNan, 1}, {1, 1}, {0, kInfinity}}, {1, 0, 1}),
              ElementsAre(0, kInfinity, 0));
}

TEST(CrowdingDistancesTest, AgreeWithTheDefinitionOnRandomPoints) {
  Random random(10);
  for (int round = 0; round < 300; ++round) {
    std::vector<Objectives> points(random.Below(40), Objectives(1 + random.Below(4)));
    for (Objectives& point : points) {
      for (double& value : point) value = random.Uniform(-1, 1);
    }
    const std::vector<int> ranks = Ranks(points);
    const std::vector<double> distances = CrowdingDistances(points, ranks);
    for (size_t i = 0; i < points.size(); ++i) {
      const double expected = NaiveDistance(points, ranks, i);
      if (std::isinf(expected)) {
        ASSERT_EQ(distances[i], expected);
      } else {
        ASSERT_NEAR(distances[i], expected, 1e-12 * expected);
      }
    }
  }
}

TEST(RanksTest, TenThousandPoints) {
  Random random(12);
  std::vector<Objectives> points(10'000, Objectives(2));
  for (Objectives& point : points) {
    for (double& value : point) value = random.Uniform(0, 1);
  }
  const std::vector<int> ranks = Ranks(points);
  const std::vector<bool> on_front = OnFront(points);
  for (size_t i = 0; i < points.size(); ++i) ASSERT_EQ(ranks[i] == 0, on_front[i]);
}

}  // namespace
}  // namespace reluscape
