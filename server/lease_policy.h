#pragma once

// What becomes of a Task whose Lease was lost. Which Task a Worker gets next is a query:
// Transaction::NextQueuedTask.

#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "storage/store.h"

namespace reluscape {

// Counts the Attempt as lost; then the Task is QUEUED again, or FAILED where that was its last
// Attempt. `reason` is a clause that says what happened: "worker a was not heard of for 30 s".
absl::Status LoseAttempt(TaskRow& task, int64_t max_attempts, const std::string& reason, Time now);

// "30 s", "1.5 s".
std::string SecondsText(Milliseconds duration);

}  // namespace reluscape
