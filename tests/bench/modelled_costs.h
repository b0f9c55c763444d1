#pragma once

// What `ehvi` loses where costs are predicted instead of known: for search_bench.cc alone.

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "search/strategy/strategy.h"

namespace reluscape {

// As Propose with ehvi of a space of one Budget and one cost, but the cost of a network that was
// not tried comes from a second Gaussian process of the same kernel. Trained networks' costs are
// known.
absl::StatusOr<std::optional<Proposed>> ProposeWithModelledCosts(const SearchProblem& problem,
                                                                 SearchSpace& space,
                                                                 const std::vector<Trial>& trials);

}  // namespace reluscape
