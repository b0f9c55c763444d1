#pragma once

// The units of a Job's hypervolume: see HypervolumeBox of views.proto. Thread-safe.

#include <optional>
#include <string>
#include <vector>

#include "reluscape/v1/views.pb.h"
#include "search/pareto/front.h"

namespace reluscape {

// Gathers what networks may come to.
class BoxBuilder {
 public:
  explicit BoxBuilder(const std::vector<std::string>& objectives);

  // One value per objective; those that are not known are left out.
  void Add(const std::vector<std::optional<double>>& values);

  v1::HypervolumeBox Build(int64_t classes) const;

 private:
  v1::HypervolumeBox box_;  // with the least and the most so far; 0 = none yet
};

// The scaled values of everything but accuracy. Below the least positive number of an axis counts
// as that.
Objectives ScaledCosts(const v1::HypervolumeBox& box, const std::vector<double>& values);

double ScaledError(const v1::HypervolumeBox& box, double accuracy);

}  // namespace reluscape
