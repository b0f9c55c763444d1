#include "worker/torch/mixup.h"

#include <cmath>
#include <numbers>

#include "base/random.h"

namespace reluscape {
namespace {

// In (0, 1], for logarithms.
double Positive(Random& random) { return 1 - random.Uniform(); }

double StandardNormal(Random& random) {  // Box and Muller, 1958
  const double radius = std::sqrt(-2 * std::log(Positive(random)));
  return radius * std::cos(2 * std::numbers::pi * random.Uniform());
}

// The logarithm of a draw from the Gamma distribution: Marsaglia and Tsang, "A Simple Method for
// Generating Gamma Variables", ACM TOMS 26, 2000. A logarithm, since draws for a small shape
// underflow.
double LogGamma(double shape, Random& random) {
  if (shape < 1) {
    // Gamma(shape) is Gamma(shape + 1) * U^(1 / shape) (their section 6).
    const double above = LogGamma(shape + 1, random);
    return above + std::log(Positive(random)) / shape;
  }
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = StandardNormal(random);
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double log_v = 3 * std::log(root);
    if (std::log(Positive(random)) < x * x / 2 + d * (1 - std::exp(log_v) + log_v)) {
      return std::log(d) + log_v;
    }
  }
}

}  // namespace

double MixupShare(double alpha, uint64_t seed, int64_t epoch, int64_t step) {
  const uint64_t of_epoch = DeriveSeed(seed, "mixup", static_cast<uint64_t>(epoch));
  Random random(DeriveSeed(of_epoch, "step", static_cast<uint64_t>(step)));
  const double first = LogGamma(alpha, random);
  const double second = LogGamma(alpha, random);
  return 1 / (1 + std::exp(-std::abs(first - second)));
}

}  // namespace reluscape
