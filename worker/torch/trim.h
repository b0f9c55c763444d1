#pragma once

// From soft masks to exactly a Budget's number of ReLUs. A mask value may govern one unit or many:
// `units_per_value` holds how many for each mask, and is empty where it is one everywhere.

#include <ATen/ATen.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

inline constexpr double kNoFloor = -std::numeric_limits<double>::infinity();

// Masks of the same shapes and in the same order holding exactly 0 and 1 (float32, on the CPU).
// Those that are 1 govern exactly `budget` units or, where whole channels cannot reach it, the
// largest number below it that they can. Which ones: values are looked at from the largest to the
// smallest (of equal ones the lower layer index first, then the lower flat index), and each is kept
// unless the number could not be reached any more. Chosen by index, not by a threshold, so that
// ties cannot change the number. FAILED_PRECONDITION where a value is not finite, INVALID_ARGUMENT
// where `budget` is not between 0 and the number of units. Values that are not above `floor` are
// never kept, even where the number stays smaller for it.
//
// The largest number is exact where the masks' units per value divide one another, as they do where
// each section halves the side; otherwise it is one that no further channel fits into.
absl::StatusOr<std::vector<at::Tensor>> TrimMasks(const std::vector<at::Tensor>& masks,
                                                  int64_t budget,
                                                  const std::vector<int64_t>& units_per_value = {},
                                                  double floor = kNoFloor);

// How many units values above `threshold` govern, one-sided: a negative one counts as linear.
int64_t CountAbove(const std::vector<at::Tensor>& masks, double threshold,
                   const std::vector<int64_t>& units_per_value = {});

// INTERNAL unless every value is exactly 0 or 1 and those that are 1 govern exactly `relus` units.
absl::Status CheckBinary(const std::vector<at::Tensor>& masks, int64_t relus,
                         const std::vector<int64_t>& units_per_value = {});

}  // namespace reluscape
