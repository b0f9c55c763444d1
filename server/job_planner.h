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

// Tasks of one Job. Each costs minutes of a device at least, so that more is a slip in the job
// file, and listings of one Job stay readable.
inline constexpr int64_t kMaxTasks = 100'000;

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
