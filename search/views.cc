#include "search/views.h"

namespace reluscape {

const char* TaskStateName(TaskState state) {
  switch (state) {
    case TaskState::kBlocked:
      return "BLOCKED";
    case TaskState::kQueued:
      return "QUEUED";
    case TaskState::kLeased:
      return "LEASED";
    case TaskState::kSucceeded:
      return "SUCCEEDED";
    case TaskState::kFailed:
      return "FAILED";
    case TaskState::kCancelled:
      return "CANCELLED";
  }
  return "";
}

std::optional<TaskState> ParseTaskState(const std::string& name) {
  for (const TaskState state : {TaskState::kBlocked, TaskState::kQueued, TaskState::kLeased,
                                TaskState::kSucceeded, TaskState::kFailed, TaskState::kCancelled}) {
    if (name == TaskStateName(state)) return state;
  }
  return std::nullopt;
}

const char* JobStateName(JobState state) {
  switch (state) {
    case JobState::kRunning:
      return "RUNNING";
    case JobState::kFinished:
      return "FINISHED";
    case JobState::kFailed:
      return "FAILED";
    case JobState::kCancelled:
      return "CANCELLED";
  }
  return "";
}

}  // namespace reluscape
