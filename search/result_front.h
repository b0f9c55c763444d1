#pragma once

// Which Results of a Job are on its Front, and why the others are not: wherever Results are shown,
// by the coordinator and by programs without one. Thread-safe.

#include <string>
#include <vector>

#include "search/job.h"
#include "search/views.h"

namespace reluscape {

// Sets on_front and off_front of all Results of one Job. Never compares across recipes, data or
// splits. A Result that breaks a limit, whose metric of a limit has no value, or that lacks an
// objective is never on a Front and dominates nothing. A lower bound counts by its value. front_v
// of the schema says the same in SQL; a test compares the two.
void MarkFront(const std::vector<std::string>& objectives, const std::vector<CostLimit>& limits,
               std::vector<ResultView>& results);
// Of a Job without hard limits.
void MarkFront(const std::vector<std::string>& objectives, std::vector<ResultView>& results);

}  // namespace reluscape
