#pragma once

// A Job's Budgets as ReLU counts of one network. Thread-safe.

#include <cstdint>
#include <vector>

#include "reluscape/v1/job.pb.h"

namespace reluscape {

// The part of `relus` that `fraction` is, rounded down (a product that is an integer but for the
// last bits of floating point counts as that integer).
int64_t FractionOf(double fraction, int64_t relus);

// Those of 1 to `relus` - 1, largest first, each once.
std::vector<int64_t> BudgetsOf(const v1::BudgetsSpec& budgets, int64_t relus);

}  // namespace reluscape
