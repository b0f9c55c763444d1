#include "search/strategy/hypervolume_box.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

namespace reluscape {
namespace {

// How far the reference lies above the most, as a part of the axis: what is at the most adds to the
// hypervolume, too.
constexpr double kMargin = 0.05;
// Where all values are equal.
constexpr double kSingleValueFactor = 2;

}  // namespace

BoxBuilder::BoxBuilder(const std::vector<std::string>& objectives) {
  for (const std::string& objective : objectives) box_.add_axes()->set_objective(objective);
}

void BoxBuilder::Add(const std::vector<std::optional<double>>& values) {
  for (size_t i = 0; i < values.size(); ++i) {
    if (!values[i] || !std::isfinite(*values[i]) || *values[i] <= 0) continue;
    v1::HypervolumeBox::Axis& axis = *box_.mutable_axes(static_cast<int>(i));
    axis.set_best(axis.best() == 0 ? *values[i] : std::min(axis.best(), *values[i]));
    axis.set_reference(std::max(axis.reference(), *values[i]));
  }
}

v1::HypervolumeBox BoxBuilder::Build(int64_t classes) const {
  v1::HypervolumeBox box = box_;
  box.set_reference_accuracy(1.0 / static_cast<double>(classes));
  for (v1::HypervolumeBox::Axis& axis : *box.mutable_axes()) {
    if (axis.best() == 0) axis.set_best(1);
    axis.set_reference(axis.reference() > axis.best()
                           ? axis.reference() * std::pow(axis.reference() / axis.best(), kMargin)
                           : axis.best() * kSingleValueFactor);
  }
  return box;
}

Objectives ScaledCosts(const v1::HypervolumeBox& box, const std::vector<double>& values) {
  Objectives scaled;
  for (size_t i = 0; i < values.size(); ++i) {
    const v1::HypervolumeBox::Axis& axis = box.axes(static_cast<int>(i));
    const double value = std::max(values[i], std::numeric_limits<double>::min());
    scaled.push_back(std::log(value / axis.best()) / std::log(axis.reference() / axis.best()));
  }
  return scaled;
}

double ScaledError(const v1::HypervolumeBox& box, double accuracy) {
  return (1 - accuracy) / (1 - box.reference_accuracy());
}

}  // namespace reluscape
