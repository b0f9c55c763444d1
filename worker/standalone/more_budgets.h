#pragma once

// A Job without a coordinator that gets Budgets more. Thread-safe.

#include "absl/status/status.h"
#include "worker/standalone/train_plan.h"
#include "worker/standalone/train_state.h"

namespace reluscape {

// Numbers the Tasks of `plan` as `state` has them. Where `plan` is of the Job of `state` with more
// Budgets and nothing else, `state` becomes that Job's: every linearize that has succeeded is to go
// on. Any other difference is left for who compares the two. DATA_LOSS where an earlier job file of
// `state` is none; FAILED_PRECONDITION for a Budget that is not below the smallest one of a
// linearize that has begun and whose method descends through them.
absl::Status TakeMoreBudgets(TrainPlan& plan, TrainState& state);

}  // namespace reluscape
