#include "worker/torch/learning_rate.h"

#include <cmath>
#include <numbers>

namespace reluscape {

double LearningRateAt(const SgdSettings& settings, int64_t step, int64_t steps_per_epoch) {
  const double peak = settings.learning_rate;
  const auto steps = static_cast<double>(settings.epochs * steps_per_epoch);
  const auto at = static_cast<double>(step);
  switch (settings.schedule) {
    case Schedule::kConstant:
      break;
    case Schedule::kCosine:
      return peak * (1 + std::cos(std::numbers::pi * at / steps)) / 2;
    case Schedule::kCosineEpochs: {
      const auto epoch = static_cast<double>(step / steps_per_epoch);
      const auto epochs = static_cast<double>(settings.epochs);
      return peak * (1 + std::cos(std::numbers::pi * epoch / epochs)) / 2;
    }
    case Schedule::kOneCycle: {
      const double warmup = settings.warmup_fraction * steps;
      if (at + 1 <= warmup) return peak * (at + 1) / warmup;
      return peak * (steps - at) / (steps - warmup);
    }
    case Schedule::kSteps: {
      double rate = peak;
      for (const int64_t epoch : settings.step_epochs) {
        if (step / steps_per_epoch >= epoch) rate *= settings.step_factor;
      }
      return rate;
    }
  }
  return peak;
}

}  // namespace reluscape
