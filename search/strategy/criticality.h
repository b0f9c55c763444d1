#pragma once

// How much accuracy the ReLUs of each section of a network are worth: DeepReDuce's metric (Jha et
// al., ICML 2021, arXiv 2103.01396), as recalled. docs/criticality.md says what is uncertain about
// it. Functions of their input alone. Thread-safe.

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "reluscape/v1/job.pb.h"
#include "reluscape/v1/views.pb.h"

namespace reluscape {

// What was measured of one section.
struct SectionAccuracy {
  int64_t section = 0;             // from 1
  int64_t relus = 0;               // R_k, at least 1
  std::vector<double> accuracies;  // validation, fractions in [0, 1], one per replicate
};

// Scores and ranks the sections 1 to D, given in any order; the answer is in that of the sections.
//
// With A_k the mean over the replicates, score_k = (A_k - A_base) / R_k^exponent, where A_base is
// the smallest A_k or 0. The highest score has rank 1. Of equal scores the section with fewer ReLUs
// comes first (each of its ReLUs is worth more), of those the later one: section 1 is culled first
// in every published configuration of DeepReDuce.
//
// INVALID_ARGUMENT names the section that is missing, is there twice, has no ReLU, no accuracy or
// one outside [0, 1], or the exponent where it is negative or not finite.
absl::StatusOr<std::vector<v1::SectionCriticality>> ScoreSections(
    const std::vector<SectionAccuracy>& sections, const v1::CriticalitySpec& settings);

}  // namespace reluscape
