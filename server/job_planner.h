#pragma once

// From a submitted spec to the rows of a Job.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reluscape/v1/views.pb.h"
#include "search/cost/metric.h"
#include "search/strategy/candidates.h"
#include "search/vocabulary/job.h"
#include "server/order_sources.h"
#include "storage/store.h"

namespace reluscape {

struct JobPlan {
  JobRow job;                            // without id and times
  std::vector<CandidateRow> candidates;  // without ids, teachers before those that learn from them
  std::vector<int64_t> teachers;         // of each candidate: a place in `candidates`, -1 = none
  v1::Preview preview;
};

// A Candidate of a network; without id, Job, teacher and replicate.
CandidateRow RowOf(const ProposedNetwork& network, const v1::JobSpec& spec);

// INVALID_ARGUMENT with one line per wrong field. Writes nothing. `orders`: what the order_from_job
// of `spec` come to. `metrics`: what objectives and limits may name.
absl::StatusOr<JobPlan> PlanJob(const v1::JobSpec& spec, const OrderSources& orders = {},
                                const MetricCatalog& metrics = BuiltInMetrics());

}  // namespace reluscape
