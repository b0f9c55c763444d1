#include "client/estimate_skips.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "search/cost/ckks_data.h"
#include "search/cost/ckks_preset.h"
#include "search/cost/kept_relus.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::HasSubstr;

SkipSubject Subject(const std::string& name, int64_t side = 32) {
  return {.name = name, .architecture = *ParseArchitecture(name, side, 10)};
}

absl::StatusOr<PricedNetwork> KeepAll(const NetworkLayers& layers) { return KeepAllRelus(layers); }

struct Printed {
  absl::Status status;
  std::string text;
};

Printed Print(const std::vector<SkipSubject>& subjects, const CkksOptions& options,
              TableFormat format, bool json) {
  Setting setting;
  setting.ckks = options;
  std::ostringstream out;
  const absl::Status status = EstimateSkips(subjects, setting, KeepAll, format, json, out);
  return {status, out.str()};
}

nlohmann::json Documents(const SkipSubject& subject, const CkksFlags& flags,
                         const std::string& preset = "") {
  const Printed printed =
      Print({subject}, *CkksOptionsOf(preset, flags), TableFormat::kText, /*json=*/true);
  EXPECT_TRUE(printed.status.ok()) << printed.status;
  return nlohmann::json::parse(printed.text);
}

// CKKS reference, section 8.
TEST(EstimateSkipsTest, PutsTheFourKindsSideBySide) {
  const nlohmann::json rows = Documents(Subject("mpcnn-resnet20"), {.degree = 7});
  ASSERT_EQ(rows.size(), 4u);
  const std::vector<std::pair<std::string, int>> expected = {
      {"residual", 8}, {"none", 6}, {"dirac", 6}, {"dirac-ss", 6}};
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i]["skip"], expected[i].first);
    EXPECT_EQ(rows[i]["bootstraps"], expected[i].second);
    EXPECT_EQ(rows[i]["protocol"], "ckks");
    EXPECT_EQ(rows[i]["breakdown"]["rotations"]["convolutions"], 1687);
  }
  EXPECT_NEAR(rows[0]["seconds"].get<double>(), 591, 0.05 * 591);
  EXPECT_NEAR(rows[2]["seconds"].get<double>(), 548, 0.05 * 548);
  EXPECT_EQ(rows[1]["seconds"], rows[2]["seconds"]);
}

TEST(EstimateSkipsTest, KeepsTheOtherFieldsOfTheNetwork) {
  const std::string name = "resnet20+skip:dirac-ss:joins=section:source=stem:merge=scaled";
  const SkipSubject subject = Subject(name + "+stem-relu");
  const std::vector<SkipVariant> variants = SkipVariants(subject.architecture);
  ASSERT_EQ(variants.size(), 4u);
  EXPECT_EQ(variants[3].architecture, subject.architecture);
  for (const SkipVariant& variant : variants) {
    EXPECT_TRUE(variant.architecture.stem_relu) << variant.name;
    EXPECT_TRUE(BuildNetwork(variant.architecture).ok()) << variant.name;
  }
  EXPECT_EQ(variants[0].architecture, Subject("resnet20+stem-relu").architecture);
  // The parameter-free shortcut is the residual network's alone.
  const SkipSubject mpcnn = Subject("mpcnn-resnet20");
  EXPECT_EQ(SkipVariants(mpcnn.architecture)[0].architecture, mpcnn.architecture);
}

TEST(EstimateSkipsTest, AVariantThatCannotBeIsALineWithTheReason) {
  const Printed printed =
      Print({Subject("vgg16+classifier:linear")}, {}, TableFormat::kText, /*json=*/false);
  ASSERT_TRUE(printed.status.ok()) << printed.status;
  EXPECT_THAT(printed.text, AllOf(HasSubstr("residual: refused: "), HasSubstr("dirac ")));
}

TEST(EstimateSkipsTest, RefusesWhereEveryVariantIsRefused) {
  const Printed printed = Print({Subject("resnet50", 224)}, {}, TableFormat::kText, /*json=*/false);
  EXPECT_THAT(std::string(printed.status.message()), HasSubstr("224x224"));
  EXPECT_EQ(printed.text, "");
}

TEST(EstimateSkipsTest, TextSaysThatItIsAModelAndOfWhichPreset) {
  const Printed printed = Print({Subject("resnet20")}, *CkksOptionsOf("orion_cpu", {.degree = 3}),
                                TableFormat::kText, /*json=*/false);
  EXPECT_THAT(printed.text,
              AllOf(HasSubstr("model estimate with preset orion_cpu, polynomial_3 and 10 levels"),
                    HasSubstr("seconds are a lower bound: activations"), HasSubstr(">= ")));
}

TEST(EstimateSkipsTest, CsvHasEveryNumberUnrounded) {
  const Printed printed = Print({Subject("mpcnn-resnet20")}, *CkksOptionsOf("", {.degree = 7}),
                                TableFormat::kCsv, /*json=*/false);
  const std::vector<std::string> lines = absl::StrSplit(printed.text, "\r\n", absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 5u);
  EXPECT_EQ(lines[0],
            "network,skip,depth,bootstraps,bootstraps_weighted,rotations,"
            "plaintext_multiplications,ciphertext_multiplications,seconds,"
            "seconds_against_residual");
  EXPECT_THAT(lines[1], HasSubstr("mpcnn-resnet20,residual,97,8,8,1822,2274,95,591."));
}

TEST(CkksOptionsTest, ReadsPresetsByNameAndFromFiles) {
  EXPECT_EQ(CkksOptionsOf("heaan_gpu", {})->preset, "heaan_gpu");
  EXPECT_THAT(std::string(CkksOptionsOf("mpcnn", {}).status().message()),
              HasSubstr("allowed: mpcnn_cpu, orion_cpu"));
  EXPECT_EQ(CkksOptionsOf("/nowhere/mine.json", {}).status().code(), absl::StatusCode::kNotFound);
  nlohmann::json mine = nlohmann::json::parse(BuiltInCkksJson().front());
  mine["name"] = "mine";
  mine["table"]["bootstrap"][15][1] = 22360;  // half of it at level 16
  const std::string path = testing::TempDir() + "/estimate_skips_test_mine.json";
  std::ofstream(path) << mine.dump();
  const auto options = CkksOptionsOf(path, {.degree = 7});
  ASSERT_TRUE(options.ok()) << options.status();
  const nlohmann::json rows = Documents(Subject("mpcnn-resnet20"), {.degree = 7}, path);
  EXPECT_EQ(rows[0]["preset"], "mine");
  EXPECT_LT(rows[0]["seconds"].get<double>(), 450);
  mine["slots"] = 3;
  std::ofstream(path) << mine.dump();
  EXPECT_THAT(std::string(CkksOptionsOf(path, {}).status().message()),
              HasSubstr("estimate_skips_test_mine.json: slots: found 3"));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace reluscape
