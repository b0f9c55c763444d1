#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// One descent through all Budgets: from the pretrained network, Adam on the weights and a MaskRule
// (SNL's, or AutoReP's for v1::LinearizeSpec::AUTOREP) lower the count of ReLUs under
// CE + distillation + the rule's penalty.
//
// The count is compared with the Budgets at the end of each epoch and, where check_interval_steps
// is set, every so many steps within it. A Budget is met by the state at the comparison before the
// one whose count is below early_cut times the Budget: the last one at or above it. That state is
// stored and reported; Budgets passed between the same two comparisons share it, but where masks
// are binary: there each Budget's state is trimmed at once, by scores that a Snapshot does not
// keep. A Budget of 0 is met by the first state without any ReLU.
//
// What it leaves behind when all Budgets are met is a last checkpoint, from which it goes on for
// smaller Budgets that are added later. With v1::LinearizeSpec::SNL and v1::LinearizeSpec::GROWING
// that comes, bit for bit on a CPU, to what all Budgets from the start come to. The pull of
// kAutorep and the line of kPlanned depend on the smallest Budget: there it is the one known at
// each time.
//
// `budgets` are distinct, largest first, none above the network's units. Failures: kInfeasible
// where max_epochs end above a Budget, kDiverged.
absl::StatusOr<TaskOutcome> RunDescent(const StageContext& context,
                                       const std::vector<int64_t>& budgets);

}  // namespace reluscape
