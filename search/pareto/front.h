#pragma once

#include <vector>

namespace reluscape {

// One Result's objectives, each to be minimised (an accuracy enters negated). All points of a call
// have the same number of values.
using Objectives = std::vector<double>;

bool AllFinite(const Objectives& point);

// Whether `a` is nowhere worse than `b` and somewhere better.
bool Dominates(const Objectives& a, const Objectives& b);

// For every point whether no other dominates it. Equal points are all on the front. A point with
// a value that is not finite is never on it and dominates nothing.
std::vector<bool> OnFront(const std::vector<Objectives>& points);

}  // namespace reluscape
