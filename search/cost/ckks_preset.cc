#include "search/cost/ckks_preset.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/field_errors.h"
#include "base/status_macros.h"
#include "search/cost/ckks_data.h"
#include "search/cost/ckks_levels.h"
#include "search/cost/json_fields.h"

namespace reluscape {
namespace {

using Json = nlohmann::json;

constexpr double kMaxMilliseconds = 3.6e6;  // one operation: beyond it a slip of the unit
constexpr int64_t kMaxRingDimension = int64_t{1} << 20;
constexpr double kMaxLinearS = 60;
constexpr double kMaxBandFactor = 100;

bool IsLevel(const Json& value) {
  return value.is_number_integer() && value.get<double>() >= 0 &&
         value.get<double>() <= static_cast<double>(kMaxCkksLevels);
}

bool IsPoint(const Json& value) {
  if (!value.is_array() || value.size() != 2 || !IsLevel(value[0]) || !value[1].is_number()) {
    return false;
  }
  const double milliseconds = value[1].get<double>();
  return std::isfinite(milliseconds) && milliseconds >= 0 && milliseconds <= kMaxMilliseconds;
}

// Reads one curve; an empty one for null.
LevelCurve Curve(const Json& table, const std::string& name, const std::string& source,
                 FieldErrors& errors) {
  const std::string field = absl::StrCat(source, ": table.", name);
  const std::string allowed =
      absl::StrCat("null, or a list of [level, milliseconds] with levels rising from 0 to ",
                   kMaxCkksLevels, " and milliseconds from 0 to ", kMaxMilliseconds);
  if (!table.contains(name)) {
    errors.Add(field, "nothing", allowed);
    return {};
  }
  const Json& list = table[name];
  if (list.is_null()) return {};
  if (!list.is_array() || list.empty()) {
    errors.Add(field, ShownJson(list), allowed);
    return {};
  }
  std::vector<std::pair<int64_t, double>> points;
  for (const Json& point : list) {
    if (!IsPoint(point) || (!points.empty() && point[0].get<int64_t>() <= points.back().first)) {
      errors.Add(field, ShownJson(point), allowed);
      return {};
    }
    points.emplace_back(point[0].get<int64_t>(), point[1].get<double>() / 1e3);
  }
  return LevelCurve(std::move(points));
}

CkksTable Table(const Json& table, const std::string& source, FieldErrors& errors) {
  if (!table.is_object()) {
    errors.Add(absl::StrCat(source, ": table"), table.is_discarded() ? "nothing" : ShownJson(table),
               "an object of curves");
    return {};
  }
  CkksTable curves;
  const std::vector<std::pair<const char*, LevelCurve*>> fields = {
      {"rotate", &curves.rotate},
      {"ciphertext_multiplication", &curves.ciphertext_multiplication},
      {"relinearization", &curves.relinearization},
      {"plaintext_multiplication", &curves.plaintext_multiplication},
      {"encode", &curves.encode},
      {"rescale", &curves.rescale},
      {"bootstrap", &curves.bootstrap}};
  std::vector<std::string> known;
  for (const auto& [name, curve] : fields) {
    *curve = Curve(table, name, source, errors);
    known.emplace_back(name);
  }
  for (const auto& [name, value] : table.items()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      errors.Add(absl::StrCat(source, ": table.", name), ShownJson(value),
                 absl::StrCat("no curve of that name; known: ", absl::StrJoin(known, ", ")));
    }
  }
  return curves;
}

std::vector<int64_t> Levels(const Json& list, const std::string& source, FieldErrors& errors) {
  std::vector<int64_t> levels;
  bool fits = list.is_array() && !list.empty();
  for (size_t i = 0; fits && i < list.size(); ++i) {
    fits = IsLevel(list[i]) && list[i].get<int64_t>() >= 1 &&
           (levels.empty() || list[i].get<int64_t>() > levels.back());
    if (fits) levels.push_back(list[i].get<int64_t>());
  }
  if (!fits) {
    errors.Add(absl::StrCat(source, ": levels"), list.is_discarded() ? "nothing" : ShownJson(list),
               absl::StrCat("a list of rising whole numbers, 1 to ", kMaxCkksLevels));
  }
  return levels;
}

// A field that JsonFields cannot read, taken out of the object that it reads.
Json TakeOut(Json& object, const std::string& field) {
  if (!object.is_object() || !object.contains(field)) return Json(Json::value_t::discarded);
  Json value = std::move(object[field]);
  object.erase(field);
  return value;
}

bool Flag(const Json& value, const std::string& field, const std::string& source,
          FieldErrors& errors) {
  if (value.is_boolean()) return value.get<bool>();
  errors.Add(absl::StrCat(source, ": ", field), value.is_discarded() ? "nothing" : ShownJson(value),
             "true or false");
  return false;
}

// What the fields must be together.
void CheckTogether(const CkksPreset& preset, const std::string& source, FieldErrors& errors) {
  if (!std::has_single_bit(static_cast<uint64_t>(preset.ring_dimension))) {
    errors.Add(absl::StrCat(source, ": ring_dimension"), absl::StrCat(preset.ring_dimension),
               "a power of two");
  }
  if (!std::has_single_bit(static_cast<uint64_t>(preset.slots)) ||
      preset.slots > preset.ring_dimension / 2) {
    errors.Add(absl::StrCat(source, ": slots"), absl::StrCat(preset.slots),
               "a power of two, at most half the ring dimension");
  }
  if (preset.table.bootstrap.empty()) {
    errors.Add(absl::StrCat(source, ": table.bootstrap"), "null", "a curve");
  } else if (!preset.levels.empty() && preset.table.bootstrap.last_level() < preset.levels.back()) {
    errors.Add(absl::StrCat(source, ": table.bootstrap"),
               absl::StrCat("levels up to ", preset.table.bootstrap.last_level()),
               absl::StrCat("a curve up to the highest of `levels`, ", preset.levels.back()));
  }
  if (!preset.linear_s && (preset.table.rotate.empty() || preset.table.rescale.empty() ||
                           preset.table.ciphertext_multiplication.empty())) {
    errors.Add(absl::StrCat(source, ": linear_s"), "null",
               "a number, or curves of rotate, rescale and ciphertext_multiplication");
  }
}

std::vector<CkksPreset> MakeBuiltInPresets() {
  std::vector<CkksPreset> presets;
  for (const char* text : BuiltInCkksJson()) {
    // The build's own data; a test reads every one of them.
    absl::StatusOr<CkksPreset> preset = CkksPresetFromJson(text, "search/cost/data/ckks");
    if (preset.ok()) presets.push_back(*std::move(preset));
  }
  return presets;
}

}  // namespace

std::optional<double> LevelCurve::At(int64_t level) const {
  if (points_.empty() || level < points_.front().first || level > points_.back().first) {
    return std::nullopt;
  }
  size_t i = 0;
  while (points_[i].first < level) ++i;
  if (points_[i].first == level) return points_[i].second;
  const auto& [low, low_s] = points_[i - 1];
  const auto& [high, high_s] = points_[i];
  return low_s +
         (high_s - low_s) * static_cast<double>(level - low) / static_cast<double>(high - low);
}

const std::vector<CkksPreset>& BuiltInCkksPresets() {
  static const auto* const presets = new std::vector<CkksPreset>(MakeBuiltInPresets());
  return *presets;
}

absl::StatusOr<const CkksPreset*> FindCkksPreset(const std::string& name) {
  std::vector<std::string> names;
  for (const CkksPreset& preset : BuiltInCkksPresets()) {
    if (preset.name == name) return &preset;
    names.push_back(preset.name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "preset: found ", name, "; allowed: ", absl::StrJoin(names, ", "), ", or a JSON file"));
}

absl::StatusOr<CkksPreset> CkksPresetFromJson(const std::string& json, const std::string& source) {
  Json object = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  FieldErrors errors;
  CkksPreset preset;
  if (object.is_object()) {
    preset.levels = Levels(TakeOut(object, "levels"), source, errors);
    preset.table = Table(TakeOut(object, "table"), source, errors);
    for (const auto& [field, flag] : {std::pair("stem_free", &preset.stem_free),
                                      std::pair("relu_prescale", &preset.relu_prescale),
                                      std::pair("relu_refresh", &preset.relu_refresh)}) {
      *flag = Flag(TakeOut(object, field), field, source, errors);
    }
  }
  JsonFields fields(object, source);
  preset.name = fields.Text("name");
  preset.description = fields.Text("description");
  preset.source = fields.Text("source");
  preset.ring_dimension = fields.Whole("ring_dimension", 4, kMaxRingDimension);
  preset.slots = fields.Whole("slots", 2, kMaxRingDimension / 2);
  preset.packing = fields.Choice("packing", "multiplexed single_shot") == "single_shot"
                       ? CkksPackingKind::kSingleShot
                       : CkksPackingKind::kMultiplexed;
  preset.minimum_bootstrap_level = fields.Whole("minimum_bootstrap_level", 0, kMaxCkksLevels);
  preset.convolution_depth = fields.Whole("convolution_depth", 1, 2);
  preset.identity_skip_depth = fields.Whole("identity_skip_depth", 0, 2);
  preset.linear_s = fields.NumberOrNull("linear_s", 0, /*or_equal=*/false, kMaxLinearS);
  preset.band_factor = fields.Number("band_factor", 1, /*or_equal=*/true, kMaxBandFactor);
  preset.band_reason = fields.Text("band_reason");
  const absl::Status plain = fields.Finish();
  if (plain.ok()) CheckTogether(preset, source, errors);
  if (plain.ok() || errors.empty()) {
    RETURN_IF_ERROR(plain);
    RETURN_IF_ERROR(errors.ToStatus());
    return preset;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(plain.message()), "\n", std::string(errors.ToStatus().message())));
}

}  // namespace reluscape
