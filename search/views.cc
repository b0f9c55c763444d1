#include "search/views.h"

namespace reluscape {

const char* CandidateRoleName(CandidateRole role) {
  switch (role) {
    case CandidateRole::kSearch:
      return "search";
    case CandidateRole::kTeacher:
      return "teacher";
    case CandidateRole::kStage:
      return "stage";
    case CandidateRole::kWhole:
      return "whole";
  }
  return "";
}

std::vector<int64_t> CriticalityView::Order() const {
  std::vector<int64_t> order(stages.size());
  for (const StageCriticality& stage : stages) {
    if (stage.rank >= 1 && stage.rank <= static_cast<int64_t>(order.size())) {
      order[static_cast<size_t>(stage.rank - 1)] = stage.stage;
    }
  }
  return order;
}

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
