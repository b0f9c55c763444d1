#include "client/estimate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "search/cost/hardware.h"
#include "search/cost/protocol_model.h"

namespace reluscape {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Printed(const EstimateOptions& options) {
  std::ostringstream out;
  const absl::Status status = EstimatePrivateInference(options, out);
  EXPECT_TRUE(status.ok()) << status;
  return out.str();
}

nlohmann::json Document(EstimateOptions options) {
  options.json = true;
  return nlohmann::json::parse(Printed(options), nullptr, /*allow_exceptions=*/false);
}

absl::Status Refused(const EstimateOptions& options) {
  std::ostringstream out;
  const absl::Status status = EstimatePrivateInference(options, out);
  EXPECT_EQ(out.str(), "");
  return status;
}

// A file in the test's own folder, removed at the end.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& name, const std::string& content)
      : path_(std::filesystem::path(::testing::TempDir()) / name) {
    std::ofstream(path_) << content;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

TEST(EstimateTest, JsonHasTheDocumentedKeys) {
  const nlohmann::json document = Document({.networks = {"resnet18@16"}});
  ASSERT_TRUE(document.is_object());
  for (const char* key : {"name",
                          "network",
                          "network_relus",
                          "protocol",
                          "version",
                          "model",
                          "link",
                          "client",
                          "server",
                          "relus",
                          "offline_s",
                          "online_s",
                          "total_s",
                          "lower_bound",
                          "offline_up_bytes",
                          "offline_down_bytes",
                          "online_up_bytes",
                          "online_down_bytes",
                          "offline_flights",
                          "online_flights",
                          "client_storage_bytes",
                          "server_storage_bytes",
                          "stored_inferences",
                          "service",
                          "set_up",
                          "dominant",
                          "breakdown",
                          "remarks",
                          "layers",
                          "band",
                          "notes",
                          "not_modelled",
                          "he"}) {
    EXPECT_TRUE(document.contains(key)) << key;
  }
  for (const char* key : {"low", "high", "reason"}) EXPECT_TRUE(document["band"].contains(key));
  for (const char* key : {"plaintext_multiplications", "key_switches", "upload_ciphertexts",
                          "download_ciphertexts"}) {
    EXPECT_TRUE(document["he"][key].is_number_integer()) << key;
  }
  EXPECT_EQ(document["protocol"], "delphi_server_garbler");
  EXPECT_NEAR(document["total_s"].get<double>(),
              document["offline_s"].get<double>() + document["online_s"].get<double>(), 1e-9);
  double offline = 0;
  for (const auto& [name, seconds] : document["breakdown"]["offline"].items()) {
    offline += seconds.is_null() ? 0 : seconds.get<double>();
  }
  EXPECT_NEAR(offline, document["offline_s"].get<double>(), 1e-9);
  // What no source gives is null, with its reason.
  EXPECT_TRUE(document["breakdown"]["offline"]["ot_s"].is_null());
  EXPECT_EQ(document["lower_bound"], true);
  bool explained = false;
  for (const auto& remark : document["remarks"]) {
    explained = explained || (remark["term"] == "offline.ot_s" && remark["standing"] == "missing" &&
                              !remark["reason"].get<std::string>().empty());
  }
  EXPECT_TRUE(explained);
  EXPECT_FALSE(document.contains("papers_online_nonlinear_s"));
}

TEST(EstimateTest, SeveralEstimatesAreAList) {
  const nlohmann::json documents =
      Document({.networks = {"resnet18@16", "resnet20"}, .protocols = {"cheetah", "spu_semi2k"}});
  ASSERT_TRUE(documents.is_array());
  ASSERT_EQ(documents.size(), 4);
  EXPECT_EQ(documents[1]["protocol"], "spu_semi2k");
  EXPECT_EQ(documents[2]["name"], "resnet20");
}

TEST(EstimateTest, AllAsksEveryProtocolAndKeepsRefusalsAsRows) {
  const nlohmann::json documents =
      Document({.networks = {"resnet18@16"}, .side = 128, .protocols = {"all"}});
  ASSERT_EQ(documents.size(), ProtocolModels().size());
  for (const nlohmann::json& document : documents) {
    const bool delphi = document["protocol"].get<std::string>().rfind("delphi", 0) == 0;
    EXPECT_EQ(document.contains("error"), delphi || document["protocol"] == "cryptflow2_he")
        << document["protocol"];
  }
  EXPECT_THAT(documents[0]["error"].get<std::string>(), HasSubstr("128x128"));
  const std::string table =
      Printed({.networks = {"resnet18@16"}, .side = 128, .protocols = {"all"}});
  EXPECT_THAT(table, AllOf(HasSubstr("refused"), HasSubstr("4096 (64x64)"), HasSubstr("cheetah")));
}

TEST(EstimateTest, OneRefusalAloneIsAnError) {
  const absl::Status status = Refused({.networks = {"resnet18@16"}, .side = 128});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("stem.conv: found"));
}

TEST(EstimateTest, KeptRelusInAllAndPerLayer) {
  EXPECT_EQ(Document({.networks = {"resnet18@16"}, .relus = 1000})["relus"], 1000);
  EXPECT_THAT(std::string(Refused({.networks = {"resnet18@16"}, .relus = 1'000'000}).message()),
              HasSubstr("relus: found 1000000; allowed: 0 to"));
  const TemporaryFile good("estimate_test_relus.json", R"({"section1.block1.relu1": 7})");
  const nlohmann::json document =
      Document({.networks = {"resnet18@16"}, .relus_per_layer = good.path()});
  EXPECT_EQ(document["relus"], 7);
  for (const nlohmann::json& layer : document["layers"]) {
    if (layer["kind"] != "relu") continue;
    EXPECT_EQ(layer["relus"], layer["name"] == "section1.block1.relu1" ? 7 : 0);
  }
  const TemporaryFile bad("estimate_test_bad.json", R"({"section1.block1.relu1": 99999, "x": 1})");
  EXPECT_THAT(
      std::string(Refused({.networks = {"resnet18@16"}, .relus_per_layer = bad.path()}).message()),
      AllOf(HasSubstr("section1.block1.relu1: found 99999"), HasSubstr("0 to 16384"),
            HasSubstr(": x: found no ReLU layer")));
  EXPECT_EQ(Refused({.networks = {"resnet18@16"}, .relus_per_layer = "nowhere.json"}).code(),
            absl::StatusCode::kNotFound);
}

TEST(EstimateTest, RemovedReluAsPolynomialsAreCountedAndPriced) {
  const EstimateOptions identity = {.networks = {"resnet18@16"}, .relus = 1000};
  EstimateOptions options = identity;
  options.polynomials = true;
  const nlohmann::json before = Document(identity);
  const nlohmann::json document = Document(options);
  const int64_t removed = document["network_relus"].get<int64_t>() - 1000;
  EXPECT_EQ(before["polynomials"], 0);
  EXPECT_EQ(document["relus"], 1000);
  EXPECT_EQ(document["polynomials"], removed);
  EXPECT_GT(document["online_s"], before["online_s"]);
  const double online = document["breakdown"]["online"]["polynomials_s"];
  EXPECT_NEAR(online, 1.2e-6 * static_cast<double>(removed), 1e-9);
  int64_t of_layers = 0;
  for (const nlohmann::json& layer : document["layers"]) {
    if (layer["kind"] == "relu") of_layers += layer["polynomials"].get<int64_t>();
  }
  EXPECT_EQ(of_layers, removed);
  EXPECT_THAT(Printed(options), AllOf(HasSubstr("1,000 of"), HasSubstr(" polynomials")));

  options.polynomial.online_s = 1e-3;
  EXPECT_NEAR(Document(options)["breakdown"]["online"]["polynomials_s"].get<double>(),
              1e-3 * static_cast<double>(removed), 1e-6);
  options.polynomials = false;
  EXPECT_THAT(std::string(Refused(options).message()), HasSubstr("only with --polynomials"));
}

TEST(EstimateTest, ProfilesAndLinksFromFiles) {
  HardwareProfile profile = *FindHardware("epyc_7502");
  profile.name = "mine";
  *profile.ntt_8192_s *= 2;
  const TemporaryFile hardware("estimate_test_profile.json", HardwareToJson(profile));
  const TemporaryFile link(
      "estimate_test_link.json",
      R"({"name": "desk", "up_mbit_per_s": 50, "down_mbit_per_s": 60, "round_trip_s": 0.001,
          "status": "user", "source": "measured on my desk"})");
  const nlohmann::json reference = Document({.networks = {"resnet18@16"}});
  const nlohmann::json document =
      Document({.networks = {"resnet18@16"}, .link = link.path(), .server = hardware.path()});
  EXPECT_EQ(document["link"], "desk");
  EXPECT_EQ(document["server"], "mine");
  EXPECT_NEAR(document["breakdown"]["offline"]["he_evaluation_s"].get<double>(),
              2 * reference["breakdown"]["offline"]["he_evaluation_s"].get<double>(), 1e-6);
  const TemporaryFile broken("estimate_test_broken.json", R"({"name": "x", "garble_s": -1})");
  EXPECT_THAT(
      std::string(Refused({.networks = {"resnet18@16"}, .client = broken.path()}).message()),
      AllOf(HasSubstr("garble_s: found -1"), HasSubstr("source: found nothing")));
  EXPECT_EQ(Refused({.networks = {"resnet18@16"}, .client = "no_such.json"}).code(),
            absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(Refused({.networks = {"resnet18@16"}, .client = "pentium"}).message()),
              HasSubstr("atom_z8350"));
}

TEST(EstimateTest, MeasuredTermsReplaceComputedOnes) {
  const TemporaryFile file("estimate_test_measured.json",
                           R"({"he_evaluation_s": 12.5, "shares_s": 0.25})");
  const nlohmann::json document = Document({.networks = {"resnet18@16"}, .measured = file.path()});
  EXPECT_EQ(document["breakdown"]["offline"]["he_evaluation_s"], 12.5);
  EXPECT_EQ(document["breakdown"]["online"]["shares_s"], 0.25);
  const TemporaryFile bad("estimate_test_measured_bad.json", R"({"speed": 1, "shares_s": -1})");
  EXPECT_THAT(std::string(Refused({.networks = {"resnet18@16"}, .measured = bad.path()}).message()),
              AllOf(HasSubstr("speed: found no field"), HasSubstr("shares_s: found -1")));
}

TEST(EstimateTest, OneComparisonNeverMixesDelphisTwoModels) {
  const EstimateOptions alone = {.networks = {"resnet18@16"}, .link = "loopback"};
  EXPECT_EQ(Document(alone)["model"], "whole_phase");
  EstimateOptions both = alone;
  both.protocols = {"delphi_server_garbler", "delphi_client_garbler"};
  for (const nlohmann::json& document : Document(both)) {
    EXPECT_EQ(document["model"], "composition");
  }
}

// private_inference_cost.md, section 10 (a), by the networks' names.
TEST(EstimateTest, TheArtifactsNetworksLieInTheirBandsOnLoopback) {
  struct Row {
    const char* name;
    int64_t relus, multiplications, key_switches;
    double offline_s, online_s;  // measured
  };
  const Row rows[] = {{"delphi-resnet32", 303'104, 11'954, 2'491, 58.40, 8.18},
                      {"delphi-resnet18", 557'056, 88'132, 19'140, 332.05, 14.11}};
  for (const Row& row : rows) {
    const nlohmann::json document =
        Document({.networks = {row.name}, .classes = 10, .link = "loopback"});
    EXPECT_EQ(document["relus"], row.relus);
    EXPECT_EQ(document["he"]["plaintext_multiplications"], row.multiplications);
    EXPECT_EQ(document["he"]["key_switches"], row.key_switches);
    EXPECT_NEAR(document["offline_s"].get<double>(), row.offline_s, 0.05 * row.offline_s);
    EXPECT_NEAR(document["online_s"].get<double>(), row.online_s, 0.08 * row.online_s);
    EXPECT_EQ(document["lower_bound"], false);
  }
}

TEST(EstimateTest, PapersNumberStandsBesideTheTotal) {
  const nlohmann::json document =
      Document({.networks = {"resnet18@16"}, .relus = 10'000, .papers = true});
  EXPECT_NEAR(document["papers_online_nonlinear_s"].get<double>(), 0.215, 1e-12);
  EXPECT_GT(document["total_s"].get<double>(), 1);
  EXPECT_THAT(Printed({.networks = {"resnet18@16"}, .papers = true}),
              AllOf(HasSubstr("papers on ReLU reduction"), HasSubstr("total, s")));
}

TEST(EstimateTest, TextShowsTermsTotalsBandAndReasons) {
  const std::string text = Printed({.networks = {"resnet18@16"}, .link = "wan"});
  EXPECT_THAT(text,
              AllOf(HasSubstr("HE evaluation, s"), HasSubstr("garbling, s"), HasSubstr("no source"),
                    HasSubstr("≥ "), HasSubstr("Band: "), HasSubstr("Largest part: "),
                    HasSubstr("down, MB"), HasSubstr("* assumed: online shares: ")));
}

TEST(EstimateTest, FormatsForPapers) {
  EstimateOptions options = {
      .networks = {"resnet18@16"}, .protocols = {"cheetah", "spu_semi2k"}, .compare = true};
  options.format = TableFormat::kMarkdown;
  EXPECT_THAT(Printed(options), AllOf(HasSubstr("| network | protocol |"), HasSubstr("|---|---|"),
                                      HasSubstr("| resnet18@16 | spu_semi2k |")));
  options.format = TableFormat::kLatex;
  EXPECT_THAT(Printed(options),
              AllOf(HasSubstr("\\begin{tabular}{ll"), HasSubstr("spu\\_semi2k &"),
                    HasSubstr("$\\geq$ "), HasSubstr("\\bottomrule"), HasSubstr("\n% ")));
  options.format = TableFormat::kCsv;
  const std::vector<std::string> lines = absl::StrSplit(Printed(options), "\r\n");
  ASSERT_EQ(lines.size(), 4) << "a header, two rows and the end of the last";
  EXPECT_THAT(lines[0], HasSubstr("name,network,protocol,model,link"));
  const std::vector<std::string> header = absl::StrSplit(lines[0], ',');
  const std::vector<std::string> row = absl::StrSplit(lines[1], ',');
  EXPECT_EQ(header.size(), row.size());
  options.compare = false;
  options.layers = true;
  EXPECT_THAT(Printed(options), HasSubstr("section1.block1.conv1"));
}

TEST(EstimateTest, ListNamesEverySourceAndNeedsNoNetwork) {
  EXPECT_THAT(Printed({.list = true}),
              AllOf(HasSubstr("delphi_server_garbler"), HasSubstr("cheetah_wan"),
                    HasSubstr("atom_z8350"), HasSubstr("kvgarimella/cryptonite")));
  const nlohmann::json document = Document({.list = true});
  EXPECT_EQ(document["protocols"].size(), ProtocolModels().size());
  for (const nlohmann::json& profile : document["hardware"]) {
    EXPECT_TRUE(HardwareFromJson(profile.dump(), "list").ok());
  }
}

TEST(EstimateTest, NoNetworkIsNamed) {
  EXPECT_THAT(std::string(Refused({}).message()), HasSubstr("NETWORK: found nothing"));
  EXPECT_EQ(Refused({.networks = {"resnet19"}}).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace reluscape
