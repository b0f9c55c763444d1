#include "search/presets.h"

namespace reluscape {
namespace {

// A short one-cycle pretrain, a descent whose length is planned, a short fine-tune. Weight decay
// leaves one-dimensional parameters alone throughout. docs/recipes.md says which of these values
// were measured, at a smaller scale, and how they were carried over: epochs times five; steps
// between two looks at lambda in proportion to the steps that Adam needs to move a mask from 1 to
// 0; first lambda in inverse proportion to the units of ResNet18 (491,520).
StageSettings Fast() {
  StageSettings settings;
  settings.pretrain = {.epochs = 70,
                       .batch = 256,
                       .learning_rate = 0.2,
                       .momentum = 0.9,
                       .nesterov = true,
                       .weight_decay = 5e-4,
                       .decay_one_dimensional = false,
                       .schedule = Schedule::kOneCycle,
                       .warmup_fraction = 0.2,
                       .step_epochs = {}};
  settings.linearize.max_epochs = 200;
  settings.linearize.lambda = 1e-5;
  settings.linearize.check_interval_steps = 25;
  settings.linearize.lambda_schedule = LambdaSchedule::kPlanned;
  settings.linearize.planned_epochs = 80;
  settings.linearize.feedback_interval_steps = 50;
  settings.linearize.feedback_factor = 1.05;
  settings.fine_tune = {.epochs = 50,
                        .batch = 128,
                        .learning_rate = 1e-2,
                        .momentum = 0.9,
                        .nesterov = true,
                        .weight_decay = 5e-4,
                        .decay_one_dimensional = false,
                        .schedule = Schedule::kCosine,
                        .step_epochs = {}};
  settings.augmentation.alternating_flip = true;
  return settings;
}

}  // namespace

std::optional<StageSettings> PresetSettings(const std::string& name) {
  if (name == "snl-2022") return StageSettings{};
  if (name == "fast") return Fast();
  return std::nullopt;
}

std::string PresetNames() { return "snl-2022, fast"; }

}  // namespace reluscape
