#pragma once

// Reads the fields of a JSON object one by one and collects every error with the field's name.
// Shared by links and hardware profiles. Not thread-safe.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "base/field_errors.h"

namespace reluscape {

// A value of a file, for an error message. What has more than a few levels is only named: a file
// may nest them more deeply than the stack could follow.
std::string ShownJson(const nlohmann::json& value);

class JsonFields {
 public:
  // `source` stands before every field in messages. Borrows `object`, which may be anything that a
  // parser returned; what is no object is one error.
  JsonFields(const nlohmann::json& object, std::string source);

  std::string Text(const std::string& field);
  // One of `allowed`, which are separated by blanks.
  std::string Choice(const std::string& field, const std::string& allowed);
  // A finite number, above `low` (or equal to it with `or_equal`), at most `high`.
  double Number(const std::string& field, double low, bool or_equal, double high);
  // The same with null allowed: no source gives the constant.
  std::optional<double> NumberOrNull(const std::string& field, double low, bool or_equal,
                                     double high);
  int64_t Whole(const std::string& field, int64_t low, int64_t high);
  std::optional<int64_t> WholeOrNull(const std::string& field, int64_t low, int64_t high);

  // Call last: adds an error for every field that nothing has read. OK where there is no error.
  absl::Status Finish();

 private:
  // Null where the field is missing, which is an error.
  const nlohmann::json* Find(const std::string& field);
  void Add(const std::string& field, const nlohmann::json& found, const std::string& allowed);

  const nlohmann::json& object_;
  std::string source_;
  std::set<std::string> known_;
  FieldErrors errors_;
};

}  // namespace reluscape
