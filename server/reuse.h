#pragma once

// Results of earlier Jobs that a new Candidate need not be trained for.

#include "absl/status/statusor.h"
#include "server/pricing.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// Where the Job allows it, and an earlier one has the Results of the same network, images, recipe,
// Budgets and seeds: copies them to `candidate`, which is stored with its Tasks, and says so in an
// event each. Whether it did.
absl::StatusOr<bool> ReuseResults(const JobRow& job, const CandidateRow& candidate,
                                  Transaction& transaction, TaskBook& book, ResultPricer& pricer);

}  // namespace reluscape
