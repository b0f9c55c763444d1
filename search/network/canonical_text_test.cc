#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(CanonicalTextTest, IsOneReadableLine) {
  EXPECT_EQ(CanonicalText(Parsed("hrn-5x1.5x0.25x@8:resnet34+stem-relu", 64, 200)),
            "basic:side=64:classes=200:m=8:blocks=3x4x6x3:multipliers=5x1.5x0.25:stem-relu=yes");
}

// Fields at their defaults are left out.
TEST(CanonicalTextTest, HoldsEveryFieldThatDiffersFromItsDefault) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"vgg16", "vgg:side=32:classes=100:m=64:blocks=2x2x3x3x3:multipliers=2x2x2x1"},
      {"wrn-22-8+final-relu",
       "wrn:side=32:classes=100:m=16:blocks=3x3x3:multipliers=2x2:widen=8:final-relu=yes"},
      {"resnet20+skip:dirac-ss:joins=section:source=stem:merge=scaled",
       "basic:side=32:classes=100:m=16:blocks=3x3x3:multipliers=2x2:skip=dirac-ss:source=stem:"
       "joins=section:merge=scaled"},
      {"drd-c100-12k",
       "basic:side=32:classes=100:m=64:blocks=2x2x2x2:multipliers=2x2x2:channel-scale=0.5:"
       "stem-stride=2:thinned=yes:culled=1,4"},
      {"resnet50+reuse:2+shortcut:none",
       "bottleneck:side=32:classes=100:m=64:blocks=3x4x6x3:multipliers=2x2x2:shortcut=none:"
       "reuse=2"},
  };
  for (const auto& [name, text] : cases) EXPECT_EQ(CanonicalText(Parsed(name)), text);
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

TEST(CanonicalTextTest, DefaultsMayBeWritten) {
  EXPECT_EQ(*ParseCanonicalText("basic:side=32:classes=100:m=64:blocks=2x2x2x2:multipliers=2x2x2:"
                                "stem-relu=no:skip=residual:culled=:joins=block"),
            Parsed("resnet18"));
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
       "blocks: found 2 sections; allowed: 3 to 5 sections"},
      {"basic:side=32:classes=100:m=16:blocks=1x1x1x1x1x1:multipliers=2x2x2x2x2:stem-relu=no",
       "blocks: found 6 sections; allowed: 3 to 5 sections"},
      {"basic:side=32:classes=100:m=16:blocks=2x2x2x2:multipliers=5x5:stem-relu=no",
       "multipliers: found 2 multipliers; allowed: 3 for 4 sections"},
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
      "hrn-4.5x6x3x@16:resnet34+stem-relu",
      "resnet18@8",
      "wrn-22-2+skip:dirac-ss:joins=2:merge=scaled+culled:1",
      "vgg16@4+pool:max+reuse:2",
      "bottleneck:side=32:classes=100:m=4:blocks=1x1x1:multipliers=2x2:thinned=yes:culled=1,2"};
  const std::string alphabet = "0123456789x.:=@+-,abr";
  int accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = seeds[random.Below(6)];
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
    ASSERT_FALSE(SectionShapes(*parsed, errors).empty()) << text;
    ASSERT_EQ(*ParseCanonicalText(CanonicalText(*parsed)), *parsed) << text;
  }
  EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace reluscape
