#include "search/cost/ckks_preset.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "search/cost/ckks_data.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using Json = nlohmann::json;

TEST(CkksPresetTest, EveryBuiltInFileIsReadAndNamesItsSource) {
  ASSERT_EQ(BuiltInCkksPresets().size(), BuiltInCkksJson().size());
  for (const CkksPreset& preset : BuiltInCkksPresets()) {
    EXPECT_FALSE(preset.source.empty()) << preset.name;
    EXPECT_EQ((*FindCkksPreset(preset.name))->name, preset.name);
  }
}

// CKKS reference, section 5, the table of presets.
TEST(CkksPresetTest, HaveTheReferencesParameters) {
  struct Row {
    const char* name;
    int64_t ring_dimension;
    std::vector<int64_t> levels;
    int64_t convolution_depth;
    int64_t skip_depth;
  };
  for (const Row& row :
       {Row{"mpcnn_cpu", 1 << 16, {16}, 2, 1}, Row{"orion_cpu", 1 << 16, {10}, 1, 0},
        Row{"heaan_gpu", 1 << 17, {12, 16}, 2, 1}}) {
    const CkksPreset& preset = **FindCkksPreset(row.name);
    EXPECT_EQ(preset.ring_dimension, row.ring_dimension);
    EXPECT_EQ(preset.slots, 32'768);
    EXPECT_EQ(preset.levels, row.levels);
    EXPECT_EQ(preset.convolution_depth, row.convolution_depth);
    EXPECT_EQ(preset.identity_skip_depth, row.skip_depth);
  }
}

// CKKS reference, section 9.
TEST(CkksPresetTest, TablesHoldTheReferencesLatencies) {
  const CkksTable& ace = (*FindCkksPreset("mpcnn_cpu"))->table;
  EXPECT_DOUBLE_EQ(*ace.rotate.At(0), 0.0584);
  EXPECT_DOUBLE_EQ(*ace.rotate.At(13), 0.2557);  // above the next one, as printed
  EXPECT_DOUBLE_EQ(*ace.rotate.At(14), 0.2433);
  EXPECT_DOUBLE_EQ(*ace.rotate.At(19), 0.3399);
  EXPECT_DOUBLE_EQ(*ace.ciphertext_multiplication.At(16), 0.01564);
  EXPECT_DOUBLE_EQ(*ace.relinearization.At(10), 0.1496);
  EXPECT_DOUBLE_EQ(*ace.rescale.At(1), 0.0055);
  EXPECT_DOUBLE_EQ(*ace.encode.At(16), 0.0263);
  EXPECT_DOUBLE_EQ(*ace.bootstrap.At(16), 44.72);
  EXPECT_FALSE(ace.bootstrap.At(18).has_value());
  EXPECT_FALSE(ace.ciphertext_multiplication.At(0).has_value());
  const CkksTable& heaan = (*FindCkksPreset("heaan_gpu"))->table;
  EXPECT_NEAR(*heaan.rotate.At(4), 0.000745 + (0.001822 - 0.000745) / 3, 1e-12);
  EXPECT_NEAR(*heaan.bootstrap.At(13), (0.3846 + 0.4632) / 2, 1e-12);
  EXPECT_FALSE(heaan.bootstrap.At(3).has_value());
  const CkksTable& orion = (*FindCkksPreset("orion_cpu"))->table;
  // Section 9 prints the fit to a tenth of a second.
  for (const auto& [level, seconds] :
       {std::pair(9, 22.0), std::pair(10, 25.4), std::pair(12, 34.4), std::pair(16, 65.6)}) {
    EXPECT_NEAR(*orion.bootstrap.At(level), seconds, 0.05) << level;
  }
}

Json ValidDocument() { return Json::parse(BuiltInCkksJson().front()); }

std::string ErrorOf(const Json& document) {
  const auto preset = CkksPresetFromJson(document.dump(), "mine.json");
  EXPECT_FALSE(preset.ok());
  return std::string(preset.status().message());
}

TEST(CkksPresetTest, RefusesByField) {
  Json missing = ValidDocument();
  missing.erase("slots");
  missing.erase("stem_free");
  EXPECT_THAT(ErrorOf(missing),
              AllOf(HasSubstr("mine.json: slots"), HasSubstr("mine.json: stem_free")));
  Json unknown = ValidDocument();
  unknown["bootstraps"] = 1;
  unknown["table"]["rotations"] = nullptr;
  EXPECT_THAT(ErrorOf(unknown), AllOf(HasSubstr("mine.json: bootstraps: found 1"),
                                      HasSubstr("mine.json: table.rotations")));
  Json negative = ValidDocument();
  negative["table"]["rotate"][3][1] = -1;
  EXPECT_THAT(ErrorOf(negative), HasSubstr("table.rotate: found [3,-1]"));
  Json falling = ValidDocument();
  falling["table"]["rescale"][2][0] = 1;
  EXPECT_THAT(ErrorOf(falling), HasSubstr("table.rescale"));
  Json slots = ValidDocument();
  slots["slots"] = 65'536;
  EXPECT_THAT(ErrorOf(slots),
              HasSubstr("slots: found 65536; allowed: a power of two, at most half"));
  Json levels = ValidDocument();
  levels["levels"] = {18};
  EXPECT_THAT(ErrorOf(levels), HasSubstr("table.bootstrap: found levels up to 17"));
  Json depth = ValidDocument();
  depth["convolution_depth"] = 3;
  EXPECT_THAT(ErrorOf(depth), HasSubstr("convolution_depth: found 3"));
  Json no_prices = ValidDocument();
  no_prices["table"]["rotate"] = nullptr;
  EXPECT_THAT(ErrorOf(no_prices), HasSubstr("linear_s"));
  Json band = ValidDocument();
  band["band_factor"] = 0.5;
  EXPECT_THAT(ErrorOf(band), HasSubstr("band_factor"));
  EXPECT_FALSE(CkksPresetFromJson("{", "mine.json").ok());
  EXPECT_FALSE(CkksPresetFromJson("[]", "mine.json").ok());
  EXPECT_THAT(std::string(FindCkksPreset("mpcnn").status().message()),
              HasSubstr("allowed: mpcnn_cpu, orion_cpu, heaan_gpu"));
}

TEST(CkksPresetTest, NumbersThatAreNotFiniteAreRefused) {
  std::string text = ValidDocument().dump();
  const std::string factor = "\"band_factor\":2";
  text.replace(text.find(factor), factor.size(), "\"band_factor\":1e999");
  EXPECT_FALSE(CkksPresetFromJson(text, "mine.json").ok());
}

}  // namespace
}  // namespace reluscape
