#include "search/vocabulary/recipe.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/sha256.h"
#include "search/vocabulary/check.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

using Json = nlohmann::json;

struct Preset {
  const char* name;
  const char* json;  // laid over the defaults
};

constexpr Preset kPresets[] = {
    {"snl-2022", "{}"},
    // A short one-cycle pretrain, a descent whose length is planned, a short fine-tune. Weight
    // decay leaves one-dimensional parameters alone throughout. docs/recipes.md says which of these
    // values were measured, at a smaller scale, and how they were carried over: epochs times five;
    // steps between two looks at lambda in proportion to the steps that Adam needs to move a mask
    // from 1 to 0; first lambda in inverse proportion to the units of ResNet18 (491,520).
    {"fast", R"({
      "pretrain": {"epochs": 70, "batch": 256, "learning_rate": 0.2, "nesterov": true,
                   "decay_one_dimensional": false, "schedule": "one_cycle"},
      "linearize": {"max_epochs": 200, "lambda": 0.00001, "check_interval_steps": 25,
                    "lambda_schedule": "planned", "planned_epochs": 80,
                    "feedback_interval_steps": 50, "feedback_factor": 1.05},
      "fine_tune": {"epochs": 50, "batch": 128, "learning_rate": 0.01, "nesterov": true,
                    "decay_one_dimensional": false, "schedule": "cosine"},
      "augmentation": {"alternating_flip": true}})"},
};

// Number 1, frozen: nothing of it ever changes. A later base gets a number and a text of its own.
// Fields that are newer than a base have their default in it.
constexpr char kFrozenBase[] = R"({
  "pretrain": {"epochs": 160, "batch": 256, "learning_rate": 0.1, "momentum": 0.9,
               "nesterov": false, "weight_decay": 0.0005, "decay_one_dimensional": true,
               "schedule": "steps", "warmup_fraction": 0.2, "step_epochs": [80, 120],
               "step_factor": 0.1},
  "linearize": {"max_epochs": 2000, "batch": 128, "weight_learning_rate": 0.001,
                "mask_learning_rate": 0.001, "lambda": 0.00001, "lambda_growth": 1.1,
                "lambda_patience": 5, "lambda_growth_per_epoch": 1, "threshold": 0.01,
                "check_interval_steps": 0, "method": "snl", "mask_shape": "pixel",
                "clamp_masks": false, "adam_beta1": 0.9, "adam_beta2": 0.999,
                "lambda_schedule": "growing", "lambda_growth_per_step": 1, "planned_epochs": 40,
                "feedback_interval_steps": 50, "feedback_factor": 1.05, "early_cut": 1,
                "score_batches": 1, "hysteresis": 0.003, "density_weight": 140,
                "replacement": "identity", "range_penalty": 0.001, "range_limit": 6,
                "layer_shares": []},
  "fine_tune": {"epochs": 100, "batch": 128, "learning_rate": 0.001, "momentum": 0.9,
                "nesterov": false, "weight_decay": 0.0005, "decay_one_dimensional": true,
                "schedule": "cosine_epochs", "warmup_fraction": 0.2, "step_epochs": [],
                "step_factor": 0.1},
  "distillation": {"temperature": 4, "weight": 1, "cross_entropy_weight": 1},
  "augmentation": {"crop_padding": 4, "flip": true, "alternating_flip": false, "cutout": 0,
                   "mixup": 0},
  "precision": "float32", "deterministic": false, "cache_teacher_logits": false})";
constexpr int kFrozenBaseNumber = 1;

v1::StagesSpec StagesFromJson(const std::string& json) {
  v1::StagesSpec stages;
  FieldErrors errors;  // none: the texts are those above, and a test reads each
  JsonToMessage(json, stages, errors);
  return stages;
}

std::string PresetNames() {
  return absl::StrJoin(kPresets, ", ", [](std::string* text, const Preset& preset) {
    absl::StrAppend(text, preset.name);
  });
}

// The steps are of schedule STEPS alone, which needs some. `given`: what stands there without
// defaults.
void CheckSteps(const v1::SgdSpec& given, v1::SgdSpec& sgd, const std::string& path,
                FieldErrors& errors) {
  const std::string field = path + ".step_epochs";
  if (sgd.schedule() != v1::STEPS) {
    // Those of the defaults, or of a Job that is read again, are no slip of a user.
    if (given.step_epochs_size() > 0) {
      errors.Add(field, absl::StrCat("[", absl::StrJoin(given.step_epochs(), ", "), "]"),
                 "no entries where schedule is not steps");
    }
    sgd.clear_step_epochs();
    return;
  }
  if (sgd.step_epochs_size() == 0) {
    errors.Add(field, "nothing", "at least one epoch where schedule is steps");
  }
  for (int i = 1; i < sgd.step_epochs_size(); ++i) {
    if (sgd.step_epochs(i) > sgd.step_epochs(i - 1)) continue;
    errors.Add(absl::StrCat(field, "[", i, "]"), absl::StrCat(sgd.step_epochs(i)),
               absl::StrCat("more than the entry before it (", sgd.step_epochs(i - 1), ")"));
  }
}

void CheckSgd(const v1::SgdSpec& given, v1::SgdSpec& sgd, const std::string& path,
              FieldErrors& errors) {
  CheckSteps(given, sgd, path, errors);
  // Torch refuses Nesterov without momentum when the stage starts.
  if (sgd.nesterov() && sgd.momentum() == 0) {
    errors.Add(path + ".nesterov", "true", "false where momentum is 0");
  }
}

void CheckLayerShares(const v1::LinearizeSpec& linearize, const std::string& path,
                      FieldErrors& errors) {
  if (linearize.layer_shares_size() == 0) return;
  double sum = 0;
  for (const double share : linearize.layer_shares()) sum += share;
  if (sum == 0) errors.Add(path, "zeros alone", "at least one entry above 0");
  if (!std::isfinite(sum)) errors.Add(path, "a sum that is not finite", "smaller entries");
  if (linearize.method() != v1::LinearizeSpec::SENET) {
    errors.Add(path, absl::StrCat(linearize.layer_shares_size(), " entries"),
               "none unless method is senet");
  }
}

// What of `own` is not as in `base`.
Json Differences(const Json& base, const Json& own) {
  Json differing = Json::object();
  for (const auto& [name, value] : own.items()) {
    if (value.is_null()) continue;
    const Json known = base.value(name, Json());
    if (value.is_object() && known.is_object()) {
      if (Json below = Differences(known, value); !below.empty()) differing[name] = below;
    } else if (value != known) {
      differing[name] = value;
    }
  }
  return differing;
}

}  // namespace

v1::StagesSpec CheckedStages(const v1::StagesSpec& given, const std::string& path,
                             FieldErrors& errors) {
  v1::StagesSpec stages;
  if (given.has_preset()) {
    const auto* preset =
        std::find_if(std::begin(kPresets), std::end(kPresets),
                     [&](const Preset& known) { return given.preset() == known.name; });
    if (preset == std::end(kPresets)) {
      errors.Add(FieldPath(path, "preset"), absl::StrCat("\"", given.preset(), "\""),
                 PresetNames());
    } else {
      stages = StagesFromJson(preset->json);
    }
  }
  Overlay(given, stages);
  stages.clear_preset();
  FillDefaults(stages);
  CheckSgd(given.pretrain(), *stages.mutable_pretrain(), FieldPath(path, "pretrain"), errors);
  CheckSgd(given.fine_tune(), *stages.mutable_fine_tune(), FieldPath(path, "fine_tune"), errors);
  CheckMessage(stages, path, errors);
  CheckLayerShares(stages.linearize(), FieldPath(path, "linearize.layer_shares"), errors);
  const v1::DistillationSpec& distillation = stages.distillation();
  if (distillation.weight() == 0 && distillation.cross_entropy_weight() == 0) {
    errors.Add(FieldPath(path, "distillation.weight"), "0",
               "a number above 0 where cross_entropy_weight is 0 (nothing would be learned)");
  }
  const v1::AugmentationSpec& augmentation = stages.augmentation();
  if (augmentation.alternating_flip() && !augmentation.flip()) {
    errors.Add(FieldPath(path, "augmentation.alternating_flip"), "true",
               "false where flip is false");
  }
  if (stages.cache_teacher_logits() && (augmentation.cutout() > 0 || augmentation.mixup() > 0)) {
    errors.Add(FieldPath(path, "cache_teacher_logits"), "true",
               "false where augmentation.cutout or augmentation.mixup is above 0 (their views are "
               "too many to keep)");
  }
  return stages;
}

void FillStageDefaults(v1::StagesSpec& stages) {
  FillDefaults(stages);
  for (v1::SgdSpec* sgd : {stages.mutable_pretrain(), stages.mutable_fine_tune()}) {
    if (sgd->schedule() != v1::STEPS) sgd->clear_step_epochs();
  }
}

std::string RecipeHash(const v1::StagesSpec& stages) {
  static const v1::StagesSpec base = [] {
    v1::StagesSpec frozen = StagesFromJson(kFrozenBase);
    FillDefaults(frozen);
    return frozen;
  }();
  v1::StagesSpec own = stages;
  own.clear_preset();
  if (own.has_linearize()) own.mutable_linearize()->clear_max_epochs();
  const Json differing =
      Differences(Json::parse(MessageToJson(base)), Json::parse(MessageToJson(own)));
  return Sha256Hex(absl::StrCat("recipe, base ", kFrozenBaseNumber, "\n", differing.dump()));
}

}  // namespace reluscape
