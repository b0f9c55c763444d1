#pragma once

// A Gaussian process over networks and their Budgets: what is known of a quantity of all networks
// after some were measured. Immutable, thread-safe.
//
// Two measurements are alike with the covariance
//   exp(-(b - b')^2 / budget) * (share + (1 - share) * exp(-h / kinds - q / features)),
// times one variance: b the features of the Budgets, h the number of kinds that differ, q the
// squared distance of the features of the networks. `share` is what all networks have in common:
// the trend with the Budget, or, with a single Budget, their mean.

#include <cstddef>
#include <memory>
#include <vector>

#include "search/strategy/strategy.h"

namespace reluscape {

// A Budget of a network. The network outlives whatever holds the point.
struct ModelPoint {
  const NetworkOutlook* network = nullptr;  // never null where it is used
  double budget = 0;                        // its feature
};

struct KernelSettings {
  // Lengths as they stand in the covariance; infinite: what they divide has no effect.
  double kinds = 1;
  double features = 1;
  double budget = 1;
  double share = 0.5;   // in [0, 1]
  double noise = 0.01;  // variance of a measurement over that of the process
};

// The settings under which `values` at `points`, at least one, are most likely, times a weak
// preference for the middle of the range: a search over a grid from its middle, one setting at a
// time, with lengths in units of the mean distances. Of many points every so many-th alone counts,
// the last among them, so that it takes milliseconds. Deterministic.
KernelSettings FitKernel(const std::vector<ModelPoint>& points, const std::vector<double>& values);

struct Prediction {
  double mean = 0;
  double deviation = 0;  // standard deviation, without the noise of a measurement
};

// Of several points together: mean + factor * z is a draw, z independent standard normal.
struct JointPrediction {
  std::vector<double> means;
  std::vector<std::vector<double>> factor;  // lower triangular

  double Deviation(size_t i) const;  // of one point alone
};

class GaussianProcess {
 public:
  // `values` were measured at `points`, at least one. The points of `expected` count as measured at
  // their mean: it changes no mean, and what is known of them makes the rest more certain.
  GaussianProcess(const std::vector<ModelPoint>& points, const std::vector<double>& values,
                  const std::vector<ModelPoint>& expected, const KernelSettings& settings);
  ~GaussianProcess();
  GaussianProcess(const GaussianProcess&) = delete;
  GaussianProcess& operator=(const GaussianProcess&) = delete;

  JointPrediction Predict(const std::vector<ModelPoint>& points) const;

  // For each network, of at least one, each of its Budgets alone. Much faster than Predict; the
  // deviations are right to about a thousandth of that of the process.
  std::vector<std::vector<Prediction>> PredictEach(
      const std::vector<const NetworkOutlook*>& networks) const;

  // Means at the points of the constructor: `points`, then `expected`.
  const std::vector<double>& means() const;

 private:
  struct Parts;  // hides the library for linear algebra
  std::unique_ptr<const Parts> parts_;
};

}  // namespace reluscape
