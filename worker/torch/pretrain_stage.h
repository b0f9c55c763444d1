#pragma once

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// Trains the network with all its ReLUs from seeded weights by SGD on cross-entropy. The outcome
// names an artifact of kind "weights" (worker/torch/artifacts.h) of the last epoch.
absl::StatusOr<TaskOutcome> RunPretrain(const StageContext& context);

}  // namespace reluscape
