#include "search/network/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reluscape {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string Described(const std::string& name) {
  const Architecture architecture = *ParseArchitecture(name, 32, 100);
  const Network network = *BuildNetwork(architecture);
  return DescribeAsText(architecture, network, *CountNetwork(network));
}

TEST(DescribeTest, ShowsTotalsSectionsAndLayers) {
  const std::string text = Described("hrn-5x5x3x");
  for (const char* line : {
           "network     "
           "basic:side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3\n",
           "\ninput       3x32x32, 100 classes\n",
           "\nReLUs       326,656 (343,040 with a ReLU behind the stem)\n",
           "\nMACs        1,053,353,152 (convolutions 1,043,177,472, shortcuts 10,055,680, "
           "classifier 120,000)\n",
           "\nparameters  48,652,308\n",
           "\nsection  blocks  width  side    ReLUs\n",
           "\n3             2    400     8  102,400\n",
       }) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, HasSubstr("\nhash        " + NetworkHash(*BuildNetwork(
                                                     *ParseArchitecture("hrn-5x5x3x", 32, 100)))));
  EXPECT_THAT(text,
              testing::ContainsRegex("section2.block1.shortcut.conv  conv 1x1 stride 2 +80x16x16 "
                                     "+0 +327,680 +1,280\n"));
  EXPECT_THAT(text, testing::ContainsRegex("stem.conv +conv 3x3 +16x32x32 +0 +442,368 +432\n"));
  EXPECT_THAT(text,
              testing::ContainsRegex("section1.block1.relu1 +ReLU +16x32x32 +16,384 +0 +0\n"));
  EXPECT_THAT(text, testing::ContainsRegex("pool +average pool 4x4 +1200x1x1 "));
  EXPECT_THAT(text, testing::ContainsRegex("classifier +linear +100x1x1 +0 +120,000 +120,100\n"));
  EXPECT_THAT(text, testing::ContainsRegex("total +326,656 +1,053,353,152 +48,652,308\n$"));
}

TEST(DescribeTest, ShowsSkipConnections) {
  EXPECT_THAT(
      Described("resnet20"),
      testing::ContainsRegex("\nsection1.block1.relu2 +section1.block2.add +residual +identity\n"));
  EXPECT_THAT(
      Described("resnet20"),
      testing::ContainsRegex("\nsection1.block3.relu2 +section2.block1.add +residual +conv 1x1 "
                             "stride 2, batch norm\n"));
  EXPECT_THAT(Described("mpcnn-resnet20"),
              testing::ContainsRegex("section2.block1.add +residual +down-sample stride 2\n"));
  const std::string shared = Described("resnet20+skip:dirac-ss:source=stem:merge=scaled");
  EXPECT_THAT(shared,
              testing::ContainsRegex("\nstem.bn +section3.block3.add +shared +conv 1x1 stride "
                                     "4, batch norm, scale\n"));
  EXPECT_THAT(shared, testing::ContainsRegex("section1.block1.conv1 +Dirac conv 3x3 +16x32x32"));
  EXPECT_THAT(Described("resnet20+skip:dirac"), HasSubstr("\nno skip connections\n"));
}

TEST(DescribeTest, TheOtherReluTotalSaysWhereItsReluWouldStand) {
  EXPECT_THAT(Described("wrn-22-8"),
              HasSubstr("\nReLUs       1,359,872 (1,392,640 with a ReLU before the last pool)\n"));
  EXPECT_THAT(Described("vgg16"), HasSubstr("\nReLUs       284,672\n"));
  EXPECT_THAT(Described("resnet20+reuse:4"), HasSubstr("ReLU on 4 channels"));
}

TEST(DescribeTest, ColumnsAreAlignedAndLinesEndWithoutBlanks) {
  const std::string text = Described("resnet18");
  EXPECT_THAT(text, Not(HasSubstr(" \n")));
  size_t width = 0;  // of the lines of the layer table, all of which end with a number
  for (size_t at = text.find("\nlayer ") + 1; at < text.size();) {
    const size_t end = text.find('\n', at);
    ASSERT_NE(end, std::string::npos);
    if (width == 0) width = end - at;
    EXPECT_EQ(end - at, width) << text.substr(at, end - at);
    at = end + 1;
  }
}

}  // namespace
}  // namespace reluscape
