#include "search/cost/papers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "search/cost/cost_test_util.h"
#include "search/cost/metric.h"
#include "search/cost/metric_pricer.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;

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

TEST(PapersTest, LieWithinNinePercentOfThePublishedPoints) {
  for (const PublishedPoint& point : kPublished) {
    EXPECT_NEAR(PapersOnlineSeconds(point.relus), point.seconds, 0.09 * point.seconds)
        << point.source << ", " << point.relus << " ReLUs";
  }
}

TEST(PapersTest, LieWithinTwoPercentOfCryptonitesMeasurement) {
  // ResNet18 with its stem ReLU: (18.25 + 3.58) us for each of 557,056 ReLUs.
  const double measured = (18.25e-6 + 3.58e-6) * 557'056;
  EXPECT_NEAR(PapersOnlineSeconds(557'056), measured, 0.02 * measured);
}

TEST(PapersTest, AreProportionalToTheReLUsThatAreLeft) {
  EXPECT_DOUBLE_EQ(PapersOnlineSeconds(0), 0);
  EXPECT_DOUBLE_EQ(PapersOnlineSeconds(1'000'000), 21.5);
  EXPECT_DOUBLE_EQ(PapersOnlineSeconds(40'000), 2 * PapersOnlineSeconds(20'000));
}

TEST(PapersTest, AreOneMetricWithoutSetting) {
  const MetricCatalog& metrics = BuiltInMetrics();
  const auto metric = metrics.Parse(kPapersMetric);
  ASSERT_TRUE(metric.ok()) << metric.status();
  EXPECT_EQ(metric->Text(), kPapersMetric);
  EXPECT_EQ(metrics.SourceOf(*metric)->profile, "no setting");
  const auto error = [&](const char* text) {
    return std::string(metrics.Parse(text).status().message());
  };
  EXPECT_THAT(error("papers.online_s@wan"),
              HasSubstr("with the setting \"wan\"; allowed: papers.online_s, which depends on no "
                        "setting"));
  EXPECT_THAT(error("papers.total_s"), HasSubstr("an output of papers: online_s"));
  EXPECT_THAT(error("papers.offline_s"), HasSubstr("an output of papers: online_s"));
}

TEST(PapersTest, PriceIsALowerBoundThatSaysWhatIsNotInIt) {
  const Network network = *BuildNetwork(*ParseArchitecture("resnet18", 32, 100));
  const auto pricer =
      MetricPricer::Create(BuiltInMetrics(), {*BuiltInMetrics().Parse(kPapersMetric)}, network);
  ASSERT_TRUE(pricer.ok()) << pricer.status();
  const MetricPrice price = (*pricer)->Price(*(*pricer)->Keep({}, 20'000)).front();
  EXPECT_EQ(price.value, PapersOnlineSeconds(20'000));
  EXPECT_TRUE(price.is_lower_bound);
  EXPECT_THAT(std::string(price.note), HasSubstr("not modelled: the offline phase"));
}

}  // namespace
}  // namespace reluscape
