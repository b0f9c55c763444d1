#include "search/cost/ckks_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "search/cost/ckks_test_util.h"
#include "search/cost/kept_relus.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

NetworkLayers LayersOfName(const std::string& name) { return *LayersOf(NetworkOf(name)); }

int64_t Whole(const Estimate& estimate, const std::string& name) {
  const std::optional<double> value = FindOutput(estimate, name);
  EXPECT_TRUE(value.has_value()) << name;
  return static_cast<int64_t>(value.value_or(-1));
}

TEST(CkksModelTest, GivesEveryOutputOfTheIssue) {
  const NetworkLayers layers = LayersOfName("mpcnn-resnet20");
  const ProtocolModel* model = *FindProtocolModel("ckks");
  const Estimate estimate = *PricePrivateInference(*model, KeepAllRelus(layers), Setting());
  EXPECT_EQ(Whole(estimate, "bootstraps"), 18);
  EXPECT_EQ(Whole(estimate, "bootstraps_weighted"), 18);
  EXPECT_EQ(Whole(estimate, "rotations"), 1822);
  EXPECT_EQ(Whole(estimate, "breakdown.rotations.convolutions"), 1687);
  EXPECT_EQ(Whole(estimate, "breakdown.rotations.skips"), 42);
  EXPECT_EQ(Whole(estimate, "breakdown.rotations.pool"), 21);
  EXPECT_EQ(Whole(estimate, "breakdown.rotations.fc"), 72);
  EXPECT_EQ(Whole(estimate, "plaintext_multiplications"), 2274);
  EXPECT_EQ(Whole(estimate, "ciphertext_multiplications"), 513);
  EXPECT_EQ(Whole(estimate, "rescales"), 705);
  EXPECT_EQ(Whole(estimate, "depth"), 306);
  EXPECT_NEAR(*FindOutput(estimate, "seconds"), TotalSeconds(estimate), 1e-6);
  EXPECT_EQ(OfflineSeconds(estimate), 0);
  EXPECT_TRUE(IsLowerBound(estimate));  // of encryption and transfer nothing is known
  EXPECT_FALSE(IsLowerBound(estimate.online));
  EXPECT_FALSE(estimate.online.bytes.up.has_value());  // nothing says how large they are
  EXPECT_EQ(FindDominantTerm(estimate).name, "bootstraps");
  ASSERT_TRUE(estimate.total_band.high.has_value());
  EXPECT_NEAR(*estimate.total_band.high, 2 * TotalSeconds(estimate), 1e-6);
  EXPECT_NEAR(estimate.total_band.low, TotalSeconds(estimate) / 2, 1e-6);
  EXPECT_THAT(estimate.band_reason, HasSubstr("not calibrated"));
  EXPECT_THAT(estimate.notes, testing::Contains(HasSubstr("model estimate with preset mpcnn_cpu")));
}

TEST(CkksModelTest, LayersAddUpToTheWhole) {
  const NetworkLayers layers = LayersOfName("resnet18@16");
  const Ckks model;
  const Estimate estimate = *model.Price(KeepAllRelus(layers), Setting());
  double seconds = 0;
  for (const LayerEstimate& layer : estimate.layers) seconds += layer.online_s.value_or(0);
  EXPECT_NEAR(seconds, TotalSeconds(estimate), 1e-6 * seconds);
  Setting without;
  without.with_layers = false;
  EXPECT_TRUE(model.Price(KeepAllRelus(layers), without)->layers.empty());
}

TEST(CkksModelTest, WhatAPresetDoesNotPriceMakesTheTotalALowerBound) {
  const NetworkLayers layers = LayersOfName("resnet20");
  Setting setting;
  setting.ckks.preset = "orion_cpu";
  const Estimate estimate = *Ckks().Price(KeepAllRelus(layers), setting);
  EXPECT_TRUE(IsLowerBound(estimate.online));
  EXPECT_FALSE(estimate.total_band.high.has_value());
  bool found = false;
  for (const TimeTerm& term : estimate.online.terms) {
    if (term.name != "activations") continue;
    found = true;
    EXPECT_EQ(term.standing, Standing::kMissing);
    EXPECT_THAT(term.reason, HasSubstr("orion_cpu has no price of them"));
  }
  EXPECT_TRUE(found);
}

TEST(CkksModelTest, RemembersNoOtherNetworkOptionOrSetOfLayers) {
  const Ckks model;
  const NetworkLayers small = LayersOfName("mpcnn-resnet20");
  const NetworkLayers large = LayersOfName("mpcnn-resnet32");
  CkksOptions cubic;
  cubic.degree = 3;
  PricedNetwork linear = KeepAllRelus(small);
  for (int64_t& kept : linear.kept) kept = 0;
  for (int round = 0; round < 2; ++round) {  // the second time from memory
    EXPECT_EQ((*model.PriceCkks(KeepAllRelus(small), {}))->bootstraps, 18);
    EXPECT_EQ((*model.PriceCkks(KeepAllRelus(large), {}))->bootstraps, 30);
    EXPECT_LT((*model.PriceCkks(KeepAllRelus(small), cubic))->bootstraps, 8);
    EXPECT_EQ((*model.PriceCkks(linear, {}))->bootstraps, 2);
  }
  PricedNetwork one = KeepAllRelus(small);
  for (int64_t& kept : one.kept) kept = 1;
  EXPECT_EQ(*model.PriceCkks(one, {}), *model.PriceCkks(KeepAllRelus(small), {}));  // one object
}

TEST(CkksModelTest, VersionNamesTheConstants) {
  EXPECT_THAT(Ckks().Version(), testing::MatchesRegex("1-[0-9a-f]{12}"));
}

TEST(CkksModelTest, MayBeAskedByManyThreads) {
  const Ckks model;
  const NetworkLayers layers = LayersOfName("mpcnn-resnet20");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&model, &layers, i] {
      for (size_t layer = 0; layer < layers.nonlinear.size(); ++layer) {
        PricedNetwork network = KeepAllRelus(layers);
        network.kept[(layer + static_cast<size_t>(i)) % network.kept.size()] = 0;
        EXPECT_TRUE(model.PriceCkks(network, {}).ok());
      }
    });
  }
}

// Results of one network whose descents emptied different layers: 100,000 within 10 s of one core.
// The time of the process, so that other work on the machine does not count.
TEST(CkksModelTest, PricesManyResultsOfANetworkQuickly) {
  const Ckks model;
  const NetworkLayers layers = LayersOfName("resnet18@16");
  Setting setting;
  setting.with_layers = false;
  constexpr int kResults = 100'000;
  const std::clock_t start = std::clock();
  std::set<int64_t> bootstraps;
  for (int i = 0; i < kResults; ++i) {
    PricedNetwork network = KeepAllRelus(layers);
    // Any number of ReLUs; the last layers run empty in 200 ways.
    for (size_t layer = 0; layer < network.kept.size(); ++layer) network.kept[layer] = 1 + i % 100;
    for (int bit = 0; bit < 8; ++bit) {
      const size_t layer = network.kept.size() - 1 - static_cast<size_t>(bit);
      if ((i % 200) >> bit & 1) network.kept[layer] = 0;
    }
    const absl::StatusOr<Estimate> estimate = model.Price(network, setting);
    ASSERT_TRUE(estimate.ok());
    bootstraps.insert(Whole(*estimate, "bootstraps"));
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_GT(bootstraps.size(), 3u);
  EXPECT_LT(seconds, 10.0);
  RecordProperty("nanoseconds_per_result", static_cast<int>(seconds / kResults * 1e9));
}

}  // namespace
}  // namespace reluscape
