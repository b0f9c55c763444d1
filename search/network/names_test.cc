#include "search/network/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "search/network/accounting.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

Architecture Parsed(const std::string& text, int64_t side = 32, int64_t classes = 100) {
  const auto architecture = ParseArchitecture(text, side, classes);
  EXPECT_TRUE(architecture.ok()) << text << ": " << architecture.status();
  return architecture.ok() ? *architecture : Architecture{};
}

std::string ErrorOf(const std::string& text, int64_t side = 32, int64_t classes = 100) {
  const auto architecture = ParseArchitecture(text, side, classes);
  if (architecture.ok()) return "";
  EXPECT_EQ(architecture.status().code(), absl::StatusCode::kInvalidArgument) << text;
  return std::string(architecture.status().message());
}

TEST(NamesTest, EveryNameStandsForItsArchitecture) {
  struct Case {
    std::string name;
    int64_t base_channels;
    std::vector<int64_t> blocks;
    std::vector<double> multipliers;
    bool stem_relu;
  };
  const Case cases[] = {
      {"resnet18", 64, {2, 2, 2, 2}, {2, 2, 2}, false},
      {"resnet18@8", 8, {2, 2, 2, 2}, {2, 2, 2}, false},
      {"resnet34", 64, {3, 4, 6, 3}, {2, 2, 2}, false},
      {"resnet20", 16, {3, 3, 3}, {2, 2}, false},
      {"resnet32@32", 32, {5, 5, 5}, {2, 2}, false},
      {"resnet44", 16, {7, 7, 7}, {2, 2}, false},
      {"resnet56", 16, {9, 9, 9}, {2, 2}, false},
      {"resnet110", 16, {18, 18, 18}, {2, 2}, false},
      {"hrn-5x5x3x", 16, {2, 2, 2, 2}, {5, 5, 3}, false},
      {"hrn-5x5x3x@4", 4, {2, 2, 2, 2}, {5, 5, 3}, false},
      {"hrn-4x6x3x@16:resnet34", 16, {3, 4, 6, 3}, {4, 6, 3}, false},
      {"hrn-4x6x3x:resnet34", 16, {3, 4, 6, 3}, {4, 6, 3}, false},
      {"hrn-1.5x2.25x0.125x", 16, {2, 2, 2, 2}, {1.5, 2.25, 0.125}, false},
      {"hrn-3x2x@8:resnet20", 8, {3, 3, 3}, {3, 2}, false},
      {"resnet18+stem-relu", 64, {2, 2, 2, 2}, {2, 2, 2}, true},
      {"hrn-4x6x3x@2:resnet34+stem-relu", 2, {3, 4, 6, 3}, {4, 6, 3}, true},
  };
  for (const Case& c : cases) {
    Architecture expected;
    expected.side = 64;
    expected.classes = 200;
    expected.base_channels = c.base_channels;
    expected.blocks = c.blocks;
    expected.multipliers = c.multipliers;
    expected.stem_relu = c.stem_relu;
    EXPECT_EQ(Parsed(c.name, 64, 200), expected) << c.name << " " << CanonicalText(expected);
  }
}

TEST(NamesTest, NamesOfHybReNetsCanBeParsed) {
  EXPECT_EQ(HybReNetName({5, 5, 3}, 16, "resnet18"), "hrn-5x5x3x@16");
  EXPECT_EQ(HybReNetName({4, 6, 3}, 8, "resnet34"), "hrn-4x6x3x@8:resnet34");
  EXPECT_EQ(Parsed(HybReNetName({4, 6, 3}, 8, "resnet34")), Parsed("hrn-4x6x3x@8:resnet34"));
}

TEST(NamesTest, WhatIsWrongIsNamedWithWhatIsAllowed) {
  struct Case {
    std::string text;
    std::string message;
  };
  const Case cases[] = {
      {"", "name: found \"\"; allowed: resnet18, resnet34"},
      {"resnet19", "name: found \"resnet19\"; allowed: resnet18, resnet34"},
      {"ResNet18", "name: found \"ResNet18\""},
      {" resnet18", "name: found \" resnet18\""},
      {std::string(1001, 'a'), "name: found 1001 characters; allowed: at most 1000"},
      {std::string("resnet18\0x", 10), "name: found"},
      {"resnet18@", "base_channels: found \"\"; allowed: an integer"},
      {"resnet18@x", "base_channels: found \"x\"; allowed: an integer"},
      {"resnet18@-8", "base_channels: found \"-8\"; allowed: an integer"},
      {"resnet18@8@8", "base_channels: found \"8@8\"; allowed: an integer"},
      {"resnet18@0", "base_channels: found 0; allowed: 1 to 65536"},
      {"resnet18@1000000000", "base_channels: found 1000000000; allowed: 1 to 65536"},
      {"resnet18@99999999999999999999", "base_channels: found \"99999999999999999999\""},
      {"resnet18@65536", "multipliers[0]: found 2 (stage 2 is 131072 channels wide)"},
      {"resnet18:resnet34", "backbone: found \"resnet34\"; allowed: a backbone behind hrn-"},
      {"resnet18+thin", "modifier: found \"+thin\"; allowed: +KEY or +KEY:VALUE with KEY one of"},
      {"resnet18+stem-relu+stem-relu",
       "modifier: found \"+stem-relu\"; allowed: each modifier once"},
      {"resnet18+", "modifier: found \"+\""},
      {"hrn-", "name: found \"hrn-\"; allowed: hrn-AxBxCx with an x behind each multiplier"},
      {"hrn-5x5x3", "name: found \"hrn-5x5x3\""},
      {"hrn-5x5x", "multipliers: found 2 multipliers in \"hrn-5x5x\"; allowed: 3 for resnet18"},
      {"hrn-5x5x3x:resnet20", "multipliers: found 3 multipliers in \"hrn-5x5x3x\"; allowed: 2"},
      {"hrn-5x5x3x:", "backbone: found \"\"; allowed: resnet18"},
      {"hrn-5x5x3x:vgg13", "backbone: found \"vgg13\"; allowed: resnet18"},
      {"hrn-0x5x3x", "multipliers[0]: found 0; allowed: 0.001 to 1000"},
      {"hrn-5x0.0x3x", "multipliers[1]: found 0; allowed: 0.001 to 1000"},
      {"hrn-5xx3x", "multipliers[1]: found \"\"; allowed: 0.001 to 1000"},
      {"hrn-5x-5x3x", "multipliers[1]: found \"-5\""},
      {"hrn-5x5.x3x", "multipliers[1]: found \"5.\""},
      {"hrn-5x.5x3x", "multipliers[1]: found \".5\""},
      {"hrn-5x1.0005x3x",
       "multipliers[1]: found \"1.0005\"; allowed: 0.001 to 1000 with at most three"},
      {"hrn-5x1e3x3x", "multipliers[1]: found \"1e3\""},
      {"hrn-5x1.2.3x3x", "multipliers[1]: found \"1.2.3\""},
      {"hrn-5x1001x3x", "multipliers[1]: found \"1001\""},
      {"hrn-5x1000.001x3x", "multipliers[1]: found 1000"},
      {"hrn-5x99999999999999999999x3x", "multipliers[1]: found \"99999999999999999999\""},
      {"hrn-1000x1000x1000x", "multipliers[1]: found 1000 (stage 3 is 16000000 channels wide)"},
      {"hrn-8x8x8x@17", ""},
      {"hrn-8x8x8x@129", "multipliers[2]: found 8 (stage 4 is 66048 channels wide)"},
  };
  for (const Case& c : cases) {
    if (c.message.empty()) {
      EXPECT_EQ(ErrorOf(c.text), "") << c.text;
    } else {
      EXPECT_THAT(ErrorOf(c.text), HasSubstr(c.message)) << c.text;
    }
  }
}

TEST(NamesTest, SideAndClassesHaveTheirLimits) {
  EXPECT_EQ(ErrorOf("resnet18", 8, 2), "");
  EXPECT_EQ(ErrorOf("resnet18", 256, 100'000), "");
  EXPECT_THAT(ErrorOf("resnet18", 7), HasSubstr("side: found 7; allowed: 8 to 256"));
  EXPECT_THAT(ErrorOf("resnet18", 257), HasSubstr("side: found 257"));
  EXPECT_THAT(ErrorOf("resnet18", 32, 1), HasSubstr("classes: found 1; allowed: 2 to 100000"));
  EXPECT_THAT(ErrorOf("resnet18", 0, 100'001),
              AllOf(HasSubstr("side: found 0"), HasSubstr("classes: found 100001")));
}

TEST(CanonicalTextTest, IsOneReadableLine) {
  EXPECT_EQ(CanonicalText(Parsed("hrn-5x1.5x0.25x@8:resnet34+stem-relu", 64, 200)),
            "basic:side=64:classes=200:m=8:blocks=3x4x6x3:multipliers=5x1.5x0.25:stem-relu=yes");
}

// Always one within the limits: at most 32 * 4^4 channels.
Architecture RandomArchitecture(Random& random) {
  Architecture architecture;
  const size_t stages = 3 + random.Below(3);
  architecture.side = static_cast<int64_t>(16 + random.Below(241));
  architecture.classes = static_cast<int64_t>(2 + random.Below(1000));
  architecture.base_channels = static_cast<int64_t>(1 + random.Below(32));
  for (size_t i = 0; i < stages; ++i) {
    architecture.blocks.push_back(static_cast<int64_t>(1 + random.Below(4)));
    if (i > 0) {
      architecture.multipliers.push_back(static_cast<double>(1 + random.Below(4000)) / 1000);
    }
  }
  architecture.stem_relu = random.Below(2) == 1;
  return architecture;
}

TEST(CanonicalTextTest, IsReadBackByEveryParser) {
  Random random(5);
  for (int i = 0; i < 2000; ++i) {
    const Architecture architecture = RandomArchitecture(random);
    const std::string text = CanonicalText(architecture);
    const auto parsed = ParseCanonicalText(text);
    ASSERT_TRUE(parsed.ok()) << text << ": " << parsed.status();
    ASSERT_EQ(*parsed, architecture) << text;
    ASSERT_EQ(Parsed(text, architecture.side, architecture.classes), architecture) << text;
    ASSERT_EQ(CanonicalText(*parsed), text);
  }
}

TEST(CanonicalTextTest, WhatIsWrongIsNamed) {
  const std::string good = "side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3:stem-relu=no";
  ASSERT_TRUE(ParseCanonicalText("basic:" + good).ok());
  // The order of the parts does not matter.
  EXPECT_EQ(*ParseCanonicalText(
                "basic:stem-relu=no:m=16:side=32:multipliers=5x5x3:blocks=2x2x2x2:classes=100"),
            *ParseCanonicalText("basic:" + good));
  struct Case {
    std::string text;
    std::string message;
  };
  const Case cases[] = {
      {"resnet18", "canonical text: found \"resnet18\"; allowed: a family and its fields"},
      {"basic:", "canonical text: found \"\""},
      {"basic:" + good + ":", "canonical text: found \"\""},
      {"basic:" + good + ":m=16", "canonical text: found \"m=16\""},
      {"basic:" + good + ":width=3", "canonical text: found \"width=3\""},
      {"basic:side:classes=100", "canonical text: found \"side\""},
      {"basic:side=32", "classes: found nothing; allowed: a value"},
      {"basic:side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3:stem-relu=maybe",
       "stem_relu: found \"maybe\"; allowed: no, yes"},
      {"basic:side=-32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3:stem-relu=no",
       "side: found \"-32\"; allowed: an integer"},
      {"basic:side=1000:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3:stem-relu=no",
       "side: found 1000; allowed: 8 to 256"},
      {"basic:side=32:classes=100:m=16:blocks=2x0x2x201:multipliers=5x5x3:stem-relu=no",
       "blocks[1]: found 0; allowed: 1 to 200"},
      {"basic:side=32:classes=100:m=16:blocks=2x2:multipliers=5:stem-relu=no",
       "blocks: found 2 stages; allowed: 3 to 5 stages"},
      {"basic:side=32:classes=100:m=16:blocks=1x1x1x1x1x1:multipliers=2x2x2x2x2:stem-relu=no",
       "blocks: found 6 stages; allowed: 3 to 5 stages"},
      {"basic:side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5:stem-relu=no",
       "multipliers: found 2 multipliers; allowed: 3 for 4 stages"},
      {"basic:side=32:classes=100:m=16:blocks=2xbx2x2:multipliers=5x5x3:stem-relu=no",
       "blocks[1]: found \"b\"; allowed: an integer"},
      {"basic:" + std::string(2000, ':'), "name: found 2006 characters; allowed: at most 1000"},
  };
  for (const Case& c : cases) {
    const auto parsed = ParseCanonicalText(c.text);
    ASSERT_FALSE(parsed.ok()) << c.text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(c.message)) << c.text;
  }
  EXPECT_THAT(ErrorOf("basic:" + good, 64, 10),
              AllOf(HasSubstr("side: found 32 in the canonical text; allowed: 64"),
                    HasSubstr("classes: found 100 in the canonical text; allowed: 10")));
}

TEST(CanonicalTextTest, NoChangedTextCrashesTheParser) {
  Random random(9);
  const std::string seeds[] = {
      "basic:side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5x3:stem-relu=no",
      "hrn-4.5x6x3x@16:resnet34+stem-relu", "resnet18@8"};
  const std::string alphabet = "0123456789x.:=@+-abr";
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = seeds[random.Below(3)];
    for (uint64_t changes = 1 + random.Below(3); changes > 0 && !text.empty(); --changes) {
      const size_t at = random.Below(text.size());
      switch (random.Below(3)) {
        case 0:
          text[at] = alphabet[random.Below(alphabet.size())];
          break;
        case 1:
          text.erase(at, 1);
          break;
        default:
          text.insert(at, 1, alphabet[random.Below(alphabet.size())]);
      }
    }
    const auto parsed = ParseArchitecture(text, 32, 100);
    if (!parsed.ok()) {
      EXPECT_FALSE(parsed.status().message().empty());
      continue;
    }
    ++accepted;
    // What the parser lets pass can be built, and its canonical text stands for it.
    FieldErrors errors;
    ASSERT_FALSE(StageShapes(*parsed, errors).empty()) << text;
    ASSERT_EQ(*ParseCanonicalText(CanonicalText(*parsed)), *parsed) << text;
  }
  EXPECT_GT(accepted, 100);
}

TEST(StageShapesTest, WidthsAreExactProductsRoundedHalfUpAtTheEnd) {
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
    for (const StageShape& stage : StageShapes(Parsed(c.name), errors)) {
      widths.push_back(stage.width);
    }
    EXPECT_EQ(widths, c.widths) << c.name;
  }
}

TEST(StageShapesTest, OddSidesAreHalvedUpwards) {
  Architecture architecture = Parsed("resnet20", 9, 10);
  architecture.blocks = {1, 1, 1, 1, 1};
  architecture.multipliers = {1, 1, 1, 1};
  FieldErrors errors;
  std::vector<int64_t> sides;
  for (const StageShape& stage : StageShapes(architecture, errors)) sides.push_back(stage.side);
  EXPECT_THAT(sides, ElementsAre(9, 5, 3, 2, 1));
}

TEST(StageShapesTest, AStageThatWouldShrinkBelowOnePixelIsRefused) {
  Architecture architecture = Parsed("resnet20", 8, 10);
  architecture.blocks = {1, 1, 1, 1, 1};
  architecture.multipliers = {1, 1, 1, 1};
  const auto network = BuildNetwork(architecture);
  EXPECT_EQ(
      network.status().message(),
      "side: found 8; allowed: a side that stage 5 can halve: its input is already 1 pixel wide");
  architecture.side = 9;
  EXPECT_TRUE(BuildNetwork(architecture).ok());
}

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
  Architecture no_stages = Parsed("resnet18");
  no_stages.blocks.clear();
  EXPECT_FALSE(BuildNetwork(no_stages).ok());
  no_stages.blocks.assign(100'000, 1);
  no_stages.multipliers.assign(99'999, 1);
  EXPECT_FALSE(BuildNetwork(no_stages).ok());
}

TEST(BuildNetworkTest, OperationsHaveTheirReadableNames) {
  const Network network = *BuildNetwork(Parsed("resnet20+stem-relu"));
  std::vector<std::string> names;
  for (const Op& op : network.ops) names.push_back(op.name);
  EXPECT_THAT(std::vector<std::string>(names.begin(), names.begin() + 11),
              ElementsAre("input", "stem.conv", "stem.bn", "stem.relu", "stage1.block1.conv1",
                          "stage1.block1.bn1", "stage1.block1.relu1", "stage1.block1.conv2",
                          "stage1.block1.bn2", "stage1.block1.add", "stage1.block1.relu2"));
  for (const char* name : {"stage2.block1.shortcut.conv", "stage2.block1.shortcut.bn",
                           "stage3.block3.relu2", "pool", "classifier"}) {
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
              ElementsAre("stage2.block1.shortcut.conv", "stage3.block1.shortcut.conv",
                          "stage4.block1.shortcut.conv"));
  // Equal widths: the stride alone asks for it.
  EXPECT_THAT(projections("hrn-1x1x1x"),
              ElementsAre("stage2.block1.shortcut.conv", "stage3.block1.shortcut.conv",
                          "stage4.block1.shortcut.conv"));
}

TEST(BuildNetworkTest, ABlockIsWiredAsSnlsPublicCodeHasIt) {
  const Network network = *BuildNetwork(Parsed("resnet18"));
  const auto op = [&](const std::string& name) -> const Op& {
    for (const Op& candidate : network.ops) {
      if (candidate.name == name) return candidate;
    }
    ADD_FAILURE() << name;
    return network.ops[0];
  };
  const auto input_names = [&](const std::string& name) {
    std::vector<std::string> names;
    for (const int input : op(name).inputs) {
      names.push_back(network.ops[static_cast<size_t>(input)].name);
    }
    return names;
  };
  EXPECT_THAT(input_names("stage1.block1.conv1"), ElementsAre("stem.bn"));
  EXPECT_THAT(input_names("stage1.block1.add"), ElementsAre("stage1.block1.bn2", "stem.bn"));
  EXPECT_THAT(input_names("stage2.block1.conv1"), ElementsAre("stage1.block2.relu2"));
  EXPECT_THAT(input_names("stage2.block1.relu1"), ElementsAre("stage2.block1.bn1"));
  EXPECT_THAT(input_names("stage2.block1.conv2"), ElementsAre("stage2.block1.relu1"));
  EXPECT_THAT(input_names("stage2.block1.shortcut.conv"), ElementsAre("stage1.block2.relu2"));
  EXPECT_THAT(input_names("stage2.block1.add"),
              ElementsAre("stage2.block1.bn2", "stage2.block1.shortcut.bn"));
  EXPECT_THAT(input_names("stage2.block1.relu2"), ElementsAre("stage2.block1.add"));
  EXPECT_THAT(input_names("stage2.block2.add"),
              ElementsAre("stage2.block2.bn2", "stage2.block1.relu2"));
  EXPECT_THAT(input_names("pool"), ElementsAre("stage4.block2.relu2"));
  EXPECT_EQ(op("stage2.block1.conv1").stride, 2);
  EXPECT_EQ(op("stage2.block1.conv2").stride, 1);
  EXPECT_EQ(op("stage2.block2.conv1").stride, 1);
  EXPECT_EQ(op("stem.conv").stride, 1);
  EXPECT_EQ(op("pool").kernel, 4);
  EXPECT_EQ(op("pool").stage, 5);
}

}  // namespace
}  // namespace reluscape
