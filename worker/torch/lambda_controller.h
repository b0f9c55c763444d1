#pragma once

// How strongly a descent pulls at the masks. Not thread-safe.

#include <cstdint>

#include "reluscape/v1/job.pb.h"

namespace reluscape {

// v1::LinearizeSpec::GROWING: times lambda_growth after an epoch from index lambda_patience on
// whose count is not the lowest so far (SNL's public code), times lambda_growth_per_epoch after
// every epoch and lambda_growth_per_step after every step. v1::LinearizeSpec::PLANNED: the count is
// to fall by an equal factor in every step from all units to the smallest Budget over
// planned_epochs. Every feedback_interval_steps lambda is multiplied by feedback_factor where the
// count is on that line or above it, and divided by it below. It has no upper bound, so that a
// descent that lags always speeds up.
class LambdaController {
 public:
  // `units` the network's, `target` the smallest Budget, both in ReLUs.
  LambdaController(const v1::LinearizeSpec& settings, int64_t units, int64_t target,
                   int64_t steps_per_epoch);

  double lambda() const { return lambda_; }
  int64_t lowest_count() const { return lowest_count_; }
  // Of a checkpoint.
  void Restore(double lambda, int64_t lowest_count);

  // After a step, of which `steps` have been taken since the descent began. Whether Feedback is
  // due.
  bool AfterStep(int64_t steps);
  void Feedback(int64_t steps, int64_t count);
  // After the 0-based `epoch`, which ended with `count`.
  void AfterEpoch(int64_t epoch, int64_t count);

  // What kPlanned wants the count to be after `steps`.
  double PlannedCount(int64_t steps) const;

 private:
  const v1::LinearizeSpec& settings_;
  double units_;
  double target_;
  double planned_steps_;
  double lambda_;
  int64_t lowest_count_;
};

}  // namespace reluscape
