#include "search/network/architecture_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <system_error>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace reluscape {
namespace {

bool IsDigits(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

template <typename Enum>
using Choices = std::vector<std::pair<const char*, Enum>>;

// The words of every choice, in the order of its values.
Choices<Family> ChoicesFor(Family) {
  return {{"basic", Family::kBasic},
          {"bottleneck", Family::kBottleneck},
          {"wrn", Family::kWide},
          {"vgg", Family::kVgg}};
}
Choices<bool> ChoicesFor(bool) { return {{"no", false}, {"yes", true}}; }
Choices<Shortcut> ChoicesFor(Shortcut) {
  return {{"projection", Shortcut::kProjection},
          {"downsample", Shortcut::kDownsample},
          {"none", Shortcut::kNone}};
}
Choices<Skip> ChoicesFor(Skip) {
  return {{"residual", Skip::kResidual},
          {"none", Skip::kNone},
          {"dirac", Skip::kDirac},
          {"dirac-ss", Skip::kDiracShared}};
}
Choices<SharedSource> ChoicesFor(SharedSource) {
  return {{"section", SharedSource::kSection}, {"stem", SharedSource::kStem}};
}
Choices<Merge> ChoicesFor(Merge) { return {{"add", Merge::kAdd}, {"scaled", Merge::kScaled}}; }
Choices<Downsampling> ChoicesFor(Downsampling) {
  return {{"conv", Downsampling::kConv}, {"average-pool", Downsampling::kAveragePool}};
}
Choices<PoolKind> ChoicesFor(PoolKind) {
  return {{"average", PoolKind::kAverage}, {"max", PoolKind::kMax}};
}
Choices<Classifier> ChoicesFor(Classifier) {
  return {{"hidden", Classifier::kHidden}, {"linear", Classifier::kLinear}};
}

template <typename Enum>
std::string WordOf(Enum value) {
  for (const auto& [word, choice] : ChoicesFor(value)) {
    if (choice == value) return word;
  }
  return "unknown";  // a value that was cast from an integer
}

template <typename Enum>
std::optional<Enum> ChoiceOf(const std::string& text) {
  for (const auto& [word, choice] : ChoicesFor(Enum{})) {
    if (text == word) return choice;
  }
  return std::nullopt;
}

template <typename Enum>
std::string Words() {
  return absl::StrJoin(ChoicesFor(Enum{}), ", ",
                       [](std::string* out, const auto& choice) { out->append(choice.first); });
}

int64_t ReadInteger(const std::string& name, const std::string& text, FieldErrors& errors) {
  const std::optional<int64_t> value = ParseInteger(text);
  if (!value) errors.Add(name, Quoted(text), "an integer");
  return value.value_or(0);
}

double ReadDecimal(const std::string& name, const std::string& text, FieldErrors& errors) {
  const std::optional<double> value = ParseDecimal(text);
  if (!value) errors.Add(name, Quoted(text), kMultiplierRange);
  return value.value_or(0);
}

std::string Element(const std::string& name, size_t index) {
  return absl::StrCat(name, "[", index, "]");
}

template <auto member>
void Read(const char* name, const std::string& text, Architecture& architecture,
          FieldErrors& errors) {
  auto& field = architecture.*member;
  using Value = std::remove_reference_t<decltype(field)>;
  if constexpr (std::is_same_v<Value, int64_t>) {
    field = ReadInteger(name, text, errors);
  } else if constexpr (std::is_same_v<Value, double>) {
    field = ReadDecimal(name, text, errors);
  } else {
    const std::optional<Value> value = ChoiceOf<Value>(text);
    if (!value) errors.Add(name, Quoted(text), Words<Value>());
    field = value.value_or(field);
  }
}

template <auto member>
std::string Write(const Architecture& architecture) {
  const auto& field = architecture.*member;
  using Value = std::remove_cvref_t<decltype(field)>;
  if constexpr (std::is_same_v<Value, int64_t>) {
    return absl::StrCat(field);
  } else if constexpr (std::is_same_v<Value, double>) {
    return FormatDecimal(field);
  } else {
    return WordOf(field);
  }
}

void ReadBlocks(const char* name, const std::string& text, Architecture& architecture,
                FieldErrors& errors) {
  architecture.blocks.clear();
  for (const auto part : absl::StrSplit(text, 'x')) {
    architecture.blocks.push_back(
        ReadInteger(Element(name, architecture.blocks.size()), std::string(part), errors));
  }
}

std::string WriteBlocks(const Architecture& architecture) {
  return absl::StrJoin(architecture.blocks, "x");
}

void ReadMultipliers(const char* name, const std::string& text, Architecture& architecture,
                     FieldErrors& errors) {
  architecture.multipliers.clear();
  for (const auto part : absl::StrSplit(text, 'x')) {
    architecture.multipliers.push_back(
        ReadDecimal(Element(name, architecture.multipliers.size()), std::string(part), errors));
  }
}

std::string WriteMultipliers(const Architecture& architecture) {
  return absl::StrJoin(architecture.multipliers, "x", [](std::string* out, double multiplier) {
    out->append(FormatDecimal(multiplier));
  });
}

// In any order; what is kept is ascending.
void ReadCulled(const char* name, const std::string& text, Architecture& architecture,
                FieldErrors& errors) {
  architecture.culled.clear();
  if (text.empty()) return;
  for (const auto part : absl::StrSplit(text, ',')) {
    architecture.culled.push_back(
        ReadInteger(Element(name, architecture.culled.size()), std::string(part), errors));
  }
  std::sort(architecture.culled.begin(), architecture.culled.end());
}

std::string WriteCulled(const Architecture& architecture) {
  return absl::StrJoin(architecture.culled, ",");
}

void ReadJoins(const char* name, const std::string& text, Architecture& architecture,
               FieldErrors& errors) {
  const std::optional<int64_t> every = ParseInteger(text);
  if (text == "block") {
    architecture.joins = 1;
  } else if (text == "section") {
    architecture.joins = kJoinsAtSectionEnd;
  } else if (every && *every >= 1) {
    architecture.joins = *every;
  } else {
    errors.Add(name, Quoted(text), "block, section, or N for every N-th block");
  }
}

std::string WriteJoins(const Architecture& architecture) {
  if (architecture.joins == kJoinsAtSectionEnd) return "section";
  return architecture.joins == 1 ? "block" : absl::StrCat(architecture.joins);
}

}  // namespace

std::optional<int64_t> Thousandths(double number) {
  if (!(number >= kMinMultiplier && number <= kMaxMultiplier)) return std::nullopt;
  const int64_t thousandths = std::llround(number * 1000);
  // A decimal with at most three places is the double next to thousandths / 1000, exactly.
  if (static_cast<double>(thousandths) / 1000 != number) return std::nullopt;
  return thousandths;
}

std::optional<int64_t> ParseInteger(const std::string& text) {
  if (!IsDigits(text)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> ParseDecimal(const std::string& text) {
  const size_t point = text.find('.');
  const std::string whole = text.substr(0, point);
  std::string decimals = point == std::string::npos ? "0" : text.substr(point + 1);
  if (!IsDigits(decimals) || decimals.size() > 3) return std::nullopt;
  decimals.resize(3, '0');
  const std::optional<int64_t> units = ParseInteger(whole);
  if (!units || *units > static_cast<int64_t>(kMaxMultiplier)) return std::nullopt;
  return static_cast<double>(*units * 1000 + ParseInteger(decimals).value_or(0)) / 1000;
}

std::string FormatDecimal(double number) {
  char buffer[400];  // the longest finite double has 309 digits before its point
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof(buffer), number, std::chars_format::fixed);
  return error == std::errc() ? std::string(buffer, end) : absl::StrCat(number);
}

std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

const std::vector<ArchitectureField>& ArchitectureFields() {
  using A = Architecture;
  static const auto* const fields = new std::vector<ArchitectureField>{
      {"side", "side", true, Read<&A::side>, Write<&A::side>},
      {"classes", "classes", true, Read<&A::classes>, Write<&A::classes>},
      {"m", "base_channels", true, Read<&A::base_channels>, Write<&A::base_channels>},
      {"blocks", "blocks", true, ReadBlocks, WriteBlocks},
      {"multipliers", "multipliers", true, ReadMultipliers, WriteMultipliers},
      {"widen", "widen", false, Read<&A::widen>, Write<&A::widen>},
      {"channel-scale", "channel_scale", false, Read<&A::channel_scale>, Write<&A::channel_scale>},
      {"stem-kernel", "stem_kernel", false, Read<&A::stem_kernel>, Write<&A::stem_kernel>},
      {"stem-stride", "stem_stride", false, Read<&A::stem_stride>, Write<&A::stem_stride>},
      {"stem-pool", "stem_pool", false, Read<&A::stem_pool>, Write<&A::stem_pool>},
      {"stem-relu", "stem_relu", false, Read<&A::stem_relu>, Write<&A::stem_relu>},
      {"final-relu", "final_relu", false, Read<&A::final_relu>, Write<&A::final_relu>},
      {"last-map", "last_map", false, Read<&A::last_map>, Write<&A::last_map>},
      {"shortcut", "shortcut", false, Read<&A::shortcut>, Write<&A::shortcut>},
      {"skip", "skip", false, Read<&A::skip>, Write<&A::skip>},
      {"source", "source", false, Read<&A::source>, Write<&A::source>},
      {"joins", "joins", false, ReadJoins, WriteJoins},
      {"merge", "merge", false, Read<&A::merge>, Write<&A::merge>},
      {"downsampling", "downsampling", false, Read<&A::downsampling>, Write<&A::downsampling>},
      {"thinned", "thinned", false, Read<&A::thinned>, Write<&A::thinned>},
      {"culled", "culled", false, ReadCulled, WriteCulled},
      {"reuse", "reuse", false, Read<&A::reuse>, Write<&A::reuse>},
      {"pool", "pool", false, Read<&A::pool>, Write<&A::pool>},
      {"classifier", "classifier", false, Read<&A::classifier>, Write<&A::classifier>},
  };
  return *fields;
}

const ArchitectureField* FindField(const std::string& key) {
  for (const ArchitectureField& field : ArchitectureFields()) {
    if (key == field.key) return &field;
  }
  return nullptr;
}

std::string FieldText(std::string_view name, const Architecture& architecture) {
  for (const ArchitectureField& field : ArchitectureFields()) {
    if (name == field.name) return field.write(architecture);
  }
  return "";
}

std::string FamilyName(Family family) { return WordOf(family); }

std::optional<Family> FindFamily(const std::string& name) { return ChoiceOf<Family>(name); }

std::string FamilyNames() { return Words<Family>(); }

Architecture DefaultsOf(Family family) {
  Architecture architecture;
  architecture.family = family;
  if (family == Family::kVgg) architecture.skip = Skip::kNone;
  return architecture;
}

}  // namespace reluscape
