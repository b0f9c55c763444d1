#pragma once

// Which copy of its data set a Job goes by, where Workers have different ones.

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "base/ids.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// The Job goes by the copy whose hash begins with `data_hash` (8 digits or more) from now on.
// Candidates with Tasks that ran on another one begin anew: what these found is removed. Returns
// how many Candidates. NOT_FOUND for an unknown Job; INVALID_ARGUMENT: not one of the Job's copies,
// with the list of these; FAILED_PRECONDITION: the Job was cancelled, or its file states the hash.
absl::StatusOr<int64_t> ChooseData(JobId job, const std::string& data_hash,
                                   Transaction& transaction, TaskBook& book);

}  // namespace reluscape
