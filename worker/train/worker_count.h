#pragma once

// How many Tasks of a Job one process works on beside each other.

#include <cstdint>

#include "absl/status/statusor.h"
#include "reluscape/v1/views.pb.h"

namespace reluscape {

// The most Tasks of the Job that can run beside each other from now on: of a Candidate all its
// fine-tunes, since those wait for the same descent.
int64_t TasksBeside(const v1::JobDetail& job);

// Workers for the Job. `asked` (--workers): 0 = as many as have something to do and fit into
// `cores` and the memory. `cores` 0: they would share one GPU, which takes one;
// INVALID_ARGUMENT where more are asked for.
absl::StatusOr<int64_t> CountWorkers(const v1::JobDetail& job, int64_t cores, int64_t asked);

}  // namespace reluscape
