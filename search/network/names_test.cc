#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::HasSubstr;

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
      {"resnet18@65536", "multipliers[0]: found 2 (section 2 is 131072 channels wide)"},
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
      {"hrn-1000x1000x1000x", "multipliers[1]: found 1000 (section 3 is 16000000 channels wide)"},
      {"hrn-8x8x8x@17", ""},
      {"hrn-8x8x8x@129", "multipliers[2]: found 8 (section 4 is 66048 channels wide)"},
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

TEST(NamesTest, EveryModifierSetsItsField) {
  const Architecture plain = Parsed("resnet18");
  using Change = void (*)(Architecture&);
  const std::vector<std::pair<std::string, Change>> cases = {
      {"+thinned", [](Architecture& a) { a.thinned = true; }},
      {"+culled:1", [](Architecture& a) { a.culled = {1}; }},
      {"+culled:4,1", [](Architecture& a) { a.culled = {1, 4}; }},
      {"+reuse:4", [](Architecture& a) { a.reuse = 4; }},
      {"+skip:none", [](Architecture& a) { a.skip = Skip::kNone; }},
      {"+skip:dirac", [](Architecture& a) { a.skip = Skip::kDirac; }},
      {"+skip:dirac-ss", [](Architecture& a) { a.skip = Skip::kDiracShared; }},
      {"+skip:dirac-ss:joins=section:source=stem:merge=scaled:downsampling=average-pool",
       [](Architecture& a) {
         a.skip = Skip::kDiracShared;
         a.joins = kJoinsAtSectionEnd;
         a.source = SharedSource::kStem;
         a.merge = Merge::kScaled;
         a.downsampling = Downsampling::kAveragePool;
       }},
      {"+skip:dirac-ss+joins:2",
       [](Architecture& a) {
         a.skip = Skip::kDiracShared;
         a.joins = 2;
       }},
      {"+skip:none+downsampling:average-pool",
       [](Architecture& a) {
         a.skip = Skip::kNone;
         a.downsampling = Downsampling::kAveragePool;
       }},
      {"+shortcut:downsample", [](Architecture& a) { a.shortcut = Shortcut::kDownsample; }},
      {"+stem-relu", [](Architecture& a) { a.stem_relu = true; }},
      {"+no-stem-relu", [](Architecture&) {}},
      {"+stem-kernel:7", [](Architecture& a) { a.stem_kernel = 7; }},
      {"+stem-stride:2", [](Architecture& a) { a.stem_stride = 2; }},
      {"+stem-pool", [](Architecture& a) { a.stem_pool = true; }},
      {"+imagenet-stem",
       [](Architecture& a) {
         a.stem_kernel = 7;
         a.stem_stride = 2;
         a.stem_pool = true;
       }},
      {"+last-map:2", [](Architecture& a) { a.last_map = 2; }},
      {"+scale:0.5", [](Architecture& a) { a.channel_scale = 0.5; }},
      {"+channel-scale:0.25", [](Architecture& a) { a.channel_scale = 0.25; }},
      {"+resolution:0.5", [](Architecture& a) { a.stem_stride = 2; }},
      {"+resolution:0.3", [](Architecture& a) { a.stem_stride = 3; }},  // int(1 / 0.3)
      {"+stem-stride:2+resolution:0.5", [](Architecture& a) { a.stem_stride = 4; }},
  };
  for (const auto& [modifiers, change] : cases) {
    Architecture expected = plain;
    change(expected);
    EXPECT_EQ(Parsed("resnet18" + modifiers), expected) << modifiers;
  }
}

TEST(NamesTest, EveryFamilyHasItsName) {
  const Architecture resnet50 = Parsed("resnet50");
  EXPECT_EQ(resnet50.family, Family::kBottleneck);
  EXPECT_EQ(resnet50.blocks, (std::vector<int64_t>{3, 4, 6, 3}));
  const Architecture wide = Parsed("wrn-40-4");
  EXPECT_EQ(wide.family, Family::kWide);
  EXPECT_EQ(wide.blocks, (std::vector<int64_t>{6, 6, 6}));
  EXPECT_EQ(wide.base_channels, 16);
  EXPECT_EQ(wide.widen, 4);
  const Architecture vgg = Parsed("vgg16@32");
  EXPECT_EQ(vgg.family, Family::kVgg);
  EXPECT_EQ(vgg.base_channels, 32);
  EXPECT_EQ(vgg.skip, Skip::kNone);
  EXPECT_EQ(Parsed("hrn-3x2x@8:wrn-22-8").multipliers, (std::vector<double>{3, 2}));
  EXPECT_EQ(Parsed("hrn-3x2x2x1x:vgg16").family, Family::kVgg);
  EXPECT_EQ(Parsed("hrn-2x2x@16:mpcnn-resnet20"), Parsed("mpcnn-resnet20"));
}

// What a name stands for, spelled out.
TEST(NamesTest, PresetsAreOtherNamesOfTheirNetworks) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"drd-c100-230k", "resnet18+culled:1"},
      {"drd-c100-57k", "resnet18@64+culled:1+thinned+scale:0.5"},
      {"drd-c100-57k+stem-relu", "resnet18+culled:1+thinned+scale:0.5+stem-relu"},
      {"drd-c100-12k", "resnet18+thinned+culled:1,4+scale:0.5+stem-stride:2"},
      {"delphi-resnet18", "resnet18+stem-relu+shortcut:none+last-map:2"},
      {"delphi-resnet32", "resnet32+stem-relu+shortcut:none+last-map:4"},
      {"delphi-vgg16", "vgg16"},
      {"mpcnn-resnet110", "resnet110+stem-relu+shortcut:downsample"},
      {"mpcnn-resnet20+no-stem-relu", "resnet20+shortcut:downsample"},
  };
  for (const auto& [name, meaning] : cases) EXPECT_EQ(Parsed(name), Parsed(meaning)) << name;
}

TEST(NamesTest, APresetFixesItsSide) {
  EXPECT_EQ(ErrorOf("drd-tiny-115k", 64, 200), "");
  EXPECT_EQ(ErrorOf("drd-tiny-115k", 32, 200), "side: found 32; allowed: 64 for drd-tiny-115k");
  EXPECT_EQ(UsualSide("drd-tiny-115k+stem-relu"), 64);
  EXPECT_EQ(UsualSide("resnet18"), 32);
}

TEST(NamesTest, FieldsWithoutMeaningAreRefusedByName) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"resnet18+widen:2", "widen: found 2; allowed: 1: only wide residual networks (wrn) have it"},
      {"resnet18+final-relu", "final_relu: found yes; allowed: no"},
      {"resnet18+pool:max", "pool: found max; allowed: average: only vgg has it"},
      {"resnet18+classifier:linear", "classifier: found linear; allowed: hidden"},
      {"resnet18+joins:2", "joins: found 2; allowed: block: only networks with skip dirac-ss"},
      {"resnet18+skip:dirac:source=stem", "source: found stem; allowed: section"},
      {"resnet18+skip:dirac:merge=scaled", "merge: found scaled; allowed: add"},
      {"resnet18+downsampling:average-pool", "downsampling: found average-pool; allowed: conv"},
      {"resnet18+skip:none+shortcut:none", "shortcut: found none; allowed: projection"},
      {"wrn-22-8+stem-relu", "stem_relu: found yes; allowed: no"},
      {"vgg16+stem-kernel:7",
       "stem_kernel: found 7; allowed: 3: only networks with a stem have it"},
      {"vgg16+resolution:0.5", "stem_stride: found 2; allowed: 1"},
      {"vgg16+stem-pool", "stem_pool: found yes; allowed: no"},
      {"vgg16+stem-relu", "stem_relu: found yes; allowed: no"},
      {"vgg16+thinned", "thinned: found yes; allowed: no: only networks of residual blocks"},
      {"vgg16+skip:residual", "skip: found residual; allowed: none or dirac"},
      {"vgg16+skip:dirac-ss", "skip: found dirac-ss; allowed: none or dirac"},
      {"vgg16+shortcut:none", "shortcut: found none; allowed: projection"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(ErrorOf(text), HasSubstr(message)) << text;
  }
}

TEST(NamesTest, BadValuesOfModifiersAreNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"resnet18+culled:5", "culled[0]: found 5; allowed: a section from 1 to 4"},
      {"resnet18+culled:0", "culled[0]: found 0; allowed: a section from 1 to 4"},
      {"resnet18+culled:1,1", "culled[1]: found 1; allowed: a section from 1 to 4, ascending"},
      {"resnet18+culled:1,2,3,4", "culled: found all 4 sections; allowed: at least one section"},
      {"resnet18+culled:one", "culled[0]: found \"one\"; allowed: an integer"},
      {"resnet18+reuse:3", "reuse: found 3; allowed: 1, 2, 4, 8 or 16"},
      {"resnet18+reuse:32", "reuse: found 32"},
      {"resnet18+scale:0", "channel_scale: found 0; allowed: 0.001 to 1"},
      {"resnet18+scale:1.5", "channel_scale: found 1.5"},
      {"resnet18+resolution:0", "resolution: found \"0\"; allowed: 0.001 to 1"},
      {"resnet18+resolution:2", "resolution: found \"2\""},
      {"resnet18+resolution:0.05", "stem_stride: found 20; allowed: 1 to 16"},
      {"resnet18+stem-stride:9223372036854775807+resolution:0.5", "stem_stride: found 922337"},
      {"resnet18+stem-kernel:5", "stem_kernel: found 5; allowed: 3 or 7"},
      {"resnet18+last-map:3", "last_map: found 3; allowed: a divisor of 4"},
      {"resnet18+last-map:8", "last_map: found 8; allowed: a divisor of 4"},
      {"resnet18+skip:mix", "skip: found \"mix\"; allowed: residual, none, dirac, dirac-ss"},
      {"resnet18+skip:dirac-ss:joins=0", "joins: found \"0\"; allowed: block, section, or N"},
      {"resnet18+skip:dirac-ss:when=now", "skip: found \"when=now\"; allowed: source=, joins="},
      {"resnet18+skip:dirac-ss:merge=add:merge=add", "skip: found \"merge=add\""},
      {"resnet18+skip", "skip: found \"yes\""},
      {"resnet18+stem-relu:perhaps", "stem_relu: found \"perhaps\"; allowed: no, yes"},
      {"resnet18+scale:0.5+channel-scale:0.5", "found \"+channel-scale:0.5\"; allowed: each"},
      {"resnet18+stem-relu+no-stem-relu", "found \"+no-stem-relu\"; allowed: each modifier once"},
      {"resnet18+m:8", "modifier: found \"+m:8\""},
      {"resnet18+imagenet-stem:2", "modifier: found \"+imagenet-stem:2\""},
      {"hrn-0.5x1x:resnet20+shortcut:downsample",
       "shortcut: found downsample where section 2 has 8 channels behind 16"},
      {"wrn-21-8", "name: found \"wrn-21-8\"; allowed: resnet18"},
      {"wrn-22-0", "name: found \"wrn-22-0\""},
      {"wrn-22-65", "name: found \"wrn-22-65\""},
      {"wrn-1210-1", "name: found \"wrn-1210-1\""},
      {"wrn-22", "name: found \"wrn-22\""},
      {"hrn-5x5x3x:drd-c100-57k", "backbone: found \"drd-c100-57k\""},
      {"drd-c100-58k", "drd-c100-230k, drd-c100-57k"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(ErrorOf(text), HasSubstr(message)) << text;
  }
  EXPECT_THAT(ErrorOf("vgg16", 16), HasSubstr("side: found 16; allowed: a side that the pool"));
  EXPECT_THAT(ErrorOf("resnet20+skip:dirac-ss:source=stem:downsampling=average-pool", 35),
              HasSubstr("source: found stem, of side 35, where section 2 has side 17"));
}

}  // namespace
}  // namespace reluscape
