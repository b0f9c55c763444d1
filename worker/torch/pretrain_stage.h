#pragma once

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// Trains the Task's network from the weights of its seed, by SGD under cross-entropy or, where the
// Task names a teacher, under cross-entropy + distillation from it. Leaves an artifact of kind
// "weights" or, where the Task has a Budget (the network's own count: all its ReLUs stay), a
// Result. Where the Task names a file with its weights nothing is trained: see
// pretrained_weights.h. Failures: kRefused for any other Budget, kDiverged.
absl::StatusOr<TaskOutcome> RunPretrain(const StageContext& context);

}  // namespace reluscape
