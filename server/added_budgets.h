#pragma once

// Budgets that a Job gets after its Candidates have been linearized.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/job_planner.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

struct AddedBudgets {
  int64_t added = 0;               // pairs of Candidate and Budget; 0 = all were there already
  std::vector<std::string> notes;  // Candidates that are left out, and why
};

// Gives the Candidates of `job`, whose id is set, the Budgets that `plan`, made of its spec with
// more Budgets, has beyond theirs: their linearize is queued again and goes on from its end, and a
// fine-tune per Budget waits for its Snapshot. The Job, with `plan`'s spec, is RUNNING again where
// something was added. A Candidate whose linearize failed or was cancelled is left out with a note:
// a descent that ended above a Budget has used its epochs up, and does not go back to the counts
// that it has passed.
//
// FAILED_PRECONDITION: the Job was cancelled, or a linearize has not ended. INVALID_ARGUMENT: a
// Budget that is not below the smallest one of a Candidate whose method descends through them (it
// has passed all larger counts); methods that look at the pretrained network alone take any.
absl::StatusOr<AddedBudgets> AddBudgets(const JobPlan& plan, JobRow job, Transaction& transaction,
                                        TaskBook& book);

}  // namespace reluscape
