#include "search/strategy/normal.h"

#include <cmath>
#include <numbers>

#include "base/random.h"

namespace reluscape {

double NormalBelow(double x) { return 0.5 * std::erfc(-x * std::numbers::sqrt2 / 2); }

// Bisection and no series: a table of some hundred values is all that is ever needed.
double NormalQuantile(double probability) {
  double low = -10;
  double high = 10;
  for (int halving = 0; halving < 36; ++halving) {
    const double middle = 0.5 * (low + high);
    (NormalBelow(middle) < probability ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// A Latin hypercube: McKay, Beckman, Conover, Technometrics 21(2), 1979. It is as good for a
// hundred Budgets as for two, which low-discrepancy sequences are not.
std::vector<std::vector<double>> NormalDraws(size_t size, size_t count) {
  std::vector<double> quantiles;
  for (size_t i = 0; i < count; ++i) {
    quantiles.push_back(
        NormalQuantile((static_cast<double>(i) + 0.5) / static_cast<double>(count)));
  }
  Random random(DeriveSeed(/*seed=*/0, "normal draws", count));
  std::vector<std::vector<double>> draws(count, std::vector<double>(size));
  for (size_t k = 0; k < size; ++k) {
    random.Shuffle(quantiles);
    for (size_t i = 0; i < count; ++i) draws[i][k] = quantiles[i];
  }
  return draws;
}

}  // namespace reluscape
