#include "search/pareto/front.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace reluscape {
namespace {

// Two objectives, O(n log n): in lexicographic order a point is dominated exactly by a smaller
// first value with a second one no larger, or by the same first value with a smaller second one.
void SweepTwo(const std::vector<Objectives>& points, const std::vector<size_t>& order,
              std::vector<bool>& on_front) {
  double best_before = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < order.size();) {
    const Objectives& first = points[order[i]];
    for (; i < order.size() && points[order[i]][0] == first[0]; ++i) {
      on_front[order[i]] = first[1] < best_before && points[order[i]][1] == first[1];
    }
    best_before = std::min(best_before, first[1]);
  }
}

// Any number of objectives, O(n * front): whatever dominates a point stands before it in
// lexicographic order, and among what dominates it there is a point of the front.
void Scan(const std::vector<Objectives>& points, const std::vector<size_t>& order,
          std::vector<bool>& on_front) {
  std::vector<size_t> front;
  for (const size_t candidate : order) {
    const bool dominated = std::any_of(front.begin(), front.end(), [&](size_t other) {
      return Dominates(points[other], points[candidate]);
    });
    if (dominated) continue;
    on_front[candidate] = true;
    front.push_back(candidate);
  }
}

}  // namespace

bool AllFinite(const Objectives& point) {
  return std::all_of(point.begin(), point.end(), [](double value) { return std::isfinite(value); });
}

bool Dominates(const Objectives& a, const Objectives& b) {
  if (a.size() != b.size()) return false;
  bool better = false;
  for (size_t i = 0; i < a.size(); ++i) {
    // Also false where either value is not a number.
    if (!std::isfinite(a[i]) || !(a[i] <= b[i])) return false;
    better |= a[i] < b[i];
  }
  return better;
}

std::vector<bool> OnFront(const std::vector<Objectives>& points) {
  std::vector<size_t> order;
  bool two = true;
  for (size_t i = 0; i < points.size(); ++i) {
    if (!AllFinite(points[i])) continue;
    order.push_back(i);
    two &= points[i].size() == 2;
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return points[a] < points[b]; });
  std::vector<bool> on_front(points.size(), false);
  if (two) {
    SweepTwo(points, order, on_front);
  } else {
    Scan(points, order, on_front);
  }
  return on_front;
}

}  // namespace reluscape
