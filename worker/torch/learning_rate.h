#pragma once

// How the learning rate moves over a stage, as a function of the step: it has no state to save.

#include <cstdint>

#include "reluscape/v1/job.pb.h"

namespace reluscape {

// The rate of the 0-based `step` of a stage of settings.epochs epochs with
// `steps_per_epoch` steps each (both > 0).
//   kConstant  the peak
//   kCosine    peak * (1 + cos(pi * step / steps)) / 2
//   kCosineEpochs  the same with epochs in place of steps: constant within an epoch, as SNL's
//              public code steps its schedule
//   kOneCycle  up in equal steps to the peak over the first warmup_fraction, down in equal steps
//              towards 0 over the rest
//   kSteps     peak * step_factor ^ (number of step_epochs that the current epoch has reached)
double LearningRateAt(const v1::SgdSpec& settings, int64_t step, int64_t steps_per_epoch);

}  // namespace reluscape
