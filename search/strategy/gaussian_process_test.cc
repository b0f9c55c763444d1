#include "search/strategy/gaussian_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/random.h"

namespace reluscape {
namespace {

NetworkOutlook NetworkOf(int kind, double feature, const std::vector<double>& budgets = {0}) {
  NetworkOutlook network;
  network.kinds = {kind, 3};
  network.features = {feature};
  for (const double budget : budgets) {
    network.budgets.push_back({.budget = 1, .feature = budget, .costs = {0.5}});
  }
  return network;
}

std::vector<NetworkOutlook> RandomNetworks(size_t count, Random& random) {
  std::vector<NetworkOutlook> networks;
  for (size_t i = 0; i < count; ++i) {
    std::vector<double> budgets;
    for (uint64_t b = 0; b <= random.Below(3); ++b) budgets.push_back(random.Uniform(10, 16));
    networks.push_back(NetworkOf(static_cast<int>(random.Below(3)), random.Uniform(), budgets));
  }
  return networks;
}

const KernelSettings kSettings = {
    .kinds = 2, .features = 0.5, .budget = 4, .share = 0.3, .noise = 0.05};

// The covariance of gaussian_process.h, of networks as NetworkOf makes them.
double CovarianceOf(const ModelPoint& a, const ModelPoint& b) {
  const double different = a.network->kinds[0] != b.network->kinds[0] ? 1 : 0;
  const double feature = a.network->features[0] - b.network->features[0];
  const double budget = a.budget - b.budget;
  return std::exp(-budget * budget / 4) *
         (0.3 + 0.7 * std::exp(-different / 2 - feature * feature / 0.5));
}

TEST(GaussianProcess, IsTheClosedFormOfTwoMeasurements) {
  const NetworkOutlook first = NetworkOf(0, 0.1);
  const NetworkOutlook second = NetworkOf(1, 0.4);
  const NetworkOutlook third = NetworkOf(1, 0.7);
  const std::vector<ModelPoint> points = {{&first, 12}, {&second, 13}};
  const ModelPoint at = {&third, 14};
  const GaussianProcess process(points, {3, 1}, {}, kSettings);
  // Centre 2, deviation 1: the values are 1 and -1.
  const double own = 1 + kSettings.noise;
  const double between = CovarianceOf(points[0], points[1]);
  const double a = CovarianceOf(points[0], at);
  const double b = CovarianceOf(points[1], at);
  const double determinant = own * own - between * between;
  const double variance = (2 / (own - between) + 2) / (2 + 2);
  const double left = 1 - (own * a * a - 2 * between * a * b + own * b * b) / determinant;
  const JointPrediction prediction = process.Predict({at});
  EXPECT_NEAR(prediction.means[0], 2 + (a - b) / (own - between), 1e-8);
  EXPECT_NEAR(prediction.Deviation(0), std::sqrt(variance * left), 1e-8);
  EXPECT_NEAR(process.means()[0], 2 + (1 - kSettings.noise / (own - between)), 1e-8);
}

TEST(GaussianProcess, PredictsEachAsAlone) {
  Random random(5);
  const std::vector<NetworkOutlook> measured = RandomNetworks(40, random);
  const std::vector<NetworkOutlook> others = RandomNetworks(300, random);
  for (const double budget_length : {4.0, std::numeric_limits<double>::infinity()}) {
    KernelSettings settings = kSettings;
    settings.budget = budget_length;
    std::vector<ModelPoint> points;
    std::vector<double> values;
    for (const NetworkOutlook& network : measured) {
      for (const BudgetOutlook& budget : network.budgets) {
        points.push_back({&network, budget.feature});
        values.push_back(random.Uniform());
      }
    }
    const GaussianProcess process(points, values, {}, settings);
    std::vector<const NetworkOutlook*> networks;
    for (const NetworkOutlook& network : others) networks.push_back(&network);
    const std::vector<std::vector<Prediction>> predictions = process.PredictEach(networks);
    ASSERT_EQ(predictions.size(), others.size());
    for (size_t i = 0; i < others.size(); ++i) {
      ASSERT_EQ(predictions[i].size(), others[i].budgets.size());
      for (size_t b = 0; b < predictions[i].size(); ++b) {
        const JointPrediction alone = process.Predict({{&others[i], others[i].budgets[b].feature}});
        EXPECT_NEAR(predictions[i][b].mean, alone.means[0], 1e-9);
        EXPECT_NEAR(predictions[i][b].deviation, alone.Deviation(0), 1e-3);
      }
    }
  }
}

TEST(GaussianProcess, WhatIsExpectedMovesNoMeanAndLeavesLessDoubt) {
  const NetworkOutlook first = NetworkOf(0, 0.1);
  const NetworkOutlook second = NetworkOf(1, 0.4);
  const NetworkOutlook running = NetworkOf(1, 0.6);
  const NetworkOutlook like_it = NetworkOf(1, 0.65);
  const std::vector<ModelPoint> points = {{&first, 12}, {&second, 13}};
  const GaussianProcess without(points, {2.5, 1.5}, {}, kSettings);
  const GaussianProcess with(points, {2.5, 1.5}, {{&running, 13}}, kSettings);
  const JointPrediction before = without.Predict({{&like_it, 13}, {&running, 13}});
  const JointPrediction after = with.Predict({{&like_it, 13}, {&running, 13}});
  EXPECT_NEAR(after.means[0], before.means[0], 1e-8);
  EXPECT_LT(after.Deviation(0), 0.6 * before.Deviation(0));
  ASSERT_EQ(with.means().size(), 3u);
  EXPECT_NEAR(with.means()[2], before.means[1], 1e-8);
}

// What is learned of one Budget of a network says something of its others.
TEST(GaussianProcess, BudgetsOfANetworkGoTogether) {
  const NetworkOutlook first = NetworkOf(0, 0.1);
  const NetworkOutlook other = NetworkOf(1, 0.9);
  const GaussianProcess process({{&first, 12}, {&first, 15}}, {1, 2}, {}, kSettings);
  const JointPrediction joint = process.Predict({{&other, 12}, {&other, 13}});
  EXPECT_EQ(joint.factor[0].size(), 1u);
  ASSERT_EQ(joint.factor[1].size(), 2u);
  EXPECT_GT(joint.factor[1][0], 0.5 * joint.Deviation(1));
}

TEST(FitKernel, FindsWhatMattersAndHowNoisyItIs) {
  Random random(7);
  const std::vector<NetworkOutlook> networks = RandomNetworks(250, random);
  std::vector<ModelPoint> points;
  std::vector<double> smooth, noise;
  for (const NetworkOutlook& network : networks) {
    points.push_back({&network, 12});
    smooth.push_back(std::sin(4 * network.features[0]));
    noise.push_back(random.Uniform());
  }
  const KernelSettings of_smooth = FitKernel(points, smooth);
  EXPECT_EQ(of_smooth.noise, 0.0001);
  // One differing kind says less than a feature a tenth away.
  EXPECT_LT(1 / of_smooth.kinds, 0.1 * 0.1 / of_smooth.features + 0.1);
  EXPECT_TRUE(std::isinf(of_smooth.budget)) << "all Budgets are the same";
  const KernelSettings of_noise = FitKernel(points, noise);
  EXPECT_GE(of_noise.noise, 0.3);
  EXPECT_EQ(FitKernel(points, noise).features, of_noise.features);
}

TEST(FitKernel, TakesOnePointAndEqualValues) {
  const NetworkOutlook network = NetworkOf(0, 0.1);
  for (const size_t count : {1u, 2u, 5u}) {
    const std::vector<ModelPoint> points(count, {&network, 12});
    const std::vector<double> values(count, 0.5);
    const GaussianProcess process(points, values, {}, FitKernel(points, values));
    EXPECT_NEAR(process.Predict({{&network, 12}}).means[0], 0.5, 1e-9);
  }
}

}  // namespace
}  // namespace reluscape
