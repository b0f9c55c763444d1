#include "search/vocabulary/states.h"

namespace reluscape {

const char* CandidateRoleName(CandidateRole role) {
  switch (role) {
    case CandidateRole::kSearch:
      return "search";
    case CandidateRole::kTeacher:
      return "teacher";
    case CandidateRole::kSection:
      return "section";
    case CandidateRole::kWhole:
      return "whole";
  }
  return "";
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

std::optional<JobState> ParseJobState(const std::string& name) {
  for (const JobState state :
       {JobState::kRunning, JobState::kFinished, JobState::kFailed, JobState::kCancelled}) {
    if (name == JobStateName(state)) return state;
  }
  return std::nullopt;
}

}  // namespace reluscape
