#pragma once

// What becomes of a Task whose Attempt was lost, and of the Worker that lost it. Which Task a
// Worker gets next is a query: Transaction::NextQueuedTask.

#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "storage/store.h"

namespace reluscape {

// A Worker that has failed so many Tasks in a row, of those that others might not have failed, gets
// no further one before it is started again. Workers themselves stop then (worker/agent.h).
inline constexpr int64_t kMostFailuresInRow = 3;

// How long a Task waits after its n-th lost Attempt, n from 1: 1 s, doubling to 5 min. What was
// wrong has time to pass, and a Worker that fails at once does not use up every Attempt in a
// moment.
Milliseconds PauseAfter(int64_t attempts_lost);

// The Task is QUEUED again after a pause from `steady_now` on, or FAILED where its last Attempt was
// lost. `task.attempts_lost` counts this one already. `reason` is a clause that says what happened:
// "worker a was not heard of for 30 s".
absl::Status LoseAttempt(TaskRow& task, int64_t max_attempts, const std::string& reason, Time now,
                         Time steady_now);

// "30 s", "1.5 s".
std::string SecondsText(Milliseconds duration);

}  // namespace reluscape
