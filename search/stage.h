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
  kCosine,        // from the peak to 0
  kCosineEpochs,  // the same curve, constant within an epoch (as SNL's public code steps it)
  kOneCycle,      // linear from 0 to the peak over the first `warmup_fraction`, then linear to 0
  kSteps,         // times `step_factor` at each of `step_epochs`
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

// Which ReLUs a linearize keeps. docs/recipes.md tells where each comes from.
enum class LinearizeMethod {
  kSnl,        // masks learned under an L1 penalty (Cho et al., ICML 2022)
  kAutorep,    // hysteresis masks, hinge on density (AutoReP, Peng et al., ICCV 2023)
  kSenet,      // budgets per layer, top-k of what a ReLU changes (SENet, Kundu et al., ICLR 2023)
  kSnip,       // one shot: largest |dL/da| at a = 1 (SNIP's criterion, Lee et al., ICLR 2019)
  kTaylor,     // one shot: second-order estimate of the loss without the ReLU (our reading)
  kMagnitude,  // control: where the ReLU cuts off most
  kLayerUniform,  // control: the same share of every layer, at random places
  kRandom,        // control: anywhere
};

// What one mask value governs.
enum class MaskShape {
  kPixel,    // one ReLU unit
  kChannel,  // all units of a channel of an activation layer
};

// In what numbers the forward pass is computed. Weights, gradients of weights, optimizers, losses
// and batch-norm statistics are float32 always.
enum class Precision {
  kFloat32,
  kBfloat16,  // convolutions and linear layers in bfloat16 (autocast)
};

// What takes the place of a ReLU that is removed.
enum class Replacement {
  kIdentity,    // x, as SNL has it
  kPolynomial,  // c2 x^2 + c1 x + c0 with three coefficients per channel (AutoReP, ICCV 2023)
};

enum class LambdaSchedule {
  kGrowing,  // by the factors per stalled epoch, per epoch and per step
  kPlanned,  // fed back from how the count follows a planned curve
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
  LinearizeMethod method = LinearizeMethod::kSnl;
  MaskShape mask_shape = MaskShape::kPixel;
  // Brings masks back into [0, 1] after each step. SNL's public code: no.
  bool clamp_masks = false;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.999;
  LambdaSchedule lambda_schedule = LambdaSchedule::kGrowing;
  double lambda_growth_per_step = 1;  // kGrowing: factor after every step; 1 = as published
  // kPlanned: epochs in which log(count) is to fall in a straight line from all units to the
  // smallest Budget. kSenet: epochs per Budget.
  int64_t planned_epochs = 40;
  int64_t feedback_interval_steps = 50;  // kPlanned: steps between two looks at the count
  double feedback_factor = 1.05;         // kPlanned: on lambda above the line, 1 / it below
  // A Budget is met once the count is below early_cut times it; the trim does the rest. 1 = when
  // the count is below the Budget.
  double early_cut = 1;
  int64_t score_batches = 1;    // kSnip, kTaylor, kMagnitude, kSenet: training batches to score on
  double hysteresis = 0.003;    // kAutorep: tau (paper; the public code's default is 0.001)
  double density_weight = 140;  // kAutorep: of the hinge (public code: ResNet18 at 9,000 ReLUs)
  Replacement replacement = Replacement::kIdentity;
  // kPolynomial: the loss has range_penalty times the sum over an image's polynomial units of
  // max(|x| - range_limit, 0)^2, mean over the batch, in linearize and fine-tune. Form and both
  // numbers are assumptions of this project; the public code of AutoReP has no such term.
  double range_penalty = 1e-3;
  double range_limit = 6;
  // kSenet: the layers' parts of every Budget, in the order of the ReLU layers; only their ratios
  // count. Empty: in proportion to the layers' SNIP scores.
  std::vector<double> layer_shares = {};

  friend bool operator==(const LinearizeSettings&, const LinearizeSettings&) = default;
};

// Applied to every training batch of every stage, in this order: zero padding and random crop back
// to the input side, horizontal flip with probability 1/2, normalisation (SNL public code: padding
// 4), cutout, mixup.
struct AugmentationSettings {
  int64_t crop_padding = 4;
  bool flip = true;
  // With `flip`: each image is flipped at random once and from then on in every other epoch
  // (airbench, arXiv 2404.00498), not at random every time.
  bool alternating_flip = false;
  // Side of a square around a random pixel whose part within the image becomes the mean colour, in
  // pixels; 0 = none (DeVries and Taylor, arXiv 1708.04552: 16 on CIFAR-10).
  int64_t cutout = 0;
  // Each image is mixed with another of its batch, and the labels' losses with it: the share, one
  // per batch, is drawn from Beta(mixup, mixup); 0 = none (Zhang et al., arXiv 1710.09412: 1 on
  // CIFAR-10).
  double mixup = 0;

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
                           .schedule = Schedule::kCosineEpochs,
                           .step_epochs = {}};
  DistillationSettings distillation;
  AugmentationSettings augmentation;
  Precision precision = Precision::kFloat32;
  // The same bits in every run on the same CUDA device, for speed; a CPU gives them always, with
  // equal numbers of threads.
  bool deterministic = false;
  // The teacher's outputs are kept per view of an image (crop and flip), as float16, and not
  // computed again. A view is seen the same whether its output was kept or not.
  bool cache_teacher_logits = false;

  friend bool operator==(const StageSettings&, const StageSettings&) = default;
};

}  // namespace reluscape
