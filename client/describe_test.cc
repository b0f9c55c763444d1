#include "client/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/equalize.h"
#include "search/export/architecture_json.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;

nlohmann::json DescribeJson(const DescribeOptions& options) {
  std::ostringstream out;
  const absl::Status status = Describe(options, out);
  EXPECT_TRUE(status.ok()) << status;
  return nlohmann::json::parse(out.str(), nullptr, /*allow_exceptions=*/false);
}

TEST(DescribeTest, JsonHasTheDocumentedKeys) {
  const nlohmann::json document = DescribeJson({.network = "resnet18@8", .json = true});
  ASSERT_TRUE(document.is_object());
  for (const char* key :
       {"name", "network", "hash", "relus", "relus_with_stem", "macs", "conv_macs", "shortcut_macs",
        "classifier_macs", "parameters", "papers.online_s", "sections", "layers", "skip_edges"}) {
    EXPECT_TRUE(document.contains(key)) << key;
  }
  // Two basic blocks with two ReLUs each of 8 x 32 x 32, 16 x 16 x 16, 32 x 8 x 8, 64 x 4 x 4.
  EXPECT_EQ(document["relus"], 4 * (8192 + 4096 + 2048 + 1024));
  EXPECT_EQ(document["relus_with_stem"], document["relus"].get<int64_t>() + 8192);
  ASSERT_EQ(document["sections"].size(), 4);
  EXPECT_EQ(document["sections"][1],
            nlohmann::json({{"relus", 16384}, {"width", 16}, {"side", 16}, {"blocks", 2}}));
  int64_t relus = 0;
  int64_t macs = 0;
  for (const nlohmann::json& layer : document["layers"]) {
    relus += layer["relus"].get<int64_t>();
    macs += layer["macs"].get<int64_t>();
  }
  EXPECT_EQ(relus, document["relus"]);
  EXPECT_EQ(macs, document["macs"]);
  EXPECT_EQ(document["conv_macs"].get<int64_t>() + document["shortcut_macs"].get<int64_t>() +
                document["classifier_macs"].get<int64_t>(),
            macs);
  ASSERT_EQ(document["skip_edges"].size(), 8);
  EXPECT_EQ(document["skip_edges"][2], nlohmann::json({{"from", "section1.block2.relu2"},
                                                       {"to", "section2.block1.add"},
                                                       {"join", "residual"},
                                                       {"identity", false}}));
}

TEST(DescribeTest, ANameThatFixesItsSideNeedsNone) {
  // DeepReDuce's configurations, counts of the reference: 114,688 at 64 x 64.
  EXPECT_EQ(DescribeJson({.network = "drd-tiny-115k", .json = true})["relus"], 114'688);
  std::ostringstream out;
  EXPECT_THAT(std::string(Describe({.network = "drd-tiny-115k", .side = 32}, out).message()),
              HasSubstr("side: found 32; allowed: 64 for drd-tiny-115k"));
}

TEST(DescribeTest, SideAndClassesAreOfTheName) {
  const nlohmann::json small =
      DescribeJson({.network = "resnet18@8", .side = 64, .classes = 10, .json = true});
  EXPECT_EQ(small["relus"], 4 * 4 * (8192 + 4096 + 2048 + 1024));
  EXPECT_THAT(small["network"].get<std::string>(), HasSubstr("side=64:classes=10"));
}

TEST(DescribeTest, CanonicalTextAndExportedFileAreTheSameNetwork) {
  const nlohmann::json named =
      DescribeJson({.network = "hrn-2x3x2x@4", .side = 32, .classes = 10, .json = true});
  const std::string canonical = named["network"];
  EXPECT_EQ(DescribeJson({.network = canonical, .json = true})["hash"], named["hash"]);

  const std::filesystem::path file =
      std::filesystem::path(::testing::TempDir()) / "describe_test_architecture.json";
  const absl::StatusOr<std::string> exported = ArchitectureJson("hrn-2x3x2x@4", canonical);
  ASSERT_TRUE(exported.ok()) << exported.status();
  std::ofstream(file) << *exported;
  EXPECT_EQ(DescribeJson({.network = file.string(), .json = true})["hash"], named["hash"]);
  std::ofstream(file) << "{\"something\": 1}";
  std::ostringstream out;
  const absl::Status status = Describe({.network = file.string()}, out);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr(file.string()));
  std::filesystem::remove(file);
}

TEST(DescribeTest, WhatIsNoNetworkIsRefused) {
  std::ostringstream out;
  EXPECT_EQ(Describe({.network = "resnet19"}, out).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(out.str(), "");
}

TEST(DescribeTest, ArchitectureJsonListsEveryOperation) {
  const nlohmann::json named = DescribeJson({.network = "resnet20@4", .json = true});
  const absl::StatusOr<std::string> exported = ArchitectureJson("resnet20@4", named["network"]);
  ASSERT_TRUE(exported.ok()) << exported.status();
  const nlohmann::json document = nlohmann::json::parse(*exported);
  EXPECT_EQ(document["hash"], named["hash"]);
  EXPECT_EQ(document["widths"], nlohmann::json({4, 8, 16}));
  EXPECT_EQ(document["blocks"], nlohmann::json({3, 3, 3}));
  ASSERT_EQ(document["operations"].size(), named["layers"].size());
  EXPECT_EQ(document["operations"].front()["kind"], "input");
  EXPECT_EQ(document["operations"].back()["kind"], "linear");
}

TEST(EqualizeTest, FindsThePublishedNetworks) {
  std::ostringstream out;
  const absl::Status status =
      Equalize({.backbone = "resnet18", .order = {3, 2, 4, 1}, .json = true}, out);
  ASSERT_TRUE(status.ok()) << status;
  const nlohmann::json document = nlohmann::json::parse(out.str());
  bool found = false;
  for (const nlohmann::json& solution : document) {
    ASSERT_TRUE(solution.contains("multipliers"));
    ASSERT_TRUE(solution.contains("relus"));
    ASSERT_TRUE(solution.contains("macs"));
    // HRN-5x5x3x of the DeepReShape paper.
    found = found || (solution["multipliers"] == nlohmann::json({5, 5, 3}) &&
                      solution["name"] == "hrn-5x5x3x@16");
  }
  EXPECT_TRUE(found) << out.str();
}

TEST(EqualizeTest, EveryFamilyHasItsSections) {
  for (const auto& [backbone, order] : std::map<std::string, std::vector<int64_t>>{
           {"resnet50", {3, 2, 4, 1}}, {"wrn-22-8", {2, 3, 1}}, {"vgg16", {3, 2, 4, 5, 1}}}) {
    std::ostringstream out;
    const absl::Status status =
        Equalize({.backbone = backbone, .order = order, .base_channels = 2, .json = true}, out);
    ASSERT_TRUE(status.ok()) << status;
    const nlohmann::json document = nlohmann::json::parse(out.str());
    ASSERT_FALSE(document.empty()) << backbone;
    const nlohmann::json described = DescribeJson({.network = document[0]["name"], .json = true});
    EXPECT_EQ(described["relus"], document[0]["relus"]) << backbone;
    for (size_t i = 1; i < order.size(); ++i) {
      const auto relus = [&](size_t place) {
        return described["sections"][static_cast<size_t>(order[place]) - 1]["relus"].get<int64_t>();
      };
      EXPECT_GT(relus(i - 1), relus(i)) << backbone;
    }
  }
}

TEST(EqualizeTest, RelaxesAndChoosesTheSize) {
  std::ostringstream out;
  ASSERT_TRUE(Equalize({.backbone = "resnet18",
                        .order = {3, 2, 4, 1},
                        .alpha = {2},
                        .max_relus = 186'000,
                        .json = true},
                       out)
                  .ok());
  bool found = false;
  for (const nlohmann::json& network : nlohmann::json::parse(out.str())) {
    EXPECT_LE(network["relus"].get<int64_t>(), 186'000);
    // HRN-2x5x3x has 169,984 ReLUs without stem at 16 channels, so 10,624 per channel.
    found = found || network["name"] == "hrn-2x5x3x@17";
  }
  EXPECT_TRUE(found) << out.str();
}

TEST(EqualizeTest, TheFamiliesForComparison) {
  std::ostringstream base;
  ASSERT_TRUE(Equalize({.backbone = "resnet18", .family = "base", .json = true}, base).ok());
  EXPECT_EQ(nlohmann::json::parse(base.str())[4]["name"], "hrn-2x2x2x@256");
  std::ostringstream uniform;
  ASSERT_TRUE(Equalize({.backbone = "resnet18", .family = "uniform", .json = true}, uniform).ok());
  EXPECT_EQ(nlohmann::json::parse(uniform.str())[6]["relus"], 983'040);
}

TEST(EqualizeTest, NamesWhatIsWrong) {
  std::ostringstream out;
  EXPECT_THAT(std::string(Equalize({.backbone = "vgg"}, out).message()), HasSubstr("resnet18"));
  const absl::Status order = Equalize({.backbone = "resnet18", .order = {3, 3, 4, 1}}, out);
  EXPECT_EQ(order.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(order.message()), HasSubstr("order"));
  EXPECT_THAT(std::string(Equalize({.backbone = "resnet18"}, out).message()),
              HasSubstr("--order: found nothing"));
  EXPECT_THAT(std::string(Equalize({.backbone = "resnet18", .family = "all"}, out).message()),
              HasSubstr("--family: found all; allowed: hrn, base, uniform"));
  EXPECT_THAT(
      std::string(
          Equalize({.backbone = "resnet18", .order = {3, 2, 4, 1}, .alpha = {0}}, out).message()),
      HasSubstr("--alpha: found 0"));
}

}  // namespace
}  // namespace reluscape
