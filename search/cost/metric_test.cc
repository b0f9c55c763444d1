#include "search/cost/metric.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "search/cost/metric_test_util.h"

namespace reluscape {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

std::string ErrorOf(const std::string& text) {
  const auto metric = BuiltInMetrics().Parse(text);
  EXPECT_FALSE(metric.ok()) << text;
  EXPECT_EQ(metric.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(metric.status().message());
}

std::vector<std::string> DefaultNames() {
  std::vector<std::string> names;
  for (const CostMetric& metric : BuiltInMetrics().Defaults()) names.push_back(metric.Text());
  return names;
}

TEST(MetricTest, CanonicalFormReadsBackAsItself) {
  for (const char* text :
       {"cheetah.online_s@wan", "delphi_server_garbler.client_storage_bytes@lan",
        "delphi_client_garbler.total_s@artifact_100", "delphi_server_garbler.total_s@loopback",
        "delphi_server_garbler.offline.garbling_s@mobile"}) {
    const auto metric = BuiltInMetrics().Parse(text);
    ASSERT_TRUE(metric.ok()) << metric.status();
    EXPECT_EQ(metric->Text(), text);
  }
}

TEST(MetricTest, CanonicalFormStatesTheDefaultLink) {
  EXPECT_EQ(BuiltInMetrics().Parse("cheetah.online_s")->Text(), "cheetah.online_s@lan");
  EXPECT_EQ(BuiltInMetrics().Parse("delphi_server_garbler.client_storage_bytes")->Text(),
            "delphi_server_garbler.client_storage_bytes@lan");
}

TEST(MetricTest, ErrorsListWhatIsAllowed) {
  EXPECT_THAT(ErrorOf("teleport.online_s"),
              AllOf(HasSubstr("unknown protocol \"teleport\""), HasSubstr("cheetah"),
                    HasSubstr("delphi_client_garbler")));
  EXPECT_THAT(ErrorOf("cheetah.speed@wan"),
              AllOf(HasSubstr("unknown output \"speed\""), HasSubstr("online_s"),
                    HasSubstr("server_storage_bytes")));
  EXPECT_THAT(ErrorOf("cheetah.online_s@moon"),
              AllOf(HasSubstr("unknown link \"moon\""), HasSubstr("artifact_835_165"),
                    HasSubstr("mobile")));
  for (const char* text :
       {"", "cheetah", "cheetah.", ".online_s", "cheetah.@wan", "cheetah.online_s@",
        "cheetah.online_s@wan@wan", "cheetah.online_s@ wan", "Cheetah.online_s"}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("allowed: ")) << text;
  }
  EXPECT_LT(ErrorOf(std::string(100'000, 'x')).size(), 1000u);
}

TEST(MetricTest, DefaultsAreKnownDistinctAndCoverEveryProtocol) {
  std::set<std::string> seen;
  std::set<std::string> protocols;
  for (const CostMetric& metric : BuiltInMetrics().Defaults()) {
    EXPECT_TRUE(seen.insert(metric.Text()).second) << metric.Text();
    protocols.insert(metric.protocol);
    const auto parsed = BuiltInMetrics().Parse(metric.Text());
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, metric);
  }
  for (const ProtocolModel* model : ProtocolModels()) {
    EXPECT_TRUE(protocols.contains(model->Name())) << model->Name();
    if (model->Name() == "ckks") continue;
    for (const char* output : {"offline_s", "online_s", "total_s"}) {
      for (const char* link : {"lan", "wan"}) {
        EXPECT_THAT(DefaultNames(), Contains(model->Name() + "." + output + "@" + link));
      }
    }
  }
  EXPECT_THAT(DefaultNames(), Contains("delphi_server_garbler.offline_down_bytes@lan"));
}

TEST(MetricTest, SourceNamesVersionAndProfile) {
  const auto source =
      BuiltInMetrics().SourceOf(*BuiltInMetrics().Parse("delphi_server_garbler.online_s@wan"));
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->version, source->model->Version());
  EXPECT_THAT(source->profile,
              MatchesRegex("client epyc_7502, server epyc_7502, link wan, sha256 [0-9a-f]{12}"));
  EXPECT_EQ(source->setting.link.name, "wan");
  EXPECT_FALSE(source->setting.with_layers);
  EXPECT_FALSE(BuiltInMetrics().SourceOf({"teleport", "online_s", "wan"}).ok());
}

TEST(MetricTest, ProfileIsThatOfLinkAndMachine) {
  const auto profile = [](const char* text) {
    return BuiltInMetrics().SourceOf(*BuiltInMetrics().Parse(text))->profile;
  };
  EXPECT_EQ(profile("cheetah.online_s@wan"), profile("cheetah.total_s@wan"));
  EXPECT_NE(profile("cheetah.online_s@wan"), profile("cheetah.online_s@lan"));
  EXPECT_EQ(profile("cheetah.online_s@wan"), profile("delphi_server_garbler.online_s@wan"));
  EXPECT_NE(profile("cheetah.online_s@lan"), profile("ckks.seconds@mpcnn_cpu"));
}

TEST(MetricTest, CatalogTakesAnyProtocols) {
  const FakeProtocol toy({});
  const MetricCatalog catalog({&toy});
  EXPECT_EQ(catalog.Parse("toy.online_s")->Text(), "toy.online_s@lan");
  EXPECT_THAT(std::string(catalog.Parse("cheetah.online_s").status().message()),
              HasSubstr("allowed: a protocol of toy"));
  EXPECT_EQ(catalog.SourceOf(*catalog.Parse("toy.online_s"))->version, "1");
}

}  // namespace
}  // namespace reluscape
