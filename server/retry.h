#pragma once

// Runs again what has failed.

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// All Tasks of a Job or of a Candidate, or one Task.
using RetryScope = std::variant<JobId, CandidateId, TaskId>;

// A larger stages.linearize.max_epochs, with the Job's spec that says it. `known_json` is the text
// from which it was made.
struct RaisedCap {
  int64_t max_epochs = 0;
  std::string spec_json;
  std::string known_json;
};

// The Job of `scope`. NOT_FOUND for an unknown id.
absl::StatusOr<JobId> JobOf(const RetryScope& scope, Transaction& transaction);

// Tasks of `scope` that have FAILED run again from their last checkpoint, with no Attempt lost, and
// with them what was cancelled because of their failure; the Job is RUNNING again. Returns how many
// go on. FAILED_PRECONDITION: the Job was cancelled, or nothing of `scope` has failed; ABORTED: the
// Job's spec has just changed; INVALID_ARGUMENT: a cap below the Job's own.
absl::StatusOr<int64_t> RetryTasks(const RetryScope& scope, const std::optional<RaisedCap>& cap,
                                   Transaction& transaction, TaskBook& book);

}  // namespace reluscape
