#pragma once

// The three Stages of a Candidate and their settings. Plain data; the proto comments in
// proto/reluscape/v1/job.proto document every field for users, the sources of the defaults stand
// here.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reluscape {

enum class Stage { kPretrain, kLinearize, kFineTune };

// "pretrain", "linearize", "fine-tune".
constexpr const char* StageName(Stage stage) {
  switch (stage) {
    case Stage::kPretrain:
      return "pretrain";
    case Stage::kLinearize:
      return "linearize";
    case Stage::kFineTune:
      return "fine-tune";
  }
  return "";
}

// How the learning rate moves over a stage's epochs, per step.
enum class Schedule {
  kConstant,
  kCosine,    // from the peak to 0
  kOneCycle,  // linear from 0 to the peak over the first `warmup_fraction`, then linear to 0
  kSteps,     // times `step_factor` at each of `step_epochs`
};

// SGD with momentum, as SNL's first and third phase (public code of SNL: phase 1 lr 0.1, batch
// 256, 160 epochs, x0.1 at 80 and 120; phase 3 lr 1e-3, batch 128, 100 epochs, cosine; both
// momentum 0.9, weight decay 5e-4).
struct SgdSettings {
  int64_t epochs = 160;
  int64_t batch = 256;
  double learning_rate = 0.1;
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 5e-4;
  // Whether weight decay also acts on one-dimensional parameters (batch-norm gain and shift,
  // biases). SNL's public code: yes.
  bool decay_one_dimensional = true;
  Schedule schedule = Schedule::kSteps;
  double warmup_fraction = 0.2;                  // kOneCycle only
  std::vector<int64_t> step_epochs = {80, 120};  // kSteps only
  double step_factor = 0.1;                      // kSteps only

  friend bool operator==(const SgdSettings&, const SgdSettings&) = default;
};

// Knowledge distillation: loss = cross_entropy_weight * CE
//   + weight * T^2 * KL(softmax(teacher/T) || softmax(student/T)), batch mean.
// SNL public code: T = 4, both weights 1.
struct DistillationSettings {
  double temperature = 4;
  double weight = 1;
  double cross_entropy_weight = 1;

  friend bool operator==(const DistillationSettings&, const DistillationSettings&) = default;
};

// SNL's descent: Adam on weights and masks together, CE + distillation + lambda * sum |a|.
// Defaults: SNL's public code (Adam 1e-3 for both, default betas, no weight decay, batch 128,
// lambda 1e-5, times 1.1 after an epoch from index 5 on whose count is not the lowest so far,
// threshold 1e-2, at most 2000 epochs).
struct LinearizeSettings {
  int64_t max_epochs = 2000;
  int64_t batch = 128;
  double weight_learning_rate = 1e-3;
  double mask_learning_rate = 1e-3;
  double lambda = 1e-5;
  double lambda_growth = 1.1;          // factor after an epoch without a new lowest count
  int64_t lambda_patience = 5;         // first epoch index at which that factor may apply
  double lambda_growth_per_epoch = 1;  // factor after every epoch; 1 = as published
  double threshold = 1e-2;             // a mask value above it counts as a ReLU
  // How often the count is compared with the Budgets, in steps; 0 = at the end of each epoch, as
  // published. A finer look leaves less to trim where a descent is steep.
  int64_t check_interval_steps = 0;

  friend bool operator==(const LinearizeSettings&, const LinearizeSettings&) = default;
};

// Applied to every training batch, in this order: zero padding and random crop back to the input
// side, horizontal flip with probability 1/2, then normalisation (SNL public code: padding 4).
struct AugmentationSettings {
  int64_t crop_padding = 4;
  bool flip = true;

  friend bool operator==(const AugmentationSettings&, const AugmentationSettings&) = default;
};

// Everything that decides how a network is trained: the recipe. Results of different recipes are
// never compared in one Front.
struct StageSettings {
  SgdSettings pretrain;
  LinearizeSettings linearize;
  SgdSettings fine_tune = {.epochs = 100,
                           .batch = 128,
                           .learning_rate = 1e-3,
                           .schedule = Schedule::kCosine,
                           .step_epochs = {}};
  DistillationSettings distillation;
  AugmentationSettings augmentation;

  friend bool operator==(const StageSettings&, const StageSettings&) = default;
};

}  // namespace reluscape
