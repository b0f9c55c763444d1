#include "client/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "client/export.h"

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
  for (const char* key : {"name", "network", "hash", "relus", "relus_with_stem", "macs",
                          "parameters", "latency", "stages", "layers"}) {
    EXPECT_TRUE(document.contains(key)) << key;
  }
  // Two basic blocks with two ReLUs each of 8 x 32 x 32, 16 x 16 x 16, 32 x 8 x 8, 64 x 4 x 4.
  EXPECT_EQ(document["relus"], 4 * (8192 + 4096 + 2048 + 1024));
  EXPECT_EQ(document["relus_with_stem"], document["relus"].get<int64_t>() + 8192);
  ASSERT_EQ(document["stages"].size(), 4);
  EXPECT_EQ(document["stages"][1],
            nlohmann::json({{"relus", 16384}, {"width", 16}, {"side", 16}, {"blocks", 2}}));
  int64_t relus = 0;
  int64_t macs = 0;
  for (const nlohmann::json& layer : document["layers"]) {
    relus += layer["relus"].get<int64_t>();
    macs += layer["macs"].get<int64_t>();
  }
  EXPECT_EQ(relus, document["relus"]);
  EXPECT_EQ(macs, document["macs"]);
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

TEST(EqualizeTest, NamesWhatIsWrong) {
  std::ostringstream out;
  EXPECT_THAT(std::string(Equalize({.backbone = "vgg"}, out).message()), HasSubstr("resnet18"));
  const absl::Status order = Equalize({.backbone = "resnet18", .order = {3, 3, 4, 1}}, out);
  EXPECT_EQ(order.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(order.message()), HasSubstr("order"));
}

}  // namespace
}  // namespace reluscape
