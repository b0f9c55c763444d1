#pragma once

// The fields of an architecture as texts: what canonical texts, the modifiers of names and error
// messages share. Thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/field_errors.h"
#include "search/network/architecture.h"

namespace reluscape {

inline constexpr char kMultiplierRange[] = "0.001 to 1000 with at most three decimals";

// A number in thousandths, so that products are exact; std::nullopt where it is outside 0.001 to
// 1000, not a number or has more decimals.
std::optional<int64_t> Thousandths(double number);

// std::nullopt unless `text` is digits alone and fits.
std::optional<int64_t> ParseInteger(const std::string& text);

// "5", "1.5", "0.125": digits with at most three decimals, up to 1000; std::nullopt otherwise.
std::optional<double> ParseDecimal(const std::string& text);

// The shortest such text; of any double.
std::string FormatDecimal(double number);

// "\"text\"" for messages.
std::string Quoted(const std::string& text);

// One field of Architecture with its key in canonical texts.
struct ArchitectureField {
  const char* key;   // "stem-relu"
  const char* name;  // "stem_relu", as errors name it
  bool required;     // canonical texts always hold it
  // Sets it; adds an error where `text` is no value of the field. Ranges are checked elsewhere.
  void (*read)(const char* name, const std::string& text, Architecture& architecture,
               FieldErrors& errors);
  std::string (*write)(const Architecture& architecture);
};

// Every field but the family, in the order of canonical texts.
const std::vector<ArchitectureField>& ArchitectureFields();
// By key; null where there is none.
const ArchitectureField* FindField(const std::string& key);
// The value of the field with that name, as canonical texts write it.
std::string FieldText(std::string_view name, const Architecture& architecture);

// "basic", "bottleneck", "wrn", "vgg".
std::string FamilyName(Family family);
std::optional<Family> FindFamily(const std::string& name);
std::string FamilyNames();

}  // namespace reluscape
