#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(BuildNetworkTest, RefusesWhatNoParserWouldReturn) {
  const double kNan = std::numeric_limits<double>::quiet_NaN();
  const double kInfinity = std::numeric_limits<double>::infinity();
  for (const double bad : {0.0, -1.0, 1e-9, 1e18, 1.0 / 3, kNan, kInfinity, -kInfinity}) {
    Architecture architecture = Parsed("resnet18");
    architecture.multipliers[1] = bad;
    EXPECT_THAT(std::string(BuildNetwork(architecture).status().message()),
                HasSubstr("multipliers[1]: found "));
    EXPECT_NE(CanonicalText(architecture), "");  // no crash for messages about it
  }
  for (const int64_t bad : {int64_t{0}, int64_t{-5}, std::numeric_limits<int64_t>::max(),
                            std::numeric_limits<int64_t>::min(), int64_t{1'000'000'000}}) {
    Architecture architecture = Parsed("resnet18");
    architecture.base_channels = bad;
    architecture.blocks[2] = bad;
    architecture.side = bad;
    architecture.classes = bad;
    EXPECT_THAT(std::string(BuildNetwork(architecture).status().message()),
                AllOf(HasSubstr("base_channels: found "), HasSubstr("blocks[2]: found "),
                      HasSubstr("side: found "), HasSubstr("classes: found ")));
  }
  Architecture no_sections = Parsed("resnet18");
  no_sections.blocks.clear();
  EXPECT_FALSE(BuildNetwork(no_sections).ok());
  no_sections.blocks.assign(100'000, 1);
  no_sections.multipliers.assign(99'999, 1);
  EXPECT_FALSE(BuildNetwork(no_sections).ok());
}

TEST(BuildNetworkTest, OperationsHaveTheirReadableNames) {
  const Network network = *BuildNetwork(Parsed("resnet20+stem-relu"));
  std::vector<std::string> names;
  for (const Op& op : network.ops) names.push_back(op.name);
  EXPECT_THAT(std::vector<std::string>(names.begin(), names.begin() + 11),
              ElementsAre("input", "stem.conv", "stem.bn", "stem.relu", "section1.block1.conv1",
                          "section1.block1.bn1", "section1.block1.relu1", "section1.block1.conv2",
                          "section1.block1.bn2", "section1.block1.add", "section1.block1.relu2"));
  for (const char* name : {"section2.block1.shortcut.conv", "section2.block1.shortcut.bn",
                           "section3.block3.relu2", "pool", "classifier"}) {
    EXPECT_THAT(names, testing::Contains(name));
  }
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
}

TEST(BuildNetworkTest, AShortcutIsProjectedWhereStrideOrWidthChanges) {
  const auto projections = [](const std::string& name) {
    std::vector<std::string> found;
    const Network network = *BuildNetwork(Parsed(name));
    for (const Op& op : network.ops) {
      if (op.shortcut && op.kind == OpKind::kConv) {
        EXPECT_EQ(op.kernel, 1);
        EXPECT_EQ(op.padding, 0);
        EXPECT_EQ(op.stride, 2);
        found.push_back(op.name);
      }
    }
    return found;
  };
  EXPECT_THAT(projections("resnet18"),
              ElementsAre("section2.block1.shortcut.conv", "section3.block1.shortcut.conv",
                          "section4.block1.shortcut.conv"));
  // Equal widths: the stride alone asks for it.
  EXPECT_THAT(projections("hrn-1x1x1x"),
              ElementsAre("section2.block1.shortcut.conv", "section3.block1.shortcut.conv",
                          "section4.block1.shortcut.conv"));
}

TEST(BuildNetworkTest, ABasicBlockIsWiredAsSnlsPublicCodeHasIt) {
  const Network network = Built("resnet18");
  const auto inputs = [&](const std::string& name) { return InputNames(network, name); };
  EXPECT_THAT(inputs("section1.block1.conv1"), ElementsAre("stem.bn"));
  EXPECT_THAT(inputs("section1.block1.add"), ElementsAre("section1.block1.bn2", "stem.bn"));
  EXPECT_THAT(inputs("section2.block1.conv1"), ElementsAre("section1.block2.relu2"));
  EXPECT_THAT(inputs("section2.block1.relu1"), ElementsAre("section2.block1.bn1"));
  EXPECT_THAT(inputs("section2.block1.conv2"), ElementsAre("section2.block1.relu1"));
  EXPECT_THAT(inputs("section2.block1.shortcut.conv"), ElementsAre("section1.block2.relu2"));
  EXPECT_THAT(inputs("section2.block1.add"),
              ElementsAre("section2.block1.bn2", "section2.block1.shortcut.bn"));
  EXPECT_THAT(inputs("section2.block1.relu2"), ElementsAre("section2.block1.add"));
  EXPECT_THAT(inputs("section2.block2.add"),
              ElementsAre("section2.block2.bn2", "section2.block1.relu2"));
  EXPECT_THAT(inputs("pool"), ElementsAre("section4.block2.relu2"));
  EXPECT_EQ(OpNamed(network, "section2.block1.conv1").stride, 2);
  EXPECT_EQ(OpNamed(network, "section2.block1.conv2").stride, 1);
  EXPECT_EQ(OpNamed(network, "section2.block2.conv1").stride, 1);
  EXPECT_EQ(OpNamed(network, "section2.block2.conv1").block, 2);
  EXPECT_EQ(OpNamed(network, "stem.conv").stride, 1);
  EXPECT_EQ(OpNamed(network, "pool").kernel, 4);
  EXPECT_EQ(OpNamed(network, "pool").section, 5);
}

TEST(BuildNetworkTest, ABottleneckHasItsStrideInTheThreeByThree) {
  const Network network = Built("resnet50", 64);
  const Op& first = OpNamed(network, "section2.block1.conv1");
  EXPECT_EQ(first.kernel, 1);
  EXPECT_EQ(first.stride, 1);
  EXPECT_EQ(first.output, (Shape{128, 64, 64}));
  const Op& middle = OpNamed(network, "section2.block1.conv2");
  EXPECT_EQ(middle.kernel, 3);
  EXPECT_EQ(middle.stride, 2);
  EXPECT_EQ(OpNamed(network, "section2.block1.conv3").output, (Shape{512, 32, 32}));
  // The first ReLU still has the side of the section before.
  EXPECT_EQ(OpNamed(network, "section2.block1.relu1").output, (Shape{128, 64, 64}));
  EXPECT_EQ(OpNamed(network, "section2.block1.relu2").output, (Shape{128, 32, 32}));
  EXPECT_EQ(OpNamed(network, "section2.block1.relu3").output, (Shape{512, 32, 32}));
  // Section 1 widens without a stride.
  EXPECT_EQ(OpNamed(network, "section1.block1.shortcut.conv").stride, 1);
  EXPECT_FALSE(HasOp(network, "section1.block2.shortcut.conv"));
}

TEST(BuildNetworkTest, AWideBlockActivatesItsInputFirst) {
  const Network network = Built("wrn-22-8");
  const auto inputs = [&](const std::string& name) { return InputNames(network, name); };
  EXPECT_FALSE(HasOp(network, "stem.bn"));
  EXPECT_EQ(OpNamed(network, "stem.conv").output, (Shape{16, 32, 32}));
  EXPECT_THAT(inputs("section1.block1.bn1"), ElementsAre("stem.conv"));
  EXPECT_THAT(inputs("section1.block1.conv1"), ElementsAre("section1.block1.relu1"));
  // A projection reads the activated input and has no batch norm; an identity is the raw input.
  EXPECT_THAT(inputs("section2.block1.shortcut.conv"), ElementsAre("section2.block1.relu1"));
  EXPECT_THAT(inputs("section2.block1.add"),
              ElementsAre("section2.block1.conv2", "section2.block1.shortcut.conv"));
  EXPECT_THAT(inputs("section2.block2.add"),
              ElementsAre("section2.block2.conv2", "section2.block1.add"));
  EXPECT_THAT(inputs("tail.bn"), ElementsAre("section3.block3.add"));
  EXPECT_THAT(inputs("pool"), ElementsAre("tail.bn"));
  EXPECT_THAT(InputNames(Built("wrn-22-8+final-relu"), "pool"), ElementsAre("tail.relu"));
}

TEST(BuildNetworkTest, AVggHasAPoolBehindEverySection) {
  const Network network = Built("vgg16");
  const auto inputs = [&](const std::string& name) { return InputNames(network, name); };
  EXPECT_THAT(inputs("section1.conv1"), ElementsAre("input"));
  EXPECT_THAT(inputs("section2.pool"), ElementsAre("section1.relu2"));
  EXPECT_THAT(inputs("section2.conv1"), ElementsAre("section2.pool"));
  EXPECT_THAT(inputs("tail.pool"), ElementsAre("section5.relu3"));
  EXPECT_THAT(inputs("classifier.linear1"), ElementsAre("tail.pool"));
  EXPECT_THAT(inputs("classifier"), ElementsAre("classifier.relu2"));
  EXPECT_EQ(OpNamed(network, "section2.pool").kind, OpKind::kAveragePool);
  EXPECT_EQ(OpNamed(network, "tail.pool").section, 6);
  EXPECT_EQ(OpNamed(network, "classifier.linear2").output, (Shape{4096, 1, 1}));
  EXPECT_FALSE(HasOp(network, "pool"));  // the map has one pixel already

  const Network larger = Built("vgg16+pool:max+classifier:linear", 64);
  EXPECT_EQ(OpNamed(larger, "section2.pool").kind, OpKind::kMaxPool);
  EXPECT_EQ(OpNamed(larger, "pool").kind, OpKind::kAveragePool);
  EXPECT_THAT(InputNames(larger, "classifier"), ElementsAre("pool"));
}

TEST(BuildNetworkTest, TheStemCanShrinkItsInput) {
  const Network network = Built("resnet50+imagenet-stem+stem-relu", 224, 1000);
  EXPECT_EQ(OpNamed(network, "stem.conv").kernel, 7);
  EXPECT_EQ(OpNamed(network, "stem.relu").output, (Shape{64, 112, 112}));
  EXPECT_EQ(OpNamed(network, "stem.pool").output, (Shape{64, 56, 56}));
  EXPECT_THAT(InputNames(network, "stem.pool"), ElementsAre("stem.relu"));
  EXPECT_EQ(OpNamed(network, "pool").kernel, 7);
}

TEST(BuildNetworkTest, TheLastMapIsPooledToTheSideAskedFor) {
  const Network network = Built("resnet18+last-map:2");
  EXPECT_EQ(OpNamed(network, "pool").output, (Shape{512, 2, 2}));
  EXPECT_FALSE(HasOp(Built("resnet18+last-map:4"), "pool"));
}

}  // namespace
}  // namespace reluscape
