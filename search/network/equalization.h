#pragma once

// ReLU equalization, the design step of DeepReShape (arXiv 2304.10593): find the integer
// multipliers for which the stage ReLU counts are ordered as the stages' criticality, strictly. No
// training is involved. Thread-safe.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/field_errors.h"

namespace reluscape {

inline constexpr int64_t kMinEqualizationBound = 2;   // a multiplier of 1 would not widen
inline constexpr int64_t kMaxEqualizationBound = 64;  // 63^3 groups at five stages: some ms

struct EqualizationProblem {
  // ReLUs of each stage where every multiplier is 1, up to a common factor; 3 to 5 stages, each 1
  // to 2^32. The stem stays out of stage 1: with it none of the four
  // networks published for ResNet18 would be a solution.
  std::vector<int64_t> stage_weights;
  // Stage numbers from 1, most critical first: the stage that shall have the most ReLUs.
  std::vector<int64_t> order;
  // Multipliers are 2 to bound.
  int64_t bound = 16;
};

// blocks * side^2 per stage of a basic-block residual network: every block has two ReLU positions
// and each stage's width is a common factor times the multipliers. INVALID_ARGUMENT names the field
// where there is no such network.
absl::StatusOr<std::vector<int64_t>> BasicBlockStageWeights(const std::vector<int64_t>& blocks,
                                                            int64_t side);

// Adds an error for each of "stage_weights", "order" and "bound" that is out of range.
void CheckEqualization(const EqualizationProblem& problem, FieldErrors& errors);

// Every solution with the smallest first multiplier for its others, in ascending order of the
// others. Counts are compared as integers, so that ties are never taken for an order.
// INVALID_ARGUMENT as CheckEqualization; an empty list where the bound admits nothing.
absl::StatusOr<std::vector<std::vector<int64_t>>> SolveEqualization(
    const EqualizationProblem& problem);

}  // namespace reluscape
