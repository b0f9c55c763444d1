#include "worker/growing_pause.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace reluscape {
namespace {

// The pause after a look at `now` that failed.
int64_t After(GrowingPause& pause, GrowingPause::TimePoint now) {
  pause.Failed(now);
  return std::chrono::duration_cast<Milliseconds>(pause.due() - now).count();
}

TEST(GrowingPauseTest, DoublesUpToTheLongestAndBeginsAnewOnlyWhereItIsReset) {
  GrowingPause pause(Milliseconds(1'000), Milliseconds(300'000));
  const GrowingPause::TimePoint now{std::chrono::hours(5)};
  EXPECT_LE(pause.due(), now) << "nothing has failed yet";
  for (const int64_t expected : {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300}) {
    EXPECT_EQ(After(pause, now), expected * 1'000);
  }
  const GrowingPause::TimePoint due = pause.due();
  pause.Reset();
  EXPECT_EQ(pause.due(), due) << "a pause that runs is not cut short";
  EXPECT_EQ(After(pause, now), 1'000);
  EXPECT_EQ(After(pause, now), 2'000);
}

}  // namespace
}  // namespace reluscape
