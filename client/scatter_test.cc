#include "client/scatter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reluscape {
namespace {

TEST(ScatterTest, DrawsPointsByTheirLogarithms) {
  EXPECT_EQ(Scatter({{1, 1}, {10, 10}, {100, 100}}, "ReLUs", "MACs", 3, 3),
            "MACs\n"
            "    100 |  .\n"
            "        | .\n"
            "      1 |.\n"
            "        +---\n"
            "         1 ReLUs (both axes logarithmic) 100\n");
}

TEST(ScatterTest, SaysHowManyPointsShareAPlace) {
  std::vector<std::pair<double, double>> points(12, {1, 1});
  points.insert(points.end(), 3, {4, 4});
  points.push_back({4, 1});
  const std::string text = Scatter(points, "x", "y", 2, 2);
  EXPECT_THAT(text, testing::HasSubstr(" | o\n"));
  EXPECT_THAT(text, testing::HasSubstr(" |#.\n"));
}

TEST(ScatterTest, OnePointHasAPlaceAndNoneGivesNothing) {
  EXPECT_THAT(Scatter({{5, 7}}, "x", "y", 4, 2), testing::HasSubstr("."));
  EXPECT_EQ(Scatter({}, "x", "y", 4, 2), "");
  EXPECT_EQ(Scatter({{0, 1}, {-1, 2}}, "x", "y", 4, 2), "");
}

}  // namespace
}  // namespace reluscape
