#pragma once

// The order of a population that NSGA-II selects by (Deb et al. 2002, section III): first ranks,
// then within one rank the distance to the neighbours. Thread-safe.

#include <vector>

#include "search/pareto/front.h"

namespace reluscape {

// 0 for the points of the front, 1 for the front of what is left without them, and so on. Equal
// points share a rank. Points that are not finite come last, all with one rank of their own.
std::vector<int> Ranks(const std::vector<Objectives>& points);

// How far apart each point's neighbours of the same rank stand: over all objectives the sum of
// their distance as a part of that rank's range. Infinite for the first and the last of an
// objective; of equal values the one with the smaller index comes first. 0 for points that are not
// finite. `ranks` are those of `points`.
std::vector<double> CrowdingDistances(const std::vector<Objectives>& points,
                                      const std::vector<int>& ranks);

}  // namespace reluscape
