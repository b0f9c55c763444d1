#pragma once

// From soft masks to exactly a Budget's number of ReLUs.

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

// Masks of the same shapes and in the same order holding exactly 0 and 1 (float32, on the CPU),
// `budget` of them 1: those of the largest values; of equal values those of the lower layer index,
// then of the lower flat index. Chosen by index, not by a threshold, so that ties cannot change the
// number. FAILED_PRECONDITION where a value is not finite, INVALID_ARGUMENT where `budget` is not
// between 0 and the number of units.
absl::StatusOr<std::vector<at::Tensor>> TrimMasks(const std::vector<at::Tensor>& masks,
                                                  int64_t budget);

// How many values are above `threshold`, one-sided: a negative one counts as linear.
int64_t CountAbove(const std::vector<at::Tensor>& masks, double threshold);

// INTERNAL unless every value is exactly 0 or 1 and exactly `budget` of them are 1.
absl::Status CheckBinary(const std::vector<at::Tensor>& masks, int64_t budget);

}  // namespace reluscape
