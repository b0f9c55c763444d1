#include "search/wire/stages.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/presets.h"

namespace reluscape {
namespace {

// stages

constexpr EnumName<Schedule, v1::Schedule> kSchedules[] = {
    {Schedule::kConstant, v1::CONSTANT, "constant"},
    {Schedule::kCosine, v1::COSINE, "cosine"},
    {Schedule::kCosineEpochs, v1::COSINE_EPOCHS, "cosine_epochs"},
    {Schedule::kOneCycle, v1::ONE_CYCLE, "one_cycle"},
    {Schedule::kSteps, v1::STEPS, "steps"},
};
constexpr EnumName<LinearizeMethod, v1::LinearizeSpec::Method> kMethods[] = {
    {LinearizeMethod::kSnl, v1::LinearizeSpec::SNL, "snl"},
    {LinearizeMethod::kAutorep, v1::LinearizeSpec::AUTOREP, "autorep"},
    {LinearizeMethod::kSenet, v1::LinearizeSpec::SENET, "senet"},
    {LinearizeMethod::kSnip, v1::LinearizeSpec::SNIP, "snip"},
    {LinearizeMethod::kTaylor, v1::LinearizeSpec::TAYLOR, "taylor"},
    {LinearizeMethod::kMagnitude, v1::LinearizeSpec::MAGNITUDE, "magnitude"},
    {LinearizeMethod::kLayerUniform, v1::LinearizeSpec::LAYER_UNIFORM, "layer_uniform"},
    {LinearizeMethod::kRandom, v1::LinearizeSpec::RANDOM, "random"},
};
constexpr EnumName<Precision, v1::StagesSpec::Precision> kPrecisions[] = {
    {Precision::kFloat32, v1::StagesSpec::FLOAT32, "float32"},
    {Precision::kBfloat16, v1::StagesSpec::BFLOAT16, "bfloat16"},
};
constexpr EnumName<MaskShape, v1::LinearizeSpec::MaskShape> kMaskShapes[] = {
    {MaskShape::kPixel, v1::LinearizeSpec::PIXEL, "pixel"},
    {MaskShape::kChannel, v1::LinearizeSpec::CHANNEL, "channel"},
};
constexpr EnumName<Replacement, v1::LinearizeSpec::Replacement> kReplacements[] = {
    {Replacement::kIdentity, v1::LinearizeSpec::IDENTITY, "identity"},
    {Replacement::kPolynomial, v1::LinearizeSpec::POLYNOMIAL, "polynomial"},
};
constexpr EnumName<LambdaSchedule, v1::LinearizeSpec::LambdaSchedule> kLambdaSchedules[] = {
    {LambdaSchedule::kGrowing, v1::LinearizeSpec::GROWING, "growing"},
    {LambdaSchedule::kPlanned, v1::LinearizeSpec::PLANNED, "planned"},
};

const char* ScheduleName(Schedule schedule) {
  for (const auto& name : kSchedules) {
    if (name.value == schedule) return name.text;
  }
  return "";
}

constexpr int64_t kMostEpochs = 100'000;
constexpr int64_t kLargestBatch = 65'536;
constexpr int64_t kMostSteps = 1'000'000'000;
constexpr int kMostStepEpochs = 100;
constexpr int64_t kLargestCutout = 256;  // the largest side of an image
// A Beta distribution with larger parameters gives one half nearly always.
constexpr Interval kMixup = {0, 100, true, true, "a number from 0 to 100"};
constexpr int kMostLayerShares = 1000;

void ReadStepEpochs(const v1::SgdSpec& message, const FieldReader& reader, SgdSettings& settings) {
  const std::string path = reader.Path("step_epochs");
  if (reader.missing() == Missing::kTakesDefault) {
    if (settings.schedule != Schedule::kSteps) {
      settings.step_epochs.clear();
      if (message.step_epochs_size() > 0) {
        reader.errors().Add(path,
                            absl::StrCat("[", absl::StrJoin(message.step_epochs(), ", "), "]"),
                            absl::StrCat("no entries where schedule is ",
                                         ScheduleName(settings.schedule), "; they are for steps"));
      }
      return;
    }
    if (message.step_epochs_size() == 0) {
      if (settings.step_epochs.empty()) {
        reader.errors().Add(path, "nothing", "at least one epoch where schedule is steps");
      }
      return;
    }
  }
  settings.step_epochs.clear();
  if (message.step_epochs_size() > kMostStepEpochs) {
    reader.errors().Add(path, absl::StrCat(message.step_epochs_size(), " entries"),
                        absl::StrCat("at most ", kMostStepEpochs));
    return;
  }
  int64_t before = 0;
  for (int i = 0; i < message.step_epochs_size(); ++i) {
    const int64_t epoch = message.step_epochs(i);
    const std::string item = absl::StrCat(path, "[", i, "]");
    if (epoch < 1 || epoch > kMostEpochs) {
      reader.errors().Add(item, absl::StrCat(epoch), absl::StrCat("1 to ", kMostEpochs));
    } else if (epoch <= before) {
      reader.errors().Add(item, absl::StrCat(epoch),
                          absl::StrCat("more than the entry before it (", before, ")"));
    }
    before = std::max(before, epoch);
    settings.step_epochs.push_back(epoch);
  }
}

void ReadLayerShares(const v1::LinearizeSpec& message, const FieldReader& reader,
                     LinearizeSettings& settings) {
  if (reader.missing() == Missing::kTakesDefault && message.layer_shares_size() == 0) return;
  settings.layer_shares.clear();
  const std::string path = reader.Path("layer_shares");
  if (message.layer_shares_size() > kMostLayerShares) {
    reader.errors().Add(path, absl::StrCat(message.layer_shares_size(), " entries"),
                        absl::StrCat("at most ", kMostLayerShares));
    return;
  }
  double sum = 0;
  for (int i = 0; i < message.layer_shares_size(); ++i) {
    const double share = message.layer_shares(i);
    if (!std::isfinite(share) || share < 0) {
      reader.errors().Add(absl::StrCat(path, "[", i, "]"), absl::StrCat(share),
                          "a finite number from 0");
    }
    settings.layer_shares.push_back(share);
    sum += share;
  }
  if (settings.layer_shares.empty()) return;
  if (sum == 0) reader.errors().Add(path, "zeros alone", "at least one entry above 0");
  if (!std::isfinite(sum)) reader.errors().Add(path, "a sum that is not finite", "smaller entries");
  if (settings.method != LinearizeMethod::kSenet) {
    reader.errors().Add(path, absl::StrCat(message.layer_shares_size(), " entries"),
                        "none unless method is senet");
  }
}

void ReadSgd(const v1::SgdSpec& message, const FieldReader& reader, SgdSettings& settings) {
  reader.Integer("epochs", message.has_epochs(), message.epochs(), 1, kMostEpochs, settings.epochs);
  reader.Integer("batch", message.has_batch(), message.batch(), 2, kLargestBatch, settings.batch);
  reader.Real("learning_rate", message.has_learning_rate(), message.learning_rate(), kPositive,
              settings.learning_rate);
  reader.Real("momentum", message.has_momentum(), message.momentum(), kFraction, settings.momentum);
  reader.Boolean("nesterov", message.has_nesterov(), message.nesterov(), settings.nesterov);
  reader.Real("weight_decay", message.has_weight_decay(), message.weight_decay(), kNotNegative,
              settings.weight_decay);
  reader.Boolean("decay_one_dimensional", message.has_decay_one_dimensional(),
                 message.decay_one_dimensional(), settings.decay_one_dimensional);
  reader.Enum("schedule", message.has_schedule(), message.schedule(), kSchedules,
              settings.schedule);
  reader.Real("warmup_fraction", message.has_warmup_fraction(), message.warmup_fraction(),
              kFraction, settings.warmup_fraction);
  reader.Real("step_factor", message.has_step_factor(), message.step_factor(), kFactor,
              settings.step_factor);
  ReadStepEpochs(message, reader, settings);
  // Torch refuses Nesterov without momentum when the stage starts.
  if (settings.nesterov && settings.momentum == 0) {
    reader.errors().Add(reader.Path("nesterov"), "true", "false where momentum is 0");
  }
}

void ReadLinearize(const v1::LinearizeSpec& message, const FieldReader& reader,
                   LinearizeSettings& settings) {
  reader.Integer("max_epochs", message.has_max_epochs(), message.max_epochs(), 1, kMostEpochs,
                 settings.max_epochs);
  reader.Integer("batch", message.has_batch(), message.batch(), 2, kLargestBatch, settings.batch);
  reader.Real("weight_learning_rate", message.has_weight_learning_rate(),
              message.weight_learning_rate(), kPositive, settings.weight_learning_rate);
  reader.Real("mask_learning_rate", message.has_mask_learning_rate(), message.mask_learning_rate(),
              kPositive, settings.mask_learning_rate);
  reader.Real("lambda", message.has_lambda(), message.lambda(), kPositive, settings.lambda);
  reader.Real("lambda_growth", message.has_lambda_growth(), message.lambda_growth(), kFromOne,
              settings.lambda_growth);
  reader.Integer("lambda_patience", message.has_lambda_patience(), message.lambda_patience(), 0,
                 kMostEpochs, settings.lambda_patience);
  reader.Real("lambda_growth_per_epoch", message.has_lambda_growth_per_epoch(),
              message.lambda_growth_per_epoch(), kFromOne, settings.lambda_growth_per_epoch);
  reader.Real("threshold", message.has_threshold(), message.threshold(), kOpenFraction,
              settings.threshold);
  reader.Integer("check_interval_steps", message.has_check_interval_steps(),
                 message.check_interval_steps(), 0, kMostSteps, settings.check_interval_steps);
  reader.Enum("method", message.has_method(), message.method(), kMethods, settings.method);
  reader.Enum("mask_shape", message.has_mask_shape(), message.mask_shape(), kMaskShapes,
              settings.mask_shape);
  reader.Boolean("clamp_masks", message.has_clamp_masks(), message.clamp_masks(),
                 settings.clamp_masks);
  reader.Real("adam_beta1", message.has_adam_beta1(), message.adam_beta1(), kFraction,
              settings.adam_beta1);
  reader.Real("adam_beta2", message.has_adam_beta2(), message.adam_beta2(), kFraction,
              settings.adam_beta2);
  reader.Enum("lambda_schedule", message.has_lambda_schedule(), message.lambda_schedule(),
              kLambdaSchedules, settings.lambda_schedule);
  reader.Real("lambda_growth_per_step", message.has_lambda_growth_per_step(),
              message.lambda_growth_per_step(), kFromOne, settings.lambda_growth_per_step);
  reader.Integer("planned_epochs", message.has_planned_epochs(), message.planned_epochs(), 1,
                 kMostEpochs, settings.planned_epochs);
  reader.Integer("feedback_interval_steps", message.has_feedback_interval_steps(),
                 message.feedback_interval_steps(), 1, kMostSteps,
                 settings.feedback_interval_steps);
  reader.Real("feedback_factor", message.has_feedback_factor(), message.feedback_factor(),
              kAboveOne, settings.feedback_factor);
  reader.Real("early_cut", message.has_early_cut(), message.early_cut(), kFromOne,
              settings.early_cut);
  reader.Integer("score_batches", message.has_score_batches(), message.score_batches(), 1, 100'000,
                 settings.score_batches);
  reader.Real("hysteresis", message.has_hysteresis(), message.hysteresis(), kNotNegative,
              settings.hysteresis);
  reader.Real("density_weight", message.has_density_weight(), message.density_weight(), kPositive,
              settings.density_weight);
  reader.Enum("replacement", message.has_replacement(), message.replacement(), kReplacements,
              settings.replacement);
  reader.Real("range_penalty", message.has_range_penalty(), message.range_penalty(), kNotNegative,
              settings.range_penalty);
  reader.Real("range_limit", message.has_range_limit(), message.range_limit(), kPositive,
              settings.range_limit);
  ReadLayerShares(message, reader, settings);
}

void ReadDistillation(const v1::DistillationSpec& message, const FieldReader& reader,
                      DistillationSettings& settings) {
  reader.Real("temperature", message.has_temperature(), message.temperature(), kPositive,
              settings.temperature);
  reader.Real("weight", message.has_weight(), message.weight(), kNotNegative, settings.weight);
  reader.Real("cross_entropy_weight", message.has_cross_entropy_weight(),
              message.cross_entropy_weight(), kNotNegative, settings.cross_entropy_weight);
  if (settings.weight == 0 && settings.cross_entropy_weight == 0) {
    reader.errors().Add(reader.Path("weight"), "0",
                        "a number above 0 where cross_entropy_weight is 0 (nothing would be "
                        "learned)");
  }
}

void ReadAugmentation(const v1::AugmentationSpec& message, const FieldReader& reader,
                      AugmentationSettings& settings) {
  reader.Integer("crop_padding", message.has_crop_padding(), message.crop_padding(), 0, 64,
                 settings.crop_padding);
  reader.Boolean("flip", message.has_flip(), message.flip(), settings.flip);
  reader.Boolean("alternating_flip", message.has_alternating_flip(), message.alternating_flip(),
                 settings.alternating_flip);
  reader.Integer("cutout", message.has_cutout(), message.cutout(), 0, kLargestCutout,
                 settings.cutout);
  reader.Real("mixup", message.has_mixup(), message.mixup(), kMixup, settings.mixup);
  if (settings.alternating_flip && !settings.flip) {
    reader.errors().Add(reader.Path("alternating_flip"), "true", "false where flip is false");
  }
}

void WriteSgd(const SgdSettings& settings, v1::SgdSpec& message) {
  message.set_epochs(settings.epochs);
  message.set_batch(settings.batch);
  message.set_learning_rate(settings.learning_rate);
  message.set_momentum(settings.momentum);
  message.set_nesterov(settings.nesterov);
  message.set_weight_decay(settings.weight_decay);
  message.set_decay_one_dimensional(settings.decay_one_dimensional);
  message.set_schedule(EnumToProto(kSchedules, settings.schedule));
  message.set_warmup_fraction(settings.warmup_fraction);
  for (const int64_t epoch : settings.step_epochs) message.add_step_epochs(epoch);
  message.set_step_factor(settings.step_factor);
}

}  // namespace

StageSettings ReadStages(const v1::StagesSpec& message, const std::string& path, Missing missing,
                         FieldErrors& errors) {
  StageSettings settings;
  if (message.has_preset()) {
    if (const std::optional<StageSettings> preset = PresetSettings(message.preset())) {
      settings = *preset;
    } else {
      errors.Add(absl::StrCat(path, ".preset"), absl::StrCat("\"", message.preset(), "\""),
                 PresetNames());
    }
  }
  const FieldReader own(path, missing, errors);
  const auto below = [&](const char* field) {
    return FieldReader(own.Path(field), missing, errors);
  };
  ReadSgd(message.pretrain(), below("pretrain"), settings.pretrain);
  ReadLinearize(message.linearize(), below("linearize"), settings.linearize);
  ReadSgd(message.fine_tune(), below("fine_tune"), settings.fine_tune);
  ReadDistillation(message.distillation(), below("distillation"), settings.distillation);
  ReadAugmentation(message.augmentation(), below("augmentation"), settings.augmentation);
  own.Enum("precision", message.has_precision(), message.precision(), kPrecisions,
           settings.precision);
  own.Boolean("deterministic", message.has_deterministic(), message.deterministic(),
              settings.deterministic);
  own.Boolean("cache_teacher_logits", message.has_cache_teacher_logits(),
              message.cache_teacher_logits(), settings.cache_teacher_logits);
  const AugmentationSettings& augmentation = settings.augmentation;
  if (settings.cache_teacher_logits && (augmentation.cutout > 0 || augmentation.mixup > 0)) {
    errors.Add(own.Path("cache_teacher_logits"), "true",
               "false where augmentation.cutout or augmentation.mixup is above 0 (their views are "
               "too many to keep)");
  }
  return settings;
}

v1::StagesSpec ToProto(const StageSettings& settings) {
  v1::StagesSpec message;
  WriteSgd(settings.pretrain, *message.mutable_pretrain());
  v1::LinearizeSpec& linearize = *message.mutable_linearize();
  linearize.set_max_epochs(settings.linearize.max_epochs);
  linearize.set_batch(settings.linearize.batch);
  linearize.set_weight_learning_rate(settings.linearize.weight_learning_rate);
  linearize.set_mask_learning_rate(settings.linearize.mask_learning_rate);
  linearize.set_lambda(settings.linearize.lambda);
  linearize.set_lambda_growth(settings.linearize.lambda_growth);
  linearize.set_lambda_patience(settings.linearize.lambda_patience);
  linearize.set_lambda_growth_per_epoch(settings.linearize.lambda_growth_per_epoch);
  linearize.set_threshold(settings.linearize.threshold);
  linearize.set_check_interval_steps(settings.linearize.check_interval_steps);
  linearize.set_method(EnumToProto(kMethods, settings.linearize.method));
  linearize.set_mask_shape(EnumToProto(kMaskShapes, settings.linearize.mask_shape));
  linearize.set_lambda_schedule(EnumToProto(kLambdaSchedules, settings.linearize.lambda_schedule));
  linearize.set_clamp_masks(settings.linearize.clamp_masks);
  linearize.set_adam_beta1(settings.linearize.adam_beta1);
  linearize.set_adam_beta2(settings.linearize.adam_beta2);
  linearize.set_lambda_growth_per_step(settings.linearize.lambda_growth_per_step);
  linearize.set_planned_epochs(settings.linearize.planned_epochs);
  linearize.set_feedback_interval_steps(settings.linearize.feedback_interval_steps);
  linearize.set_feedback_factor(settings.linearize.feedback_factor);
  linearize.set_early_cut(settings.linearize.early_cut);
  linearize.set_score_batches(settings.linearize.score_batches);
  linearize.set_hysteresis(settings.linearize.hysteresis);
  linearize.set_density_weight(settings.linearize.density_weight);
  linearize.set_replacement(EnumToProto(kReplacements, settings.linearize.replacement));
  linearize.set_range_penalty(settings.linearize.range_penalty);
  linearize.set_range_limit(settings.linearize.range_limit);
  for (const double share : settings.linearize.layer_shares) linearize.add_layer_shares(share);
  WriteSgd(settings.fine_tune, *message.mutable_fine_tune());
  message.mutable_distillation()->set_temperature(settings.distillation.temperature);
  message.mutable_distillation()->set_weight(settings.distillation.weight);
  message.mutable_distillation()->set_cross_entropy_weight(
      settings.distillation.cross_entropy_weight);
  message.mutable_augmentation()->set_crop_padding(settings.augmentation.crop_padding);
  message.mutable_augmentation()->set_flip(settings.augmentation.flip);
  message.mutable_augmentation()->set_alternating_flip(settings.augmentation.alternating_flip);
  message.mutable_augmentation()->set_cutout(settings.augmentation.cutout);
  message.mutable_augmentation()->set_mixup(settings.augmentation.mixup);
  message.set_precision(EnumToProto(kPrecisions, settings.precision));
  message.set_deterministic(settings.deterministic);
  message.set_cache_teacher_logits(settings.cache_teacher_logits);
  return message;
}

}  // namespace reluscape
