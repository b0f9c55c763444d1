#pragma once

// Distances and covariances of search/strategy/gaussian_process.h: for search/strategy/*.cc alone.
// Networks that are compared have as many kinds and features as each other.

#include <cmath>
#include <cstddef>

#include "search/strategy/gaussian_process.h"

namespace reluscape {

// What is believed of the variance before anything is measured, as so many measurements of value 1:
// values are standardised.
inline constexpr double kVarianceBelief = 2.0;

inline int DifferentKinds(const NetworkOutlook& a, const NetworkOutlook& b) {
  int different = 0;
  for (size_t i = 0; i < a.kinds.size(); ++i) different += a.kinds[i] != b.kinds[i];
  return different;
}

inline double FeatureDistance(const NetworkOutlook& a, const NetworkOutlook& b) {
  double distance = 0;
  for (size_t i = 0; i < a.features.size(); ++i) {
    const double difference = a.features[i] - b.features[i];
    distance += difference * difference;
  }
  return distance;
}

inline double Covariance(const KernelSettings& settings, const ModelPoint& a, const ModelPoint& b) {
  const double budget = (a.budget - b.budget) * (a.budget - b.budget) / settings.budget;
  const double network = DifferentKinds(*a.network, *b.network) / settings.kinds +
                         FeatureDistance(*a.network, *b.network) / settings.features;
  return std::exp(-budget) * (settings.share + (1 - settings.share) * std::exp(-network));
}

}  // namespace reluscape
