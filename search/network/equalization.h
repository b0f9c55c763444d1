#pragma once

// ReLU equalization, the design step of DeepReShape (arXiv 2304.10593): find the integer
// multipliers for which the section ReLU counts are ordered as the sections' criticality, strictly.
// No training is involved. Thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/field_errors.h"
#include "search/network/architecture.h"

namespace reluscape {

inline constexpr int64_t kMinEqualizationBound = 2;   // a multiplier of 1 would not widen
inline constexpr int64_t kMaxEqualizationBound = 64;  // 63^3 groups at five sections: some ms

// A section's ReLUs in units of widths: own * its width + previous * the width of the section
// before. Section 1 has width 1, whatever stands before it counts as its own, and its `previous` is
// 0.
struct SectionWeight {
  int64_t own = 0;
  int64_t previous = 0;  // pre-activation networks: the first ReLU of a section acts on its input

  friend bool operator==(const SectionWeight&, const SectionWeight&) = default;
};

struct EqualizationProblem {
  // 3 to 5 sections; `own` 1 to 2^32, `previous` 0 to 2^32. The stem stays out of section 1: with
  // it none of the four networks published for ResNet18 would be a solution.
  std::vector<SectionWeight> section_weights;
  // Section numbers from 1, most critical first: the section that shall have the most ReLUs.
  std::vector<int64_t> order;
  // Multipliers are 2 to bound.
  int64_t bound = 16;
};

// The weights of a backbone of any family, read off the counts of the networks that are built from
// it: there is no second formula that could differ. Depths, side, stem, widening, thinning and skip
// mode are the backbone's; its base channels, multipliers, channel scale, culled sections and ReLU
// reuse do not matter. INVALID_ARGUMENT names the field where there is no such network.
absl::StatusOr<std::vector<SectionWeight>> SectionWeights(const Architecture& backbone);

// Adds an error for each of "section_weights", "order" and "bound" that is out of range.
void CheckEqualization(const EqualizationProblem& problem, FieldErrors& errors);

// Adds an error under `field` unless `order` names each section from 1 to `sections` once.
void CheckOrder(const std::vector<int64_t>& order, int64_t sections, const std::string& field,
                FieldErrors& errors);

// Every solution with the smallest first multiplier for its others, in ascending order of the
// others. Counts are compared as integers, so that ties are never taken for an order.
// INVALID_ARGUMENT as CheckEqualization; an empty list where the bound admits nothing.
absl::StatusOr<std::vector<std::vector<int64_t>>> SolveEqualization(
    const EqualizationProblem& problem);

}  // namespace reluscape
