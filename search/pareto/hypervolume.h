#pragma once

// How much of the space between a front and a fixed reference point the front dominates: one number
// that grows whenever the front does. Functions are thread-safe; a GrowingFront is not.

#include <cstddef>
#include <utility>
#include <vector>

#include "search/pareto/front.h"

namespace reluscape {

// The most objectives that a hypervolume is computed of.
inline constexpr size_t kMaxHypervolumeObjectives = 4;

// Exact but for rounding, of 1 to kMaxHypervolumeObjectives objectives (0 of any other number).
// Points that are not below the finite `reference` in every objective, or not finite, add nothing.
double Hypervolume(const std::vector<Objectives>& points, const Objectives& reference);

// The front of points that come one by one, and its hypervolume.
class GrowingFront {
 public:
  explicit GrowingFront(Objectives reference) : reference_(std::move(reference)) {}

  // By how much the hypervolume would grow.
  double Gain(const Objectives& point) const;
  // Adds the point and returns by how much the hypervolume has grown.
  double Add(const Objectives& point);

  double hypervolume() const { return hypervolume_; }
  // Below the reference and not dominated, each once; of two objectives by the first.
  const std::vector<Objectives>& points() const { return points_; }

 private:
  const Objectives reference_;
  std::vector<Objectives> points_;
  double hypervolume_ = 0;
};

}  // namespace reluscape
