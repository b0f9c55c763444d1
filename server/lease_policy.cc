#include "server/lease_policy.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/task_state.h"

namespace reluscape {
namespace {

constexpr Milliseconds kShortestPause{1'000};
constexpr Milliseconds kLongestPause{300'000};

}  // namespace

Milliseconds PauseAfter(int64_t attempts_lost) {
  Milliseconds pause = kShortestPause;
  for (int64_t i = 1; i < attempts_lost && pause < kLongestPause; ++i) pause *= 2;
  return std::min(pause, kLongestPause);
}

absl::Status LoseAttempt(TaskRow& task, int64_t max_attempts, const std::string& reason, Time now,
                         Time steady_now) {
  if (task.attempts_lost < max_attempts) {
    const Milliseconds pause = PauseAfter(task.attempts_lost);
    RETURN_IF_ERROR(Requeue(
        task, absl::StrCat("attempt ", task.attempt, " was lost, the next one follows after ",
                           SecondsText(pause), ": ", reason)));
    task.not_before = steady_now + pause;
    return absl::OkStatus();
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
