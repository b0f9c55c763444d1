#pragma once

// A clock that stands still until a test moves it. Thread-safe.

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace reluscape {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(Time start = TimeFromUnixMs(1'700'000'000'000))
      : now_ms_(ToUnixMs(start)), steady_ms_(ToUnixMs(start)) {}

  Time Now() const override { return TimeFromUnixMs(now_ms_); }
  Time Steady() const override { return TimeFromUnixMs(steady_ms_); }
  void Advance(Milliseconds duration) {
    now_ms_ += duration.count();
    steady_ms_ += duration.count();
  }
  // As a clock that somebody sets.
  void StepWallClock(Milliseconds by) { now_ms_ += by.count(); }

 private:
  std::atomic<int64_t> now_ms_;
  std::atomic<int64_t> steady_ms_;
};

}  // namespace reluscape
