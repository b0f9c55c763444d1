#pragma once

// What each ReLU of a pretrained network is worth, without training. Not thread-safe.

#include <ATen/ATen.h>

#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/torch/batches.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// One score per mask value of `network` (MaskMode::kSoft, masks at 1, pretrained), per unit that it
// governs: larger is worth more. Measured in evaluation mode on the first score_batches batches of
// the stage's epoch 0:
//   kSnip       |dL/da| at a = 1, L the cross-entropy (SNIP's criterion, Lee et al., ICLR 2019, on
//               masks of ReLUs)
//   kTaylor     -g + h / 2: what the cross-entropy would gain by a = 0 to second order, where g is
//               the mean over images of dL/da and h the mean of its square (the empirical Fisher
//               information in place of the second derivative). Our reading of a second-order
//               Taylor score (ReLUPruner, AAAI 2026)
//   kMagnitude  the mean of max(-x, 0): how much the ReLU cuts off; of a network whose removed
//               ReLUs become polynomials the mean of |relu(x) - p(x)|
// and drawn from the Task's seed:
//   kRandom, kLayerUniform   uniform in [0, 1)
// CANCELLED where a stop was requested.
absl::StatusOr<std::vector<at::Tensor>> ScoreMasks(const StageContext& context,
                                                   v1::LinearizeSpec::Method method,
                                                   GraphNetwork& network);

// Calls `look` with every batch that scores are measured on, in order. CANCELLED where a stop was
// requested.
absl::Status ForScoredBatches(const StageContext& context,
                              const std::function<void(const Batch& batch)>& look);

}  // namespace reluscape
