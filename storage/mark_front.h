#pragma once

// Which Results of a Job are on its Front, and why the others are not: wherever Results are shown,
// by the coordinator and by programs without one. Thread-safe.

#include <vector>

#include "reluscape/v1/views.pb.h"
#include "search/vocabulary/objective.h"

namespace reluscape {

// Sets on_front and off_front of the Results of a Job, by its objectives, which are in `front`, and
// its hard limits. Never compares across recipes, data or splits. A Result that breaks a limit,
// whose metric of a limit has no value, or that lacks an objective is never on a Front and
// dominates nothing. A lower bound counts by its value. front_v of the schema says the same in SQL;
// a test compares the two.
void MarkFront(const std::vector<CostLimit>& limits, v1::ResultList& list);

}  // namespace reluscape
