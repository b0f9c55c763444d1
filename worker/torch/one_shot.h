#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// Masks of the pretrained network without any training: the scores of mask_scores.h, of which each
// Budget keeps the largest (kLayerUniform: the largest of each layer, the Budget divided in
// proportion to the layers' units). One Snapshot per Budget, of exactly that count or, with masks
// per channel, the largest below it that whole channels can reach; no epochs, no checkpoint: it
// takes seconds.
absl::StatusOr<TaskOutcome> RunOneShot(const StageContext& context,
                                       const std::vector<int64_t>& budgets);

}  // namespace reluscape
