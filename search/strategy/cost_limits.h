#pragma once

// Looks at what a proposal's networks would cost before anything is trained. Thread-safe.

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"
#include "search/cost/metric.h"
#include "search/strategy/candidates.h"

namespace reluscape {

// Adds an error for every name in spec.objectives and spec.limits.costs that is not known.
void CheckObjectives(const v1::JobSpec& spec, const MetricCatalog& metrics, FieldErrors& errors);

// Compares the networks of a proposal without errors with the limits of `spec`, whose names are
// known:
//
//  * A Budget that breaks a limit is an error of a named network (one per network and limit, with
//    its largest such Budget); of a generated one it is left out with a note, and so is the network
//    when it has no Budget left.
//  * A network that a metric of an objective or limit cannot price is an error where it is named
//    and left out with a note where it is generated: its Results could never be on the Front.
//
// Where the ReLUs will stay is not known yet. A Budget counts as breaking a limit where it does so
// in proportion to each layer's units and also with all of it in the layers nearest the input, and
// nearest the output: where the count decides, and not the place. One that breaks it in proportion
// alone stays, with a note; its Results are looked at one by one.
void ApplyCostLimits(const v1::JobSpec& spec, const MetricCatalog& metrics, Proposal& proposal,
                     FieldErrors& errors);

}  // namespace reluscape
