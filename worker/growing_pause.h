#pragma once

// When to look again at something that does not work: the pauses double from look to look. Takes
// the time from outside. Not thread-safe.

#include <algorithm>
#include <chrono>

#include "base/clock.h"

namespace reluscape {

class GrowingPause {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  // `first` is at least 1 ms, `longest` at least `first`.
  GrowingPause(Milliseconds first, Milliseconds longest)
      : first_(first), longest_(longest), next_(first) {}

  // It did not work at `now`: the next look is due after a pause, the one after that later still.
  void Failed(TimePoint now) {
    due_ = now + next_;
    next_ = std::min(2 * next_, longest_);
  }
  TimePoint due() const { return due_; }
  // It has proved to work: the pauses begin anew. One that runs is not cut short.
  void Reset() { next_ = first_; }

 private:
  Milliseconds first_;
  Milliseconds longest_;
  Milliseconds next_;
  TimePoint due_{};
};

}  // namespace reluscape
