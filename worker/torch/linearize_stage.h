#pragma once

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// Selective network linearization (Cho et al., ICML 2022, with the constants of its public code as
// defaults): from the pretrained network, Adam lowers the masks under CE + distillation +
// lambda * sum |a| until their count has passed every Budget, largest first, in one descent.
//
// The count (mask values above the threshold) is compared with the Budgets at the end of each epoch
// and, where check_interval_steps is set, every so many steps within it. A Budget that the count
// fell below is met by the state at the comparison before: the last one whose count is at or above
// it. That state is stored as artifact of kind "snapshot" and reported; Budgets passed between the
// same two comparisons share it. A Budget of 0 is met by the first state without any ReLU.
//
// Failures: kBadInput for a Budget above the network's units, kInfeasible where max_epochs end
// above a Budget, kDiverged.
absl::StatusOr<TaskOutcome> RunLinearize(const StageContext& context);

}  // namespace reluscape
