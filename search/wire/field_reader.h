#pragma once

// How the fields of a job's messages are checked: each error with the field's path, what was found
// and what is allowed. Not thread-safe.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"

namespace reluscape {

// What a missing optional means.
enum class Missing { kTakesDefault, kIsError };

// An interval of doubles, as it is checked and as it is said.
struct Interval {
  double low;
  double high;
  bool low_included;
  bool high_included;
  const char* text;

  bool Contains(double value) const {
    return std::isfinite(value) && (low_included ? value >= low : value > low) &&
           (high_included ? value <= high : value < high);
  }
};
inline constexpr double kInfinity = std::numeric_limits<double>::infinity();
inline constexpr Interval kPositive = {0, kInfinity, false, false, "a number above 0"};
inline constexpr Interval kNotNegative = {0, kInfinity, true, false, "a number of at least 0"};
inline constexpr Interval kAboveOne = {1, kInfinity, false, false, "a number above 1"};
inline constexpr Interval kFromOne = {1, kInfinity, true, false, "a number of at least 1"};
inline constexpr Interval kFraction = {0, 1, true, false, "a number from 0 to below 1"};
inline constexpr Interval kOpenFraction = {0, 1, false, false,
                                           "a number between 0 and 1, both excluded"};
inline constexpr Interval kFactor = {0, 1, false, true, "a number above 0, at most 1"};

// A value of an enum, what it is in the proto, and how job files write it.
template <typename Ours, typename Protos>
struct EnumName {
  Ours value;
  Protos in_proto;
  const char* text;
};

template <typename Ours, typename Protos, size_t kSize>
Protos EnumToProto(const EnumName<Ours, Protos> (&names)[kSize], Ours value) {
  for (const EnumName<Ours, Protos>& name : names) {
    if (name.value == value) return name.in_proto;
  }
  return Protos{};
}

// Reads the fields of one message below `path`.
class FieldReader {
 public:
  FieldReader(std::string path, Missing missing, FieldErrors& errors)
      : path_(std::move(path)), missing_(missing), errors_(errors) {}

  std::string Path(const char* field) const {
    return path_.empty() ? std::string(field) : absl::StrCat(path_, ".", field);
  }
  Missing missing() const { return missing_; }
  FieldErrors& errors() const { return errors_; }

  // `target` holds the default.
  void Integer(const char* field, bool present, int64_t value, int64_t low, int64_t high,
               int64_t& target) const {
    if (!Present(field, present)) return;
    if (value < low || value > high) {
      errors_.Add(Path(field), absl::StrCat(value), absl::StrCat(low, " to ", high));
    } else {
      target = value;
    }
  }
  void Real(const char* field, bool present, double value, const Interval& interval,
            double& target) const {
    if (!Present(field, present)) return;
    if (!interval.Contains(value)) {
      errors_.Add(Path(field), absl::StrCat(value), interval.text);
    } else {
      target = value;
    }
  }
  void Boolean(const char* field, bool present, bool value, bool& target) const {
    if (Present(field, present)) target = value;
  }

  // Of a proto enum, by a table of (value of ours, value of the proto, name in job files).
  template <typename Ours, typename Protos, size_t kSize>
  void Enum(const char* field, bool present, Protos value,
            const EnumName<Ours, Protos> (&names)[kSize], Ours& target) const {
    if (!Present(field, present)) return;
    std::string allowed;
    for (const EnumName<Ours, Protos>& name : names) {
      if (name.in_proto == value) {
        target = name.value;
        return;
      }
      absl::StrAppend(&allowed, allowed.empty() ? "" : ", ", name.text);
    }
    errors_.Add(Path(field), absl::StrCat(static_cast<int>(value)), allowed);
  }

  bool Present(const char* field, bool present) const {
    if (!present && missing_ == Missing::kIsError) {
      errors_.Add(Path(field), "nothing", "a value");
    }
    return present;
  }

 private:
  const std::string path_;
  const Missing missing_;
  FieldErrors& errors_;
};

// The largest integer up to which every one is exact in JSON readers that keep doubles.
inline constexpr int64_t kLargestExact = (int64_t{1} << 53) - 1;

inline bool HasControlCharacter(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// One entry of a list that must lie in a range and may not repeat.
inline bool CheckListed(const std::string& path, int64_t value, int64_t low, int64_t high,
                        std::set<int64_t>& seen, FieldErrors& errors) {
  if (value < low || value > high) {
    errors.Add(path, absl::StrCat(value), absl::StrCat(low, " to ", high));
    return false;
  }
  if (!seen.insert(value).second) {
    errors.Add(path, absl::StrCat(value, " again"), "each value once");
    return false;
  }
  return true;
}

inline bool CheckLength(const std::string& path, int64_t size, int64_t most, FieldErrors& errors) {
  if (size <= most) return true;
  errors.Add(path, absl::StrCat(size, " entries"), absl::StrCat("at most ", most));
  return false;
}

}  // namespace reluscape
