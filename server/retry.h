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

// The Job of `scope`. NOT_FOUND for an unknown id.
absl::StatusOr<JobId> JobOf(const RetryScope& scope, Transaction& transaction);

// Tasks of `scope` that have FAILED run again from their last checkpoint, with no Attempt lost, and
// with them what was cancelled because of their failure; the Job is RUNNING again. Returns how many
// go on. `max_epochs`: the Job's new stages.linearize.max_epochs. FAILED_PRECONDITION: the Job was
// cancelled, or nothing of `scope` has failed; INVALID_ARGUMENT: a max_epochs below the Job's own
// or out of its range.
absl::StatusOr<int64_t> RetryTasks(const RetryScope& scope, std::optional<int64_t> max_epochs,
                                   Transaction& transaction, TaskBook& book);

}  // namespace reluscape
