#include "search/strategy/layer_shares.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "search/cost/kept_relus.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

NetworkLayers LayersNamed(const std::string& name) {
  return LayersOf(BuildNetwork(ParseArchitecture(name, 32, 10).value()).value()).value();
}

TEST(LayerSharesTest, NothingIsExpectedBeforeADescentOfALikePart) {
  const NetworkLayers layers = LayersNamed("resnet18@4");
  LayerShares shares;
  EXPECT_FALSE(shares.Predict(layers, layers.relus / 10).has_value());
  shares.Learn(KeepRelus(layers, layers.relus / 10).value());
  EXPECT_TRUE(shares.Predict(layers, layers.relus / 10).has_value());
  EXPECT_FALSE(shares.Predict(layers, layers.relus / 1000).has_value());
  EXPECT_FALSE(shares.Predict(layers, 0).has_value());
  EXPECT_FALSE(shares.Predict(layers, layers.relus + 1).has_value());
}

TEST(LayerSharesTest, TheSameNetworkIsExpectedToKeepWhatItKept) {
  const NetworkLayers layers = LayersNamed("resnet18@4");
  // All in the layers of the second half.
  PricedNetwork kept = KeepAllRelus(layers);
  for (size_t i = 0; i < kept.kept.size() / 2; ++i) kept.kept[i] = 0;
  LayerShares shares;
  shares.Learn(kept);
  const PricedNetwork expected = *shares.Predict(layers, KeptRelus(kept));
  int64_t first_half = 0;
  for (size_t i = 0; i < kept.kept.size() / 2 - 1; ++i) first_half += expected.kept[i];
  EXPECT_LT(first_half, KeptRelus(kept) / 20);
}

TEST(LayerSharesTest, EveryPredictionHasTheBudgetAndNoLayerMoreThanItHas) {
  Random random(1);
  const std::vector<std::string> names = {"resnet18@4", "resnet34@3", "hrn-5x7x2x@4", "vgg16@4"};
  for (int round = 0; round < 200; ++round) {
    LayerShares shares;
    const NetworkLayers learnt = LayersNamed(names[random.Below(names.size())]);
    PricedNetwork kept = KeepAllRelus(learnt);
    for (size_t i = 0; i < kept.kept.size(); ++i) {
      if (learnt.nonlinear[i].kind != NonlinearKind::kRelu) continue;
      kept.kept[i] = static_cast<int64_t>(random.Below(static_cast<uint64_t>(kept.kept[i]) + 1));
      if (random.Below(4) == 0) kept.kept[i] = 0;
    }
    shares.Learn(kept);
    const NetworkLayers layers = LayersNamed(names[random.Below(names.size())]);
    const auto budget = static_cast<int64_t>(1 + random.Below(static_cast<uint64_t>(layers.relus)));
    const auto expected = shares.Predict(layers, budget);
    if (!expected) continue;
    EXPECT_EQ(KeptRelus(*expected), budget);
    for (size_t i = 0; i < expected->kept.size(); ++i) {
      EXPECT_LE(expected->kept[i], layers.nonlinear[i].units);
      EXPECT_GE(expected->kept[i], 0);
    }
  }
}

}  // namespace
}  // namespace reluscape
