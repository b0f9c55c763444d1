#pragma once

// The networks that `ehvi` compares: for search/strategy/*.cc alone.

#include <vector>

#include "search/strategy/search_state.h"

namespace reluscape {

// Networks that were not tried, each once. Of a space of up to 4,096 networks all of them; of a
// larger one the neighbours of the members of the front and of the seeds, in one choice each, the
// seeds themselves, and drawn ones: 4,096 at most.
std::vector<SpacePoint> PoolOf(SearchState& state);

}  // namespace reluscape
