#pragma once

// The units of a Job's hypervolume, from what its networks are expected to come to. Thread-safe.

#include <vector>

#include "reluscape/v1/job.pb.h"
#include "reluscape/v1/views.pb.h"
#include "search/cost/metric.h"
#include "search/strategy/candidates.h"
#include "search/strategy/design_space.h"

namespace reluscape {

// Of the networks that a Job names, with all their Budgets, and of its space, if it has one: of all
// networks that were looked at, or where objectives are costs, of some hundred of them.
v1::HypervolumeBox BoxOfJob(const v1::JobSpec& spec, const MetricCatalog& metrics,
                            const std::vector<ProposedNetwork>& networks, DesignSpace* space);

}  // namespace reluscape
