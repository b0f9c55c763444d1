#include "search/cost/json_fields.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace reluscape {
namespace {

std::string Range(double low, bool or_equal, double high) {
  return absl::StrCat("a finite number, ", or_equal ? "at least " : "above ", low, " and at most ",
                      high);
}

bool IsWithin(const nlohmann::json& value, int levels) {
  return !value.is_structured() ||
         (levels > 0 && std::all_of(value.begin(), value.end(), [=](const nlohmann::json& item) {
            return IsWithin(item, levels - 1);
          }));
}

}  // namespace

std::string ShownJson(const nlohmann::json& value) {
  if (!IsWithin(value, /*levels=*/3)) return value.is_array() ? "a list" : "an object";
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

JsonFields::JsonFields(const nlohmann::json& object, std::string source)
    : object_(object), source_(std::move(source)) {
  if (!object_.is_object()) {
    errors_.Add(source_, object_.is_discarded() ? "no JSON" : object_.type_name(),
                "one JSON object");
  }
}

const nlohmann::json* JsonFields::Find(const std::string& field) {
  known_.insert(field);
  if (!object_.is_object()) return nullptr;
  const auto found = object_.find(field);
  if (found == object_.end()) {
    errors_.Add(absl::StrCat(source_, ": ", field), "nothing", "the field is required");
    return nullptr;
  }
  return &*found;
}

void JsonFields::Add(const std::string& field, const nlohmann::json& found,
                     const std::string& allowed) {
  errors_.Add(absl::StrCat(source_, ": ", field), ShownJson(found), allowed);
}

std::string JsonFields::Text(const std::string& field) {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return "";
  if (!value->is_string() || value->get<std::string>().empty()) {
    Add(field, *value, "a text that is not empty");
    return "";
  }
  return value->get<std::string>();
}

std::string JsonFields::Choice(const std::string& field, const std::string& allowed) {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return "";
  const std::vector<std::string> choices = absl::StrSplit(allowed, ' ');
  for (const std::string& choice : choices) {
    if (*value == choice) return choice;
  }
  Add(field, *value, absl::StrJoin(choices, ", "));
  return "";
}

double JsonFields::Number(const std::string& field, double low, bool or_equal, double high) {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return 0;
  const double number = value->is_number() ? value->get<double>() : std::nan("");
  const bool fits =
      std::isfinite(number) && (or_equal ? number >= low : number > low) && number <= high;
  if (!fits) Add(field, *value, Range(low, or_equal, high));
  return fits ? number : 0;
}

std::optional<double> JsonFields::NumberOrNull(const std::string& field, double low, bool or_equal,
                                               double high) {
  if (object_.is_object() && object_.contains(field) && object_[field].is_null()) {
    known_.insert(field);
    return std::nullopt;
  }
  return Number(field, low, or_equal, high);
}

int64_t JsonFields::Whole(const std::string& field, int64_t low, int64_t high) {
  const nlohmann::json* value = Find(field);
  if (value == nullptr) return low;
  const bool whole = value->is_number_integer() &&
                     !(value->is_number_unsigned() && value->get<uint64_t>() > INT64_MAX);
  const int64_t number = whole ? value->get<int64_t>() : 0;
  if (whole && number >= low && number <= high) return number;
  Add(field, *value, absl::StrCat("a whole number, ", low, " to ", high));
  return low;
}

std::optional<int64_t> JsonFields::WholeOrNull(const std::string& field, int64_t low,
                                               int64_t high) {
  if (object_.is_object() && object_.contains(field) && object_[field].is_null()) {
    known_.insert(field);
    return std::nullopt;
  }
  return Whole(field, low, high);
}

absl::Status JsonFields::Finish() {
  if (object_.is_object()) {
    for (const auto& [field, value] : object_.items()) {
      if (!known_.contains(field)) {
        Add(field, value,
            absl::StrCat("no field of that name; known: ", absl::StrJoin(known_, ", ")));
      }
    }
  }
  return errors_.ToStatus();
}

}  // namespace reluscape
