#pragma once

// The end of what a Job has left: its weights go and its numbers stay, or all of it goes.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// Files that nothing needs any more: they are removed once this is stored.
struct FreedFiles {
  int64_t files = 0;
  int64_t bytes = 0;
};

struct DeletedJob {
  std::string name;
  int64_t results = 0;
  FreedFiles freed;
};

// The rows of a Job that has ended name no artifact any more but for the final weights of the
// Results that `keep` says, and nothing can be added to it. FAILED_PRECONDITION: it is RUNNING, or
// keeps less already. INVALID_ARGUMENT: `keep` is ALL. No effect where it keeps just that.
absl::StatusOr<FreedFiles> ArchiveJob(JobId job, v1::JobSpec::Retention keep, Time uploaded_before,
                                      Transaction& transaction, TaskBook& book);

// Of a Job that has just ended, as its file asks for.
absl::Status ArchiveEnded(JobRow& job, Transaction& transaction, TaskBook& book);

// Removes the rows of a Job that has ended. FAILED_PRECONDITION: it is RUNNING, or another Job
// takes its order of criticality from it: the other one could not be planned again.
absl::StatusOr<DeletedJob> DeleteJob(JobId job, Time uploaded_before, Transaction& transaction,
                                     TaskBook& book);

// FAILED_PRECONDITION where `job` is archived: what it would go on from is gone.
absl::Status CheckGoesOn(const JobRow& job);

}  // namespace reluscape
