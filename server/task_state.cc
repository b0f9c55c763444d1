#include "server/task_state.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

absl::Status Become(TaskRow& task, TaskState to) {
  if (!MayBecome(task.state, to)) {
    return absl::InternalError(absl::StrCat("task ", task.id.value, " cannot become ",
                                            TaskStateName(to), ": it is ",
                                            TaskStateName(task.state)));
  }
  task.state = to;
  if (to != TaskState::kLeased) task.lease_until.reset();
  return absl::OkStatus();
}

absl::Status End(TaskRow& task, TaskState to, Time now, const std::string& message) {
  RETURN_IF_ERROR(Become(task, to));
  task.finished_at = now;
  task.message = message;
  // A linearize that has succeeded may go on, and what a Task that failed says may name its
  // checkpoint, for whoever looks into it; no other that ended is of use to anybody.
  if (to == TaskState::kFailed) return absl::OkStatus();
  if (task.stage == Stage::kLinearize && to == TaskState::kSucceeded) return absl::OkStatus();
  task.checkpoint = {};
  task.checkpoint_epochs = 0;
  return absl::OkStatus();
}

}  // namespace

bool HasEnded(TaskState state) {
  return state == TaskState::kSucceeded || state == TaskState::kFailed ||
         state == TaskState::kCancelled;
}

bool MayBecome(TaskState from, TaskState to) {
  switch (from) {
    case TaskState::kBlocked:
      return to == TaskState::kQueued || to == TaskState::kCancelled;
    case TaskState::kQueued:
      return to == TaskState::kLeased || to == TaskState::kCancelled || to == TaskState::kBlocked;
    case TaskState::kLeased:
      return to == TaskState::kQueued || to == TaskState::kBlocked || HasEnded(to);
    case TaskState::kSucceeded:
    case TaskState::kFailed:
    case TaskState::kCancelled:
      return to == TaskState::kBlocked;
  }
  return false;
}

absl::Status Unblock(TaskRow& task) {
  if (task.state != TaskState::kBlocked) {
    return absl::InternalError(
        absl::StrCat("task ", task.id.value, " is not blocked but ", TaskStateName(task.state)));
  }
  return Become(task, TaskState::kQueued);
}

absl::Status Readopt(TaskRow& task, Time until) {
  RETURN_IF_ERROR(Become(task, TaskState::kLeased));
  task.lease_until = until;
  task.not_before.reset();
  task.message.clear();
  return absl::OkStatus();
}

absl::Status LeaseTo(TaskRow& task, const std::string& worker, Time now, Time until) {
  RETURN_IF_ERROR(Become(task, TaskState::kLeased));
  ++task.attempt;
  task.worker = worker;
  task.lease_until = until;
  task.not_before.reset();
  if (!task.started_at.has_value()) task.started_at = now;
  task.message.clear();
  return absl::OkStatus();
}

absl::Status Requeue(TaskRow& task, const std::string& message) {
  if (task.state != TaskState::kLeased) {
    return absl::InternalError(
        absl::StrCat("task ", task.id.value, " is not leased but ", TaskStateName(task.state)));
  }
  RETURN_IF_ERROR(Become(task, TaskState::kQueued));
  task.message = message;
  return absl::OkStatus();
}

absl::Status Block(TaskRow& task) {
  RETURN_IF_ERROR(Become(task, TaskState::kBlocked));
  task.not_before.reset();
  task.finished_at.reset();
  task.message.clear();
  return absl::OkStatus();
}

absl::Status Succeed(TaskRow& task, Time now) { return End(task, TaskState::kSucceeded, now, ""); }

absl::Status Fail(TaskRow& task, Time now, const std::string& message) {
  return End(task, TaskState::kFailed, now, message);
}

absl::Status CancelTask(TaskRow& task, Time now, const std::string& message) {
  return End(task, TaskState::kCancelled, now, message);
}

}  // namespace reluscape
