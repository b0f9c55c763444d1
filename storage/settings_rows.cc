#include "storage/settings_rows.h"

#include <cstdint>
#include <map>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace reluscape {
namespace {

constexpr std::pair<Schedule, const char*> kSchedules[] = {
    {Schedule::kConstant, "constant"},
    {Schedule::kCosine, "cosine"},
    {Schedule::kCosineEpochs, "cosine-epochs"},
    {Schedule::kOneCycle, "one-cycle"},
    {Schedule::kSteps, "steps"},
};
constexpr std::pair<LinearizeMethod, const char*> kMethods[] = {
    {LinearizeMethod::kSnl, "snl"},
    {LinearizeMethod::kAutorep, "autorep"},
    {LinearizeMethod::kSenet, "senet"},
    {LinearizeMethod::kSnip, "snip"},
    {LinearizeMethod::kTaylor, "taylor"},
    {LinearizeMethod::kMagnitude, "magnitude"},
    {LinearizeMethod::kLayerUniform, "layer-uniform"},
    {LinearizeMethod::kRandom, "random"},
};
constexpr std::pair<MaskShape, const char*> kMaskShapes[] = {
    {MaskShape::kPixel, "pixel"},
    {MaskShape::kChannel, "channel"},
};
constexpr std::pair<LambdaSchedule, const char*> kLambdaSchedules[] = {
    {LambdaSchedule::kGrowing, "growing"},
    {LambdaSchedule::kPlanned, "planned"},
};
constexpr std::pair<Precision, const char*> kPrecisions[] = {
    {Precision::kFloat32, "float32"},
    {Precision::kBfloat16, "bfloat16"},
};
constexpr std::pair<Replacement, const char*> kReplacements[] = {
    {Replacement::kIdentity, "identity"},
    {Replacement::kPolynomial, "polynomial"},
};

// The names of an enum's values.
const auto& NamesOf(Schedule) { return kSchedules; }
const auto& NamesOf(LinearizeMethod) { return kMethods; }
const auto& NamesOf(MaskShape) { return kMaskShapes; }
const auto& NamesOf(LambdaSchedule) { return kLambdaSchedules; }
const auto& NamesOf(Precision) { return kPrecisions; }
const auto& NamesOf(Replacement) { return kReplacements; }

// Calls visit(name, field) for every setting: the one list that writing and reading share.
template <typename Settings, typename Visit>
void VisitSgd(const std::string& stage, Settings& s, const Visit& visit) {
  visit(stage + ".epochs", s.epochs);
  visit(stage + ".batch", s.batch);
  visit(stage + ".learning_rate", s.learning_rate);
  visit(stage + ".momentum", s.momentum);
  visit(stage + ".nesterov", s.nesterov);
  visit(stage + ".weight_decay", s.weight_decay);
  visit(stage + ".decay_one_dimensional", s.decay_one_dimensional);
  visit(stage + ".schedule", s.schedule);
  visit(stage + ".warmup_fraction", s.warmup_fraction);
  visit(stage + ".step_epochs", s.step_epochs);
  visit(stage + ".step_factor", s.step_factor);
}

template <typename Settings, typename Visit>
void VisitSettings(Settings& s, const Visit& visit) {
  VisitSgd("pretrain", s.pretrain, visit);
  visit("linearize.max_epochs", s.linearize.max_epochs);
  visit("linearize.batch", s.linearize.batch);
  visit("linearize.weight_learning_rate", s.linearize.weight_learning_rate);
  visit("linearize.mask_learning_rate", s.linearize.mask_learning_rate);
  visit("linearize.lambda", s.linearize.lambda);
  visit("linearize.lambda_growth", s.linearize.lambda_growth);
  visit("linearize.lambda_patience", s.linearize.lambda_patience);
  visit("linearize.lambda_growth_per_epoch", s.linearize.lambda_growth_per_epoch);
  visit("linearize.threshold", s.linearize.threshold);
  visit("linearize.check_interval_steps", s.linearize.check_interval_steps);
  visit("linearize.method", s.linearize.method);
  visit("linearize.mask_shape", s.linearize.mask_shape);
  visit("linearize.clamp_masks", s.linearize.clamp_masks);
  visit("linearize.adam_beta1", s.linearize.adam_beta1);
  visit("linearize.adam_beta2", s.linearize.adam_beta2);
  visit("linearize.lambda_schedule", s.linearize.lambda_schedule);
  visit("linearize.lambda_growth_per_step", s.linearize.lambda_growth_per_step);
  visit("linearize.planned_epochs", s.linearize.planned_epochs);
  visit("linearize.feedback_interval_steps", s.linearize.feedback_interval_steps);
  visit("linearize.feedback_factor", s.linearize.feedback_factor);
  visit("linearize.early_cut", s.linearize.early_cut);
  visit("linearize.score_batches", s.linearize.score_batches);
  visit("linearize.hysteresis", s.linearize.hysteresis);
  visit("linearize.density_weight", s.linearize.density_weight);
  visit("linearize.replacement", s.linearize.replacement);
  visit("linearize.range_penalty", s.linearize.range_penalty);
  visit("linearize.range_limit", s.linearize.range_limit);
  visit("linearize.layer_shares", s.linearize.layer_shares);
  VisitSgd("fine_tune", s.fine_tune, visit);
  visit("distillation.temperature", s.distillation.temperature);
  visit("distillation.weight", s.distillation.weight);
  visit("distillation.cross_entropy_weight", s.distillation.cross_entropy_weight);
  visit("augmentation.crop_padding", s.augmentation.crop_padding);
  visit("augmentation.flip", s.augmentation.flip);
  visit("augmentation.alternating_flip", s.augmentation.alternating_flip);
  visit("augmentation.cutout", s.augmentation.cutout);
  visit("augmentation.mixup", s.augmentation.mixup);
  visit("precision", s.precision);
  visit("deterministic", s.deterministic);
  visit("cache_teacher_logits", s.cache_teacher_logits);
}

class Writer {
 public:
  explicit Writer(std::vector<SettingRow>& rows) : rows_(rows) {}

  void operator()(const std::string& name, int64_t value) const { rows_.push_back({name, value}); }
  void operator()(const std::string& name, double value) const { rows_.push_back({name, value}); }
  void operator()(const std::string& name, bool value) const {
    rows_.push_back({name, int64_t{value ? 1 : 0}});
  }
  template <typename Enum, typename = std::enable_if_t<std::is_enum_v<Enum>>>
  void operator()(const std::string& name, Enum value) const {
    for (const auto& [known, text] : NamesOf(value)) {
      if (known == value) rows_.push_back({name, std::string(text)});
    }
  }
  void operator()(const std::string& name, const std::vector<int64_t>& value) const {
    rows_.push_back({name, absl::StrJoin(value, ",")});
  }
  void operator()(const std::string& name, const std::vector<double>& value) const {
    rows_.push_back({name, absl::StrJoin(value, ",", [](std::string* text, double number) {
                       absl::StrAppend(text, absl::StrFormat("%.17g", number));
                     })});
  }

 private:
  std::vector<SettingRow>& rows_;
};

class Reader {
 public:
  Reader(const std::map<std::string, SettingRow>& rows, absl::Status& status)
      : rows_(rows), status_(status) {}

  void operator()(const std::string& name, int64_t& value) const { Read(name, value); }
  void operator()(const std::string& name, double& value) const { Read(name, value); }
  void operator()(const std::string& name, bool& value) const {
    int64_t number = value ? 1 : 0;
    Read(name, number);
    value = number != 0;
  }
  template <typename Enum, typename = std::enable_if_t<std::is_enum_v<Enum>>>
  void operator()(const std::string& name, Enum& value) const {
    std::string text;
    if (!Read(name, text)) return;
    for (const auto& [known, known_text] : NamesOf(value)) {
      if (text == known_text) {
        value = known;
        return;
      }
    }
    Complain(name);
  }
  void operator()(const std::string& name, std::vector<int64_t>& value) const {
    std::string text;
    if (!Read(name, text)) return;
    value.clear();
    for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      int64_t number = 0;
      if (!absl::SimpleAtoi(part, &number)) return Complain(name);
      value.push_back(number);
    }
  }
  void operator()(const std::string& name, std::vector<double>& value) const {
    std::string text;
    if (!Read(name, text)) return;
    value.clear();
    for (const absl::string_view part : absl::StrSplit(text, ',', absl::SkipEmpty())) {
      double number = 0;
      if (!absl::SimpleAtod(part, &number)) return Complain(name);
      value.push_back(number);
    }
  }

 private:
  template <typename T>
  bool Read(const std::string& name, T& value) const {
    const auto row = rows_.find(name);
    if (row == rows_.end()) return false;
    const T* stored = std::get_if<T>(&row->second.value);
    if (stored == nullptr) {
      Complain(name);
      return false;
    }
    value = *stored;
    return true;
  }

  void Complain(const std::string& name) const {
    status_.Update(absl::DataLossError(absl::StrCat("job_settings: cannot read ", name)));
  }

  const std::map<std::string, SettingRow>& rows_;
  absl::Status& status_;
};

}  // namespace

std::vector<SettingRow> SettingsToRows(const StageSettings& settings) {
  std::vector<SettingRow> rows;
  VisitSettings(settings, Writer(rows));
  return rows;
}

absl::StatusOr<StageSettings> SettingsFromRows(const std::vector<SettingRow>& rows) {
  std::map<std::string, SettingRow> by_name;
  for (const SettingRow& row : rows) by_name[row.name] = row;
  StageSettings settings;
  absl::Status status;
  VisitSettings(settings, Reader(by_name, status));
  if (!status.ok()) return status;
  return settings;
}

}  // namespace reluscape
