#include "search/strategy/hypervolume_box.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace reluscape {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(HypervolumeBoxTest, EveryFactorOfTwoCountsAlike) {
  BoxBuilder builder({"relus"});
  for (const double relus : {100.0, 200.0, 400.0, 1600.0}) builder.Add({relus});
  const v1::HypervolumeBox box = builder.Build(/*classes=*/10);
  EXPECT_EQ(box.axes(0).best(), 100);
  EXPECT_GT(box.axes(0).reference(), 1600);
  EXPECT_THAT(ScaledCosts(box, {100}), ElementsAre(DoubleNear(0, 1e-12)));
  const double step = ScaledCosts(box, {200})[0];
  EXPECT_THAT(ScaledCosts(box, {400}), ElementsAre(DoubleNear(2 * step, 1e-12)));
  EXPECT_THAT(ScaledCosts(box, {1600}), ElementsAre(DoubleNear(4 * step, 1e-12)));
  EXPECT_LT(4 * step, 1);
}

TEST(HypervolumeBoxTest, GuessingIsAtTheReferenceAndPerfectAccuracyAtZero) {
  const v1::HypervolumeBox box = BoxBuilder({"relus"}).Build(/*classes=*/10);
  EXPECT_NEAR(ScaledError(box, 0.1), 1, 1e-12);
  EXPECT_NEAR(ScaledError(box, 1), 0, 1e-12);
}

TEST(HypervolumeBoxTest, OneValueOrNoneMakesABoxToo) {
  BoxBuilder builder({"relus", "cheetah.online_s@lan", "macs"});
  const double not_a_number = std::numeric_limits<double>::quiet_NaN();
  builder.Add({50.0, std::nullopt, not_a_number});
  const v1::HypervolumeBox box = builder.Build(/*classes=*/2);
  for (const v1::HypervolumeBox::Axis& axis : box.axes()) {
    EXPECT_GT(axis.best(), 0) << axis.objective();
    EXPECT_GT(axis.reference(), axis.best()) << axis.objective();
  }
  for (const double cost : ScaledCosts(box, {50, 0, -1})) EXPECT_TRUE(std::isfinite(cost));
}

}  // namespace
}  // namespace reluscape
