#pragma once

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// Trims a Snapshot to exactly its Budget (worker/torch/trim.h), freezes the masks at 0 and 1, and
// trains the weights by SGD with distillation from the pretrained network. The last epoch counts.
// The test images are read once, at the very end. The outcome holds the Result and its artifact of
// kind "result".
absl::StatusOr<TaskOutcome> RunFineTune(const StageContext& context);

}  // namespace reluscape
