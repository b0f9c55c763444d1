#pragma once

// States of the coordinator's Jobs and Tasks and what Candidates are for, with their words in rows,
// messages and documents. Thread-safe.

#include <optional>
#include <string>

namespace reluscape {

enum class TaskState {
  kBlocked,  // waits for other Tasks or a Snapshot
  kQueued,
  kLeased,
  kSucceeded,
  kFailed,
  kCancelled,
};

// "BLOCKED", "QUEUED", ...
const char* TaskStateName(TaskState state);
// std::nullopt for another text.
std::optional<TaskState> ParseTaskState(const std::string& name);

enum class JobState { kRunning, kFinished, kFailed, kCancelled };
// "RUNNING" (some Task not ended), "FINISHED" (all succeeded), "FAILED" (ended, at least one Task
// failed; Results of the others stand), "CANCELLED".
const char* JobStateName(JobState state);
// std::nullopt for another text.
std::optional<JobState> ParseJobState(const std::string& name);

// What a Candidate is trained for.
enum class CandidateRole {
  kSearch,   // pretrain, linearize, a fine-tune per Budget
  kTeacher,  // pretrain alone; others learn from it
  kSection,  // pretrain alone, with ReLUs in one section, from its teacher
  kWhole,    // pretrain alone, from its teacher; its network with all its ReLUs is its one Result
};
// "search", "teacher", "section", "whole".
const char* CandidateRoleName(CandidateRole role);

}  // namespace reluscape
