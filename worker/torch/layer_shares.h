#pragma once

// How many ReLUs each layer may keep, and which. Thread-safe.

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

// Divides `budget` among layers of `units` ReLUs in proportion to `shares` (finite, not negative;
// as many as layers). No layer gets more than its units; what is over goes to the others in
// proportion, and where their shares are all 0, in proportion to the units they have left. The
// parts sum to `budget` exactly (largest remainders first, then lower index). `budget` is at most
// the sum of `units`.
std::vector<int64_t> DivideBudget(const std::vector<double>& shares,
                                  const std::vector<int64_t>& units, int64_t budget);

// TrimMasks layer by layer: masks of 0 and 1 that keep the largest `scores` of each layer, up to
// its part of `budgets`. The errors of TrimMasks.
absl::StatusOr<std::vector<at::Tensor>> KeepPerLayer(const std::vector<at::Tensor>& scores,
                                                     const std::vector<int64_t>& budgets,
                                                     const std::vector<int64_t>& units_per_value);

}  // namespace reluscape
