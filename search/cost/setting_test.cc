// Links, hardware profiles and kept ReLUs: what is read and what is refused.

#include "search/cost/setting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "search/cost/built_in_data.h"
#include "search/cost/cost_test_util.h"

namespace reluscape {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

TEST(LinkTest, EveryBuiltInLinkIsReadWithItsSource) {
  const std::vector<Link>& links = BuiltInLinks();
  ASSERT_EQ(links.size(), nlohmann::json::parse(BuiltInLinksJson()).size() + 1);
  EXPECT_EQ(links.front().name, "loopback");
  std::set<std::string> names;
  for (const Link& link : links) {
    EXPECT_TRUE(names.insert(link.name).second);
    EXPECT_FALSE(link.source.empty());
    EXPECT_FALSE(link.status.empty());
  }
  EXPECT_EQ(ParseLink("mobile")->status, "assumption");
  EXPECT_EQ(ParseLink("wan")->status, "recalled");
  // 40 MB/s, 80 ms.
  EXPECT_DOUBLE_EQ(ParseLink("wan")->up_mbit_per_s, 8 * 40);
  EXPECT_DOUBLE_EQ(ParseLink("wan")->round_trip_s, 0.08);
  EXPECT_DOUBLE_EQ(ParseLink("artifact_835_165")->down_mbit_per_s, 165);
}

TEST(LinkTest, SecondsOfBytesAndFlights) {
  const Link link = *ParseLink("100/500/0.02");
  EXPECT_DOUBLE_EQ(UploadSeconds(link, 12.5e6), 1);
  EXPECT_DOUBLE_EQ(DownloadSeconds(link, 12.5e6), 0.2);
  EXPECT_DOUBLE_EQ(RoundTripSeconds(link, 5), 0.05);
  const Link loopback = *ParseLink("loopback");
  EXPECT_DOUBLE_EQ(UploadSeconds(loopback, 1e12) + RoundTripSeconds(loopback, 100), 0);
  EXPECT_DOUBLE_EQ(ParseLink("10/20")->round_trip_s, 0);
}

TEST(LinkTest, WhatIsNoLinkIsRefused) {
  for (const char* text : {"dsl", "100", "0/100/0", "-1/100/0", "100/nan/0", "100/inf/0",
                           "100/100/-0.1", "1/2/3/4", "", "a/b/c"}) {
    const auto link = ParseLink(text);
    EXPECT_EQ(link.status().code(), absl::StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(Message(link.status()), HasSubstr("loopback")) << text;
  }
  const std::string message = Message(
      LinkFromJson(R"({"name": "x", "up_mbit_per_s": -5, "round_trip_s": "1", "status": "best",
                       "source": "me", "speed": 3})",
                   "x.json")
          .status());
  EXPECT_THAT(message, AllOf(HasSubstr("x.json: up_mbit_per_s: found -5"),
                             HasSubstr("down_mbit_per_s: found nothing"),
                             HasSubstr("round_trip_s: found \"1\""),
                             HasSubstr("status: found \"best\""), HasSubstr("speed: found 3")));
  EXPECT_THAT(Message(LinkFromJson("[1", "y.json").status()), HasSubstr("y.json: found no JSON"));
  const auto good = LinkFromJson(R"({"name": "x", "up_mbit_per_s": 5, "down_mbit_per_s": 6,
                                     "round_trip_s": 0.1, "status": "user", "source": "me"})",
                                 "x.json");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_DOUBLE_EQ(good->down_mbit_per_s, 6);
}

TEST(HardwareTest, EveryBuiltInProfileIsReadWithItsSource) {
  const std::vector<HardwareProfile>& profiles = BuiltInHardware();
  ASSERT_EQ(profiles.size(), BuiltInHardwareJson().size());
  for (const HardwareProfile& profile : profiles) {
    EXPECT_FALSE(profile.source.empty());
    const auto again = HardwareFromJson(HardwareToJson(profile), "written");
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(*again, profile);
  }
  // Section 3: us per ReLU on one thread.
  EXPECT_DOUBLE_EQ(*FindHardware("epyc_7502")->garble_s, 103.7e-6);
  EXPECT_DOUBLE_EQ(*FindHardware("epyc_7502")->gc_evaluate_s, 54.6e-6);
  EXPECT_DOUBLE_EQ(*FindHardware("atom_z8350")->garble_s, 686.8e-6);
  EXPECT_DOUBLE_EQ(*FindHardware("atom_z8350")->gc_evaluate_s, 346e-6);
  EXPECT_THAT(Message(FindHardware("m1").status()), HasSubstr("epyc_7502"));
}

TEST(HardwareTest, MissingNegativeAndNonFiniteConstantsAreRefusedByField) {
  nlohmann::json document = nlohmann::json::parse(HardwareToJson(*FindHardware("epyc_7502")));
  document.erase("garble_s");
  document["gc_evaluate_s"] = -1e-6;
  document["ntt_8192_s"] = 0;
  document["he_threads"] = 1.5;
  document["gc_threads"] = 0;
  document["encode_online_s"] = "fast";
  document["gc"] = "other";
  document["colour"] = "red";
  const std::string message = Message(HardwareFromJson(document.dump(), "p.json").status());
  EXPECT_THAT(message,
              AllOf(HasSubstr("p.json: garble_s: found nothing"),
                    HasSubstr("p.json: gc_evaluate_s: found -1e-06"),
                    HasSubstr("p.json: ntt_8192_s: found 0"), HasSubstr("he_threads: found 1.5"),
                    HasSubstr("gc_threads: found 0"), HasSubstr("encode_online_s: found \"fast\""),
                    HasSubstr("gc: found \"other\""), HasSubstr("colour: found \"red\"")));
  // A value whose levels no stack could follow.
  EXPECT_THAT(Message(LinkFromJson("{\"name\": " + std::string(1'000'000, '[') +
                                       std::string(1'000'000, ']') + "}",
                                   "deep.json")
                          .status()),
              HasSubstr("deep.json: name: found a list"));
  // JSON has no infinity but a number may overflow to one.
  std::string text = HardwareToJson(*FindHardware("epyc_7502"));
  text.replace(text.find("0.000125"), 8, "1e999");
  EXPECT_FALSE(HardwareFromJson(text, "p.json").ok());
}

TEST(KeptRelusTest, AreSpreadInProportionByLargestRemainder) {
  // 1000, 100 and 10 units.
  const auto layers = LayersOf(ChainNetwork({1, 10, 10})
                                   .Conv(10)
                                   .Relu()
                                   .Conv(1)
                                   .Relu()
                                   .Pool(OpKind::kAveragePool, 10)
                                   .Conv(10, 1)
                                   .Relu()
                                   .Classify(2));
  ASSERT_TRUE(layers.ok()) << layers.status();
  ASSERT_EQ(layers->relus, 1110);
  EXPECT_THAT(KeepRelus(*layers, 111)->kept, testing::ElementsAre(100, 10, 1));
  // 112/1110 of each: 100.9, 10.09, 1.009.
  EXPECT_THAT(KeepRelus(*layers, 112)->kept, testing::ElementsAre(101, 10, 1));
  EXPECT_THAT(KeepRelus(*layers, 0)->kept, testing::ElementsAre(0, 0, 0));
  EXPECT_THAT(KeepRelus(*layers, 1110)->kept, testing::ElementsAre(1000, 100, 10));
  for (int64_t relus = 0; relus <= 1110; ++relus) {
    const PricedNetwork network = *KeepRelus(*layers, relus);
    EXPECT_EQ(KeptRelus(network), relus);
    for (size_t i = 0; i < network.kept.size(); ++i) {
      EXPECT_LE(network.kept[i], layers->nonlinear[i].units);
    }
  }
  EXPECT_THAT(Message(KeepRelus(*layers, 1111).status()), HasSubstr("0 to 1110"));
  EXPECT_FALSE(KeepRelus(*layers, -1).ok());
}

TEST(KeptRelusTest, PerLayerFilesAreCheckedEntryByEntry) {
  const NetworkLayers layers =
      *LayersOf(ChainNetwork({1, 10, 10}).Conv(10).Relu().Conv(1).Relu().Classify(2));
  const auto good = KeepRelusPerLayer(layers, R"({"relu2": 7})", "f.json");
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_THAT(good->kept, testing::ElementsAre(0, 7));
  const std::string message = Message(
      KeepRelusPerLayer(layers, R"({"relu1": 1001, "relu2": -1, "relu3": 5, "conv1": 1})", "f.json")
          .status());
  EXPECT_THAT(
      message,
      AllOf(HasSubstr("f.json: relu1: found 1001; allowed: a whole number, 0 to 1000"),
            HasSubstr("f.json: relu2: found -1"), HasSubstr("f.json: relu3: found no ReLU layer"),
            HasSubstr("f.json: conv1: found no ReLU layer")));
  EXPECT_FALSE(KeepRelusPerLayer(layers, "[]", "f.json").ok());
  EXPECT_FALSE(KeepRelusPerLayer(layers, "{", "f.json").ok());
  EXPECT_FALSE(KeepRelusPerLayer(layers, R"({"relu1": 1.5})", "f.json").ok());
}

TEST(LayersTest, LimitsAreNamed) {
  EXPECT_THAT(Message(LayersOf(ChainNetwork({3, 5000, 8}).Conv(8).Relu().Classify(2)).status()),
              AllOf(HasSubstr("input"), HasSubstr("5000"), HasSubstr("4096")));
  EXPECT_THAT(Message(LayersOf(ChainNetwork({3, 8, 8}).Conv(200'000).Relu().Classify(2)).status()),
              HasSubstr("conv1, channels: found 200000"));
}

}  // namespace
}  // namespace reluscape
