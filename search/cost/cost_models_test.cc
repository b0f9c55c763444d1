#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "search/cost/cost_model.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

Network ResNet18() { return *BuildNetwork(*ParseArchitecture("resnet18", 32, 100)); }

double DelphiSeconds(int64_t relus) {
  return EstimateLatency(ResNet18(), relus).at("delphi_online");
}

struct PublishedPoint {
  const char* source;
  int64_t relus;
  double seconds;
};

// The points of one protocol stack; a printed ReLU count is rounded to 0.1 K, seconds to 1 ms.
// Points at 12.3 K (DeepReDuce, 0.45 s) and below carry an offset of about 0.2 s and are left out.
constexpr PublishedPoint kPublished[] = {
    {"SNL, CIFAR-100, quoted by ReLUPruner", 12'900, 0.291},
    {"SNL, CIFAR-100, quoted by ReLUPruner", 49'900, 1.066},
    {"SNL, CIFAR-100, quoted by ReLUPruner", 120'000, 2.802},
    {"SNL, CIFAR-100, quoted by ReLUPruner", 180'000, 4.054},
    {"SNL, TinyImageNet, quoted by ReLUPruner", 59'400, 1.265},
    {"SNL, TinyImageNet, quoted by ReLUPruner", 99'600, 2.12},
    {"SNL, TinyImageNet, quoted by ReLUPruner", 198'100, 4.18},
    {"SNL, TinyImageNet, quoted by ReLUPruner", 298'800, 6.281},
    {"SNL, TinyImageNet, quoted by ReLUPruner", 488'800, 10.281},
    {"DeepReDuce, CIFAR-100, quoted by ReLUPruner", 229'376, 4.61},
    {"SENet, TinyImageNet, quoted by ReLUPruner", 142'000, 3.08},
    {"SENet, TinyImageNet, quoted by ReLUPruner", 298'000, 6.34},
};

TEST(DelphiOnlineTest, LiesWithinNinePercentOfThePublishedPoints) {
  for (const PublishedPoint& point : kPublished) {
    EXPECT_NEAR(DelphiSeconds(point.relus), point.seconds, 0.09 * point.seconds)
        << point.source << ", " << point.relus << " ReLUs";
  }
}

TEST(DelphiOnlineTest, LiesWithinTwoPercentOfCryptonitesMeasurement) {
  // ResNet18 with its stem ReLU: (18.25 + 3.58) us for each of 557,056 ReLUs.
  const double measured = (18.25e-6 + 3.58e-6) * 557'056;
  EXPECT_NEAR(DelphiSeconds(557'056), measured, 0.02 * measured);
}

TEST(DelphiOnlineTest, IsProportionalToTheReLUsThatAreLeft) {
  EXPECT_DOUBLE_EQ(DelphiSeconds(0), 0);
  EXPECT_DOUBLE_EQ(DelphiSeconds(1'000'000), 21.5);
  EXPECT_DOUBLE_EQ(DelphiSeconds(40'000), 2 * DelphiSeconds(20'000));
}

TEST(CostModelsTest, HaveDistinctNamesVersionsAndSources) {
  std::set<std::string> names;
  for (const CostModel* model : CostModels()) {
    EXPECT_TRUE(names.insert(model->Name()).second) << model->Name();
    // An objective is written "latency.<name>".
    EXPECT_THAT(model->Name(), testing::MatchesRegex("[a-z][a-z0-9_]*"));
    EXPECT_FALSE(model->Version().empty());
    EXPECT_FALSE(model->Source().empty());
  }
  EXPECT_TRUE(names.contains("delphi_online"));
}

TEST(CostModelsTest, EstimateNamesEveryModelOnce) {
  const Network network = ResNet18();
  const std::map<std::string, double> seconds = EstimateLatency(network, 1000);
  ASSERT_EQ(seconds.size(), CostModels().size());
  for (const CostModel* model : CostModels()) {
    EXPECT_DOUBLE_EQ(seconds.at(model->Name()), model->Seconds(network, 1000));
  }
}

}  // namespace
}  // namespace reluscape
