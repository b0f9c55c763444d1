#pragma once

// The last checks of a Job before anything of it is stored or trained: the same for the coordinator
// and for programs that work without one. Thread-safe.

#include <cstdint>

#include "absl/status/statusor.h"
#include "reluscape/v1/job.pb.h"
#include "search/cost/metric.h"
#include "search/strategy/candidates.h"

namespace reluscape {

// Tasks of one Job. Each costs minutes of a device at least, so that more is a slip in the job
// file, and listings of one Job stay readable.
inline constexpr int64_t kMaxTasks = 100'000;

// The networks of `spec`, which is checked: at least one, each that is linearized
// with at least one Budget. `measured`: see ProposeNetworks; `errors`: what was found wrong before;
// `metrics`: what objectives and limits may name. INVALID_ARGUMENT with one line per wrong field.
absl::StatusOr<Proposal> CheckedProposal(const v1::JobSpec& spec,
                                         const MeasuredOrders& measured = {},
                                         FieldErrors errors = {},
                                         const MetricCatalog& metrics = BuiltInMetrics());

}  // namespace reluscape
