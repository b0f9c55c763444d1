#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "search/strategy/gaussian_process.h"
#include "search/strategy/kernel.h"

namespace reluscape {
namespace {

// Lengths in units of the mean distance between two points, share, noise. Chosen on
// NAS-Bench-Macro (tests/bench/search_bench.cc).
constexpr std::array kLengthSteps = {0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0};
constexpr std::array kShareSteps = {0.02, 0.1, 0.3, 0.6, 0.85};
constexpr std::array kNoiseSteps = {0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3};
// Standard deviation, in steps of the grid, of what is believed before anything is measured.
constexpr double kBeliefSteps = 2.0;
constexpr int kMostSweeps = 4;
constexpr size_t kMostFitted = 100;

enum Setting { kKinds, kFeatures, kBudget, kShare, kNoise, kSettings };
using Steps = std::array<int, kSettings>;

struct GridSetting {
  const double* values;
  int count;
  int middle;
};
constexpr std::array<GridSetting, kSettings> kGrid = {{
    {kLengthSteps.data(), static_cast<int>(kLengthSteps.size()), 4},
    {kLengthSteps.data(), static_cast<int>(kLengthSteps.size()), 4},
    {kLengthSteps.data(), static_cast<int>(kLengthSteps.size()), 4},
    {kShareSteps.data(), static_cast<int>(kShareSteps.size()), 2},
    {kNoiseSteps.data(), static_cast<int>(kNoiseSteps.size()), 4},
}};

// The likelihood of one set of measurements under different settings.
class Likelihood {
 public:
  Likelihood(const std::vector<ModelPoint>& points, const std::vector<double>& values)
      : values_(Standardised(values)),
        kinds_(static_cast<Eigen::Index>(points.size() * (points.size() - 1) / 2)),
        features_(kinds_.size()),
        budgets_(kinds_.size()) {
    Eigen::Index pair = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      for (size_t j = 0; j < i; ++j, ++pair) {
        const ModelPoint& a = points[i];
        const ModelPoint& b = points[j];
        kinds_[pair] = DifferentKinds(*a.network, *b.network);
        features_[pair] = FeatureDistance(*a.network, *b.network);
        budgets_[pair] = (a.budget - b.budget) * (a.budget - b.budget);
      }
    }
    const auto mean = [](const Eigen::ArrayXd& pairs) {
      return pairs.size() > 0 ? pairs.mean() : 0;
    };
    means_ = {mean(kinds_), mean(features_), mean(budgets_)};
  }

  // Whether a setting makes a difference.
  bool Matters(int setting) const {
    return setting >= static_cast<int>(means_.size()) || means_[static_cast<size_t>(setting)] > 0;
  }

  KernelSettings At(const Steps& steps) const {
    const auto value = [&](int setting) {
      return kGrid[static_cast<size_t>(setting)].values[steps[static_cast<size_t>(setting)]];
    };
    const auto length = [&](int setting) {
      return Matters(setting) ? value(setting) * means_[static_cast<size_t>(setting)]
                              : std::numeric_limits<double>::infinity();
    };
    return {.kinds = length(kKinds),
            .features = length(kFeatures),
            .budget = length(kBudget),
            .share = value(kShare),
            .noise = value(kNoise)};
  }

  // The logarithm, but for a constant, with the variance integrated out.
  double LogOf(const Steps& steps) const {
    const KernelSettings settings = At(steps);
    Eigen::ArrayXd pairs =
        settings.share +
        (1 - settings.share) * (-kinds_ / settings.kinds - features_ / settings.features).exp();
    if (Matters(kBudget)) pairs *= (-budgets_ / settings.budget).exp();
    Eigen::MatrixXd covariance(values_.size(), values_.size());
    const double* next = pairs.data();
    for (Eigen::Index i = 0; i < values_.size(); ++i) {
      for (Eigen::Index j = 0; j < i; ++j) covariance(i, j) = *next++;
      covariance(i, i) = 1 + settings.noise;
    }
    const Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>> factor(covariance);
    if (factor.info() != Eigen::Success) return -std::numeric_limits<double>::infinity();
    const double fit = factor.matrixL().solve(values_).squaredNorm();
    const double determinant = 2 * factor.matrixLLT().diagonal().array().log().sum();
    double belief = 0;
    for (size_t i = 0; i < kGrid.size(); ++i) {
      const double away = (steps[i] - kGrid[i].middle) / kBeliefSteps;
      belief -= 0.5 * away * away;
    }
    const auto n = static_cast<double>(values_.size());
    return -0.5 * (n + kVarianceBelief) * std::log(fit + kVarianceBelief) - 0.5 * determinant +
           belief;
  }

 private:
  static Eigen::VectorXd Standardised(const std::vector<double>& values) {
    Eigen::VectorXd standardised =
        Eigen::Map<const Eigen::VectorXd>(values.data(), static_cast<Eigen::Index>(values.size()));
    standardised.array() -= standardised.mean();
    const double deviation =
        std::sqrt(standardised.squaredNorm() / static_cast<double>(values.size()));
    return deviation > 0 ? standardised / deviation : standardised;
  }

  Eigen::VectorXd values_;
  Eigen::ArrayXd kinds_, features_, budgets_;  // by pair of points
  std::array<double, 3> means_;                // of these
};

}  // namespace

KernelSettings FitKernel(const std::vector<ModelPoint>& points, const std::vector<double>& values) {
  const size_t stride = (points.size() + kMostFitted - 1) / kMostFitted;
  std::vector<ModelPoint> some;
  std::vector<double> some_values;
  for (size_t i = (points.size() - 1) % stride; i < points.size(); i += stride) {
    some.push_back(points[i]);
    some_values.push_back(values[i]);
  }
  const Likelihood likelihood(some, some_values);
  Steps best;
  for (size_t i = 0; i < kGrid.size(); ++i) best[i] = kGrid[i].middle;
  double best_value = likelihood.LogOf(best);
  bool moved = true;
  for (int sweep = 0; moved && sweep < kMostSweeps; ++sweep) {
    moved = false;
    for (int setting = 0; setting < kSettings; ++setting) {
      if (!likelihood.Matters(setting)) continue;
      const auto at = static_cast<size_t>(setting);
      for (const int direction : {1, -1}) {
        bool stepped = false;
        for (Steps next = best;;) {
          next[at] += direction;
          if (next[at] < 0 || next[at] >= kGrid[at].count) break;
          const double value = likelihood.LogOf(next);
          if (!(value > best_value)) break;
          best = next;
          best_value = value;
          moved = stepped = true;
        }
        if (stepped) break;
      }
    }
  }
  return likelihood.At(best);
}

}  // namespace reluscape
