#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// From the pretrained network to one Snapshot per Budget, by the Job's LinearizeMethod: a descent
// (descent.h), budgets per layer (senet.h) or scores without training (one_shot.h).
//
// Failures: kRefused for no Budget, a negative one or one above the network's units, and those of
// the method.
absl::StatusOr<TaskOutcome> RunLinearize(const StageContext& context);

// The most epochs that RunLinearize takes with these settings; 0 for a method without training.
int64_t LinearizeEpochs(const v1::LinearizeSpec& settings, int64_t budgets);

}  // namespace reluscape
