#include "search/pareto/hypervolume.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace reluscape {
namespace {

using Corner = std::array<double, kMaxHypervolumeObjectives>;

bool IsBelow(const Objectives& point, const Objectives& reference) {
  if (point.size() != reference.size() || point.size() > kMaxHypervolumeObjectives) return false;
  for (size_t i = 0; i < point.size(); ++i) {
    // Also false where either value is not a number.
    if (!(point[i] < reference[i])) return false;
    if (!std::isfinite(point[i]) || !std::isfinite(reference[i])) return false;
  }
  return !point.empty();
}

template <typename A, typename B>
bool NowhereWorse(const A& a, const B& b, size_t objectives) {
  for (size_t i = 0; i < objectives; ++i) {
    if (!(a[i] <= b[i])) return false;
  }
  return true;
}

// What a new point does to a front of two objectives that is sorted by the first.
struct Step {
  bool dominated = false;  // or equal: changes nothing
  // The points that the new one replaces, [first, last).
  size_t first = 0;
  size_t last = 0;
  double area = 0;  // that is won
};

// O(log n + replaced points). The area won is a row of columns, each between two neighbours.
template <typename P, typename Q>
Step StepOf(const std::vector<P>& stairs, const Q& point, const Objectives& reference) {
  const auto right = std::upper_bound(stairs.begin(), stairs.end(), point[0],
                                      [](double x, const P& other) { return x < other[0]; });
  Step step;
  step.first = step.last = static_cast<size_t>(right - stairs.begin());
  double top = reference[1];
  if (step.first > 0) {
    const P& left = stairs[step.first - 1];
    if (left[1] <= point[1]) return {.dominated = true};
    top = left[1];
    if (left[0] == point[0]) --step.first;
  }
  double x = point[0];
  for (; step.last < stairs.size() && stairs[step.last][1] >= point[1]; ++step.last) {
    step.area += (stairs[step.last][0] - x) * (top - point[1]);
    x = stairs[step.last][0];
    top = stairs[step.last][1];
  }
  const double end = step.last < stairs.size() ? stairs[step.last][0] : reference[0];
  step.area += (end - x) * (top - point[1]);
  return step;
}

template <typename P>
void Replace(std::vector<P>& stairs, const Step& step, const P& point) {
  const auto first = stairs.begin() + static_cast<std::ptrdiff_t>(step.first);
  const auto last = stairs.begin() + static_cast<std::ptrdiff_t>(step.last);
  if (first == last) {
    stairs.insert(first, point);
  } else {
    *first = point;
    stairs.erase(first + 1, last);
  }
}

template <typename P>
void RemoveCovered(std::vector<P>& front, const P& point, size_t objectives) {
  std::erase_if(front, [&](const P& other) { return NowhereWorse(point, other, objectives); });
}

double Volume(std::vector<Corner> points, const Objectives& reference, size_t objectives);

// What `point` alone dominates: its box less what the others dominate of the box.
template <typename P>
double ExclusiveVolume(const std::vector<P>& others, const P& point, const Objectives& reference,
                       size_t objectives) {
  std::vector<Corner> clipped;
  clipped.reserve(others.size());
  for (const P& other : others) {
    if (NowhereWorse(other, point, objectives)) return 0;
    Corner& corner = clipped.emplace_back();
    for (size_t i = 0; i < objectives; ++i) corner[i] = std::max(other[i], point[i]);
  }
  double box = 1;
  for (size_t i = 0; i < objectives; ++i) box *= reference[i] - point[i];
  return std::max(0.0, box - Volume(std::move(clipped), reference, objectives));
}

double Area(std::vector<Corner> points, const Objectives& reference) {
  std::sort(points.begin(), points.end());
  double area = 0;
  double top = reference[1];
  for (const Corner& point : points) {
    if (point[1] >= top) continue;
    area += (reference[0] - point[0]) * (top - point[1]);
    top = point[1];
  }
  return area;
}

// Sums up slices between neighbouring values of the last objective; `add` takes one point more into
// the slice and returns by how much the slice has grown.
template <typename Add>
double Slices(std::vector<Corner>& points, const Objectives& reference, size_t last, Add add) {
  std::sort(points.begin(), points.end(),
            [last](const Corner& a, const Corner& b) { return a[last] < b[last]; });
  double volume = 0;
  double slice = 0;
  for (size_t i = 0; i < points.size(); ++i) {
    slice += add(points[i]);
    const double end = i + 1 < points.size() ? points[i + 1][last] : reference[last];
    volume += slice * (end - points[i][last]);
  }
  return volume;
}

// O(n log n) for up to three objectives, O(n * front * log front) for four.
double Volume(std::vector<Corner> points, const Objectives& reference, size_t objectives) {
  if (points.empty()) return 0;
  if (objectives == 1) return reference[0] - (*std::min_element(points.begin(), points.end()))[0];
  if (objectives == 2) return Area(std::move(points), reference);
  std::vector<Corner> front;  // of all objectives but the last
  if (objectives == 3) {
    return Slices(points, reference, /*last=*/2, [&](const Corner& point) {
      const Step step = StepOf(front, point, reference);
      if (!step.dominated) Replace(front, step, point);
      return step.area;
    });
  }
  return Slices(points, reference, /*last=*/3, [&](const Corner& point) {
    const double volume = ExclusiveVolume(front, point, reference, /*objectives=*/3);
    if (volume > 0) {
      RemoveCovered(front, point, /*objectives=*/3);
      front.push_back(point);
    }
    return volume;
  });
}

}  // namespace

double Hypervolume(const std::vector<Objectives>& points, const Objectives& reference) {
  std::vector<Corner> corners;
  for (const Objectives& point : points) {
    if (!IsBelow(point, reference)) continue;
    std::copy(point.begin(), point.end(), corners.emplace_back().begin());
  }
  return Volume(std::move(corners), reference, reference.size());
}

double GrowingFront::Gain(const Objectives& point) const {
  if (!IsBelow(point, reference_)) return 0;
  if (point.size() == 2) return StepOf(points_, point, reference_).area;
  return ExclusiveVolume(points_, point, reference_, point.size());
}

double GrowingFront::Add(const Objectives& point) {
  if (!IsBelow(point, reference_)) return 0;
  double gain = 0;
  if (point.size() == 2) {
    const Step step = StepOf(points_, point, reference_);
    if (step.dominated) return 0;
    Replace(points_, step, point);
    gain = step.area;
  } else {
    const bool dominated = std::any_of(
        points_.begin(), points_.end(),
        [&](const Objectives& other) { return NowhereWorse(other, point, point.size()); });
    if (dominated) return 0;
    gain = ExclusiveVolume(points_, point, reference_, point.size());
    RemoveCovered(points_, point, point.size());
    points_.push_back(point);
  }
  hypervolume_ += gain;
  return gain;
}

}  // namespace reluscape
