#include "worker/torch/lambda_controller.h"

#include <algorithm>
#include <cmath>

namespace reluscape {

LambdaController::LambdaController(const v1::LinearizeSpec& settings, int64_t units, int64_t target,
                                   int64_t steps_per_epoch)
    : settings_(settings),
      units_(static_cast<double>(std::max<int64_t>(units, 1))),
      target_(static_cast<double>(std::max<int64_t>(target, 1))),
      planned_steps_(static_cast<double>(settings.planned_epochs()) *
                     static_cast<double>(steps_per_epoch)),
      lambda_(settings.lambda()),
      lowest_count_(units) {}

void LambdaController::Restore(double lambda, int64_t lowest_count) {
  lambda_ = lambda;
  lowest_count_ = lowest_count;
}

bool LambdaController::AfterStep(int64_t steps) {
  if (settings_.lambda_schedule() == v1::LinearizeSpec::PLANNED) {
    return steps % settings_.feedback_interval_steps() == 0;
  }
  lambda_ *= settings_.lambda_growth_per_step();
  return false;
}

void LambdaController::Feedback(int64_t steps, int64_t count) {
  const bool above = static_cast<double>(count) >= PlannedCount(steps);
  lambda_ = above ? lambda_ * settings_.feedback_factor() : lambda_ / settings_.feedback_factor();
}

void LambdaController::AfterEpoch(int64_t epoch, int64_t count) {
  const bool lower = count < lowest_count_;
  lowest_count_ = std::min(lowest_count_, count);
  if (settings_.lambda_schedule() == v1::LinearizeSpec::PLANNED) return;
  if (!lower && epoch >= settings_.lambda_patience()) lambda_ *= settings_.lambda_growth();
  lambda_ *= settings_.lambda_growth_per_epoch();
}

double LambdaController::PlannedCount(int64_t steps) const {
  const double part = std::min(static_cast<double>(steps) / planned_steps_, 1.0);
  return units_ * std::pow(target_ / units_, part);
}

}  // namespace reluscape
