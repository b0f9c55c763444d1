#include "worker/torch/learning_rate.h"

#include <cmath>
#include <numbers>

namespace reluscape {

double LearningRateAt(const v1::SgdSpec& settings, int64_t step, int64_t steps_per_epoch) {
  const double peak = settings.learning_rate();
  const auto steps = static_cast<double>(settings.epochs() * steps_per_epoch);
  const auto at = static_cast<double>(step);
  switch (settings.schedule()) {
    default:  // CONSTANT: the others are all below
      break;
    case v1::COSINE:
      return peak * (1 + std::cos(std::numbers::pi * at / steps)) / 2;
    case v1::COSINE_EPOCHS: {
      const auto epoch = static_cast<double>(step / steps_per_epoch);
      const auto epochs = static_cast<double>(settings.epochs());
      return peak * (1 + std::cos(std::numbers::pi * epoch / epochs)) / 2;
    }
    case v1::ONE_CYCLE: {
      const double warmup = settings.warmup_fraction() * steps;
      if (at + 1 <= warmup) return peak * (at + 1) / warmup;
      return peak * (steps - at) / (steps - warmup);
    }
    case v1::STEPS: {
      double rate = peak;
      for (const int64_t epoch : settings.step_epochs()) {
        if (step / steps_per_epoch >= epoch) rate *= settings.step_factor();
      }
      return rate;
    }
  }
  return peak;
}

}  // namespace reluscape
