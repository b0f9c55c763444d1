#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::ElementsAre;

TEST(SectionShapesTest, WidthsAreExactProductsRoundedHalfUpAtTheEnd) {
  struct Case {
    std::string name;
    std::vector<int64_t> widths;
  };
  const Case cases[] = {
      {"hrn-5x5x3x@16", {16, 80, 400, 1200}},
      {"hrn-1.5x1.5x1.5x@1", {1, 2, 2, 3}},                 // 1.5, 2.25, 3.375
      {"hrn-0.5x0.5x0.5x@4", {4, 2, 1, 1}},                 // 2, 1, 0.5
      {"hrn-0.001x0.001x0.001x@4", {4, 1, 1, 1}},           // never below 1
      {"hrn-1.1x1.1x1.1x@1000", {1000, 1100, 1210, 1331}},  // 1.1 has no exact double
      {"hrn-1.005x1x1x@100", {100, 101, 101, 101}},         // 100.5, where doubles say 100.49999
      {"hrn-0.333x3x1x@3", {3, 1, 3, 3}},                   // 0.999, 2.997: not from the rounded 1
  };
  for (const Case& c : cases) {
    FieldErrors errors;
    std::vector<int64_t> widths;
    for (const SectionShape& section : SectionShapes(Parsed(c.name), errors)) {
      widths.push_back(section.width);
    }
    EXPECT_EQ(widths, c.widths) << c.name;
  }
}

TEST(SectionShapesTest, OddSidesAreHalvedUpwards) {
  Architecture architecture = Parsed("resnet20", 9, 10);
  architecture.blocks = {1, 1, 1, 1, 1};
  architecture.multipliers = {1, 1, 1, 1};
  FieldErrors errors;
  std::vector<int64_t> sides;
  for (const SectionShape& section : SectionShapes(architecture, errors)) {
    sides.push_back(section.side);
  }
  EXPECT_THAT(sides, ElementsAre(9, 5, 3, 2, 1));
}

TEST(SectionShapesTest, ASectionThatWouldShrinkBelowOnePixelIsRefused) {
  Architecture architecture = Parsed("resnet20", 8, 10);
  architecture.blocks = {1, 1, 1, 1, 1};
  architecture.multipliers = {1, 1, 1, 1};
  const auto network = BuildNetwork(architecture);
  EXPECT_EQ(
      network.status().message(),
      "side: found 8; allowed: a side that section 5 can halve: its input is already 1 pixel wide");
  architecture.side = 9;
  EXPECT_TRUE(BuildNetwork(architecture).ok());
}

}  // namespace
}  // namespace reluscape
