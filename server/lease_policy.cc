#include "server/lease_policy.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/task_state.h"

namespace reluscape {

absl::Status LoseAttempt(TaskRow& task, int64_t max_attempts, const std::string& reason, Time now) {
  ++task.attempts_lost;
  if (task.attempts_lost < max_attempts) {
    return Requeue(task, absl::StrCat("attempt ", task.attempt, " was lost: ", reason));
  }
  return Fail(
      task, now,
      absl::StrCat("attempt ", task.attempt, " was lost: ", reason, " (", task.attempts_lost,
                   " of ", max_attempts, " allowed attempts were lost; limits.max_attempts)"));
}

std::string SecondsText(Milliseconds duration) {
  return absl::StrCat(static_cast<double>(duration.count()) / 1000, " s");
}

}  // namespace reluscape
