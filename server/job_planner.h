#pragma once

// From a submitted spec to the rows of a Job.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/job.h"
#include "search/views.h"
#include "storage/store.h"

namespace reluscape {

struct JobPlan {
  JobRow job;                            // without id and times
  std::vector<CandidateRow> candidates;  // without ids
  Preview preview;
};

// INVALID_ARGUMENT with one line per wrong field. Writes nothing.
absl::StatusOr<JobPlan> PlanJob(const JobSpec& spec, const std::string& spec_json,
                                const std::string& recipe);

// The Preview's form of a recipe hash: its first 12 hexadecimal digits.
std::string ShortRecipe(const std::string& recipe);

}  // namespace reluscape
