#pragma once

// Which Results of a Job are on its Front: wherever Results are shown, by the coordinator and by
// programs without one. Thread-safe.

#include <string>
#include <vector>

#include "search/views.h"

namespace reluscape {

// Sets on_front of the Results of one Job, whose `objectives` are traded against validation
// accuracy. Never compares across recipes, data or splits. A Result for which an objective is not
// known is on no Front.
void MarkFront(const std::vector<std::string>& objectives, std::vector<ResultView>& results);

}  // namespace reluscape
