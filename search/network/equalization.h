#pragma once

// ReLU equalization, the design step of DeepReShape (arXiv 2304.10593): find the integer
// multipliers for which the stage ReLU counts are ordered as the stages' criticality, strictly. No
// training is involved. Thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/field_errors.h"
#include "search/network/architecture.h"

namespace reluscape {

inline constexpr int64_t kMinEqualizationBound = 2;   // a multiplier of 1 would not widen
inline constexpr int64_t kMaxEqualizationBound = 64;  // 63^3 groups at five stages: some ms

// A stage's ReLUs in units of widths: own * its width + previous * the width of the stage before.
// Stage 1 has width 1, whatever stands before it counts as its own, and its `previous` is 0.
struct StageWeight {
  int64_t own = 0;
  int64_t previous = 0;  // pre-activation networks: the first ReLU of a stage acts on its input

  friend bool operator==(const StageWeight&, const StageWeight&) = default;
};

struct EqualizationProblem {
  // 3 to 5 stages; `own` 1 to 2^32, `previous` 0 to 2^32. The stem stays out of stage 1: with it
  // none of the four networks published for ResNet18 would be a solution.
  std::vector<StageWeight> stage_weights;
  // Stage numbers from 1, most critical first: the stage that shall have the most ReLUs.
  std::vector<int64_t> order;
  // Multipliers are 2 to bound.
  int64_t bound = 16;
};

// The weights of a backbone of any family, read off the counts of the networks that are built from
// it: there is no second formula that could differ. Depths, side, stem, widening, thinning and skip
// mode are the backbone's; its base channels, multipliers, channel scale, culled stages and ReLU
// reuse do not matter. INVALID_ARGUMENT names the field where there is no such network.
absl::StatusOr<std::vector<StageWeight>> StageWeights(const Architecture& backbone);

// Adds an error for each of "stage_weights", "order" and "bound" that is out of range.
void CheckEqualization(const EqualizationProblem& problem, FieldErrors& errors);

// Adds an error under `field` unless `order` names each stage from 1 to `stages` once.
void CheckOrder(const std::vector<int64_t>& order, int64_t stages, const std::string& field,
                FieldErrors& errors);

// Every solution with the smallest first multiplier for its others, in ascending order of the
// others. Counts are compared as integers, so that ties are never taken for an order.
// INVALID_ARGUMENT as CheckEqualization; an empty list where the bound admits nothing.
absl::StatusOr<std::vector<std::vector<int64_t>>> SolveEqualization(
    const EqualizationProblem& problem);

}  // namespace reluscape
