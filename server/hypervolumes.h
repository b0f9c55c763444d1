#pragma once

// The hypervolume of a Job's Front, as its Results come in: see HypervolumeBox of views.proto.
// Results of other images or another split are another Front, with a hypervolume of its own.

#include "absl/status/status.h"
#include "base/ids.h"
#include "search/pareto/front.h"
#include "storage/store.h"

namespace reluscape {

// Stores the hypervolume with `result`, the newest of `job`. Nothing where the Job makes no Front.
absl::Status RecordHypervolume(Transaction& transaction, const JobRow& job, ResultId result);

// Of all Results of `job` again: what they cost has changed.
absl::Status RecomputeHypervolumes(Transaction& transaction, JobId job);

// A Result's scaled objectives, the error first; empty where it cannot be on the Front.
Objectives ScaledObjectives(const v1::HypervolumeBox& box, const FoundResult& result);

}  // namespace reluscape
