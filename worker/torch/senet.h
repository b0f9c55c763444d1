#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// Masks under budgets per layer (SENet, Kundu et al., ICLR 2023, as far as the public code of RLNet
// shows it). For each Budget in turn, largest first, the pretrained network's copy trains for
// planned_epochs; after every epoch each layer keeps those of its ReLUs where the outputs of
// teacher and student differed most over the epoch (sum of absolute differences). The masks of the
// first epoch are random, the same for all channels.
//
// Ours where the source leaves it open or needs numbers per network: a Budget is divided among the
// layers in proportion to the sums of their SNIP scores (robustPrivacy, public code), what exceeds
// a layer goes to the others; the weights train as in a descent (Adam, the Job's distillation); a
// smaller Budget goes on from where the larger one ended.
absl::StatusOr<TaskOutcome> RunSenet(const StageContext& context,
                                     const std::vector<int64_t>& budgets);

}  // namespace reluscape
