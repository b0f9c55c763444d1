#include "search/pareto/hypervolume.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace reluscape {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The slow reference: the points' coordinates cut the space into cells, and a cell counts where
// some point is nowhere above its lower corner.
double NaiveHypervolume(const std::vector<Objectives>& points, const Objectives& reference) {
  std::vector<std::vector<double>> cuts;
  size_t cells = 1;
  for (size_t i = 0; i < reference.size(); ++i) {
    std::vector<double> values = {reference[i]};
    for (const Objectives& point : points) {
      if (std::isfinite(point[i]) && point[i] < reference[i]) values.push_back(point[i]);
    }
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    cells *= values.size() - 1;
    cuts.push_back(values);
  }
  double sum = 0;
  for (size_t cell = 0; cell < cells; ++cell) {
    Objectives lower;
    double size = 1;
    size_t rest = cell;
    for (const std::vector<double>& values : cuts) {
      const size_t at = rest % (values.size() - 1);
      rest /= values.size() - 1;
      lower.push_back(values[at]);
      size *= values[at + 1] - values[at];
    }
    const bool covered = std::any_of(points.begin(), points.end(), [&](const Objectives& point) {
      for (size_t i = 0; i < point.size(); ++i) {
        if (!std::isfinite(point[i]) || point[i] > lower[i]) return false;
      }
      return true;
    });
    if (covered) sum += size;
  }
  return sum;
}

// Whole numbers, of which sums and products are exact; some are at or beyond a reference of 7.
std::vector<Objectives> RandomWholePoints(Random& random, size_t size, size_t objectives,
                                          bool odd_values) {
  std::vector<Objectives> points(size, Objectives(objectives));
  for (Objectives& point : points) {
    for (double& value : point) {
      value = static_cast<double>(random.Below(9)) - 1;
      const uint64_t odd = odd_values ? random.Below(60) : 3;
      if (odd == 0) value = kNan;
      if (odd == 1) value = kInfinity;
      if (odd == 2) value = -kInfinity;
    }
  }
  return points;
}

TEST(HypervolumeTest, HandComputed) {
  struct Case {
    std::vector<Objectives> points;
    Objectives reference;
    double hypervolume;
  };
  const std::vector<Case> cases = {
      {{{3}, {1}, {2}}, {5}, 4},
      {{{1, 1}}, {3, 4}, 6},
      // 1 * 1 + 2 * 1 + 3 * 1: stairs.
      {{{1, 3}, {2, 2}, {3, 1}}, {4, 4}, 6},
      {{{-0.95, 100}, {-0.90, 50}}, {0, 200}, 0.95 * 100 + 0.90 * 50},
      {{{1, 1, 1}}, {3, 3, 3}, 8},
      // Two bricks of 2 that share a unit cube.
      {{{0, 1, 1}, {1, 0, 1}}, {2, 2, 2}, 3},
      {{{0, 1, 1}, {1, 0, 1}, {1, 1, 0}}, {2, 2, 2}, 4},
      {{{0, 0, 0, 0}}, {1, 2, 3, 4}, 24},
      {{{0, 1, 1, 1}, {1, 0, 1, 1}, {1, 1, 0, 1}, {1, 1, 1, 0}}, {2, 2, 2, 2}, 5},
  };
  for (const Case& c : cases) {
    EXPECT_DOUBLE_EQ(Hypervolume(c.points, c.reference), c.hypervolume)
        << testing::PrintToString(c.points);
  }
}

TEST(HypervolumeTest, WhatAddsNothing) {
  EXPECT_EQ(Hypervolume({}, {1, 1}), 0);
  EXPECT_EQ(Hypervolume({{}}, {}), 0);
  // At the reference, beyond it, not finite, of another length.
  const std::vector<Objectives> nothing = {{0, 2},          {3, 0},    {9, 9}, {kNan, 0},
                                           {0, -kInfinity}, {0, kNan}, {0},    {0, 0, 0}};
  EXPECT_EQ(Hypervolume(nothing, {2, 2}), 0);
  std::vector<Objectives> with_one = nothing;
  with_one.push_back({1, 1});
  EXPECT_EQ(Hypervolume(with_one, {2, 2}), 1);
  // Equal and dominated points.
  EXPECT_EQ(Hypervolume({{1, 1}, {1, 1}, {1.5, 1}, {1.5, 1.5}}, {2, 2}), 1);
  EXPECT_EQ(Hypervolume({{0, 0}}, {1, kInfinity}), 0);
  EXPECT_EQ(Hypervolume({{0, 0}}, {1, kNan}), 0);
  EXPECT_EQ(Hypervolume({{0, 0, 0, 0, 0}}, {1, 1, 1, 1, 1}), 0);
}

TEST(HypervolumeTest, IsThatOfTheCellsOnRandomPoints) {
  Random random(3);
  for (int round = 0; round < 2000; ++round) {
    const size_t objectives = 1 + random.Below(kMaxHypervolumeObjectives);
    const std::vector<Objectives> points =
        RandomWholePoints(random, random.Below(20), objectives, /*odd_values=*/true);
    const Objectives reference(objectives, 7);
    ASSERT_EQ(Hypervolume(points, reference), NaiveHypervolume(points, reference))
        << testing::PrintToString(points);
  }
}

TEST(HypervolumeTest, IsThatOfTheCellsOnPointsBetweenWholeNumbers) {
  Random random(4);
  for (int round = 0; round < 300; ++round) {
    const size_t objectives = 1 + random.Below(kMaxHypervolumeObjectives);
    std::vector<Objectives> points(random.Below(12), Objectives(objectives));
    for (Objectives& point : points) {
      for (double& value : point) value = random.Uniform(-1, 1.1);
    }
    const Objectives reference(objectives, 1);
    const double expected = NaiveHypervolume(points, reference);
    ASSERT_NEAR(Hypervolume(points, reference), expected, 1e-12 * expected);
  }
}

TEST(HypervolumeTest, DoesNotDependOnTheOrderOfThePoints) {
  Random random(5);
  for (size_t objectives = 1; objectives <= kMaxHypervolumeObjectives; ++objectives) {
    std::vector<Objectives> points =
        RandomWholePoints(random, 60, objectives, /*odd_values=*/false);
    const Objectives reference(objectives, 8);
    const double before = Hypervolume(points, reference);
    std::reverse(points.begin(), points.end());
    EXPECT_EQ(Hypervolume(points, reference), before);
  }
}

// Points of one line (two objectives) or plane, all on the front.
std::vector<Objectives> LargeFront(size_t size, size_t objectives) {
  Random random(6);
  std::vector<Objectives> points;
  for (size_t i = 0; i < size; ++i) {
    Objectives point(objectives);
    double sum = 0;
    for (double& value : point) sum += value = random.Uniform(0.01, 1);
    for (double& value : point) value /= sum;
    points.push_back(point);
  }
  return points;
}

TEST(HypervolumeTest, LargeFronts) {
  // Stairs below the diagonal of the unit square, from 1/n steps: (1 - 1/n) / 2.
  const size_t n = 10'000;
  std::vector<Objectives> stairs;
  for (size_t i = 0; i < n; ++i) {
    const double x = static_cast<double>(i) / n;
    stairs.push_back({x, 1 - x});
  }
  EXPECT_NEAR(Hypervolume(stairs, {1, 1}), (1 - 1.0 / n) / 2, 1e-12);
  EXPECT_GT(Hypervolume(LargeFront(n, 2), {1, 1}), 0.4);
  EXPECT_GT(Hypervolume(LargeFront(n, 3), {1, 1, 1}), 0.7);
  EXPECT_GT(Hypervolume(LargeFront(300, 4), {1, 1, 1, 1}), 0.7);
}

TEST(GrowingFrontTest, ReplacesWhatANewPointDominates) {
  GrowingFront front({4, 4});
  EXPECT_EQ(front.Add({3, 1}), 3);
  EXPECT_EQ(front.Add({1, 3}), 2);
  EXPECT_EQ(front.Gain({2, 2}), 1);
  EXPECT_EQ(front.hypervolume(), 5) << "a gain that is asked for changes nothing";
  EXPECT_EQ(front.Add({2, 2}), 1);
  EXPECT_THAT(front.points(), ElementsAre(ElementsAre(1, 3), ElementsAre(2, 2), ElementsAre(3, 1)));
  // The same first value, and all to the right.
  EXPECT_EQ(front.Add({1, 1}), 3);
  EXPECT_THAT(front.points(), ElementsAre(ElementsAre(1, 1)));
  EXPECT_EQ(front.hypervolume(), 9);
}

TEST(GrowingFrontTest, WhatAddsNothingIsNotKept) {
  GrowingFront front({2, 2, 2});
  for (const Objectives& point : std::vector<Objectives>{
           {2, 0, 0}, {0, 0, 3}, {kNan, 0, 0}, {0, -kInfinity, 0}, {0, 0}, {0, 0, 0, 0}, {}}) {
    EXPECT_EQ(front.Gain(point), 0);
    EXPECT_EQ(front.Add(point), 0);
  }
  EXPECT_THAT(front.points(), IsEmpty());
  front.Add({1, 1, 1});
  for (const Objectives& point : std::vector<Objectives>{{1, 1, 1}, {1, 1.5, 1}}) {
    EXPECT_EQ(front.Gain(point), 0);
    EXPECT_EQ(front.Add(point), 0);
  }
  EXPECT_THAT(front.points(), ElementsAre(ElementsAre(1, 1, 1)));
  EXPECT_EQ(front.hypervolume(), 1);
}

TEST(GrowingFrontTest, EqualsTheWholeAfterEveryPoint) {
  Random random(8);
  for (int round = 0; round < 400; ++round) {
    const size_t objectives = 1 + random.Below(kMaxHypervolumeObjectives);
    const std::vector<Objectives> points =
        RandomWholePoints(random, 25, objectives, /*odd_values=*/true);
    const Objectives reference(objectives, 7);
    GrowingFront front(reference);
    std::vector<Objectives> seen;
    for (const Objectives& point : points) {
      const double before = Hypervolume(seen, reference);
      seen.push_back(point);
      const double after = Hypervolume(seen, reference);
      ASSERT_EQ(front.Gain(point), after - before);
      ASSERT_EQ(front.Add(point), after - before);
      ASSERT_EQ(front.hypervolume(), after);
    }
    std::vector<Objectives> on_front;
    std::erase_if(seen,
                  [&](const Objectives& point) { return Hypervolume({point}, reference) == 0; });
    const std::vector<bool> on = OnFront(seen);
    for (size_t i = 0; i < seen.size(); ++i) {
      if (on[i]) on_front.push_back(seen[i]);
    }
    std::sort(on_front.begin(), on_front.end());
    on_front.erase(std::unique(on_front.begin(), on_front.end()), on_front.end());
    ASSERT_THAT(front.points(), UnorderedElementsAreArray(on_front));
    if (objectives == 2) {
      ASSERT_TRUE(std::is_sorted(front.points().begin(), front.points().end()));
    }
  }
}

TEST(GrowingFrontTest, ManyPointsOfTwoObjectives) {
  GrowingFront front({1, 1});
  const std::vector<Objectives> points = LargeFront(10'000, 2);
  for (const Objectives& point : points) front.Add(point);
  const double whole = Hypervolume(points, {1, 1});
  EXPECT_NEAR(front.hypervolume(), whole, 1e-12 * whole);
}

}  // namespace
}  // namespace reluscape
