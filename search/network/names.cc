#include "search/network/names.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "search/network/architecture_text.h"

namespace reluscape {
namespace {

constexpr size_t kLongestText = 1000;
constexpr char kHybReNetPrefix[] = "hrn-";
constexpr char kDefaultBackbone[] = "resnet18";
constexpr int64_t kHybReNetBaseChannels = 16;  // DeepReShape's HRNs; PrivCirNet's HRN-5x5x3x

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

std::string PresetNames() {
  return absl::StrJoin(Presets(), ", ",
                       [](std::string* out, const Preset& preset) { out->append(preset.name); });
}

std::string AllowedNames() {
  return absl::StrCat(BackboneNames(), ", hrn-AxBxCx (each with @m behind it), ", PresetNames(),
                      ", or a canonical text (basic:side=...)");
}

// The parts of "hrn-5x5x3x@16:resnet34"; what is missing is empty.
struct NameParts {
  std::string head;
  std::optional<std::string> base_channels;
  std::optional<std::string> backbone;
};

NameParts SplitName(const std::string& text) {
  NameParts parts{.head = text, .base_channels = {}, .backbone = {}};
  if (const size_t colon = parts.head.find(':'); colon != std::string::npos) {
    parts.backbone = parts.head.substr(colon + 1);
    parts.head.resize(colon);
  }
  if (const size_t at = parts.head.find('@'); at != std::string::npos) {
    parts.base_channels = parts.head.substr(at + 1);
    parts.head.resize(at);
  }
  return parts;
}

// The multipliers of "hrn-5x5x3x", as many as the backbone has.
void ReadHybReNet(const std::string& head, const Backbone& backbone, Architecture& architecture,
                  FieldErrors& errors) {
  const std::string list = head.substr(sizeof(kHybReNetPrefix) - 1);
  if (list.empty() || list.back() != 'x') {
    errors.Add("name", Quoted(head), "hrn-AxBxCx with an x behind each multiplier");
    return;
  }
  const std::string multipliers = list.substr(0, list.size() - 1);
  const auto given = static_cast<size_t>(std::count(multipliers.begin(), multipliers.end(), 'x'));
  const size_t wanted = backbone.architecture.multipliers.size();
  if (given + 1 != wanted) {
    errors.Add("multipliers", absl::StrCat(given + 1, " multipliers in ", Quoted(head)),
               absl::StrCat(wanted, " for ", backbone.name, " with its ", wanted + 1, " sections"));
    return;
  }
  const ArchitectureField& field = *FindField("multipliers");
  field.read(field.name, multipliers, architecture, errors);
}

// "resnet18", "hrn-5x5x3x@16:resnet34", ... without modifiers.
std::optional<Architecture> ReadUnmodified(const std::string& text, FieldErrors& errors) {
  const NameParts parts = SplitName(text);
  const bool hybrenet = StartsWith(parts.head, kHybReNetPrefix);
  const std::string depth = hybrenet ? parts.backbone.value_or(kDefaultBackbone) : parts.head;
  const std::optional<Backbone> backbone = FindBackbone(depth);
  if (!backbone) {
    errors.Add(hybrenet ? "backbone" : "name", Quoted(depth),
               hybrenet ? BackboneNames() : AllowedNames());
    return std::nullopt;
  }
  if (!hybrenet && parts.backbone) {
    errors.Add("backbone", Quoted(*parts.backbone), "a backbone behind hrn-... names only");
    return std::nullopt;
  }
  Architecture architecture = backbone->architecture;
  if (hybrenet) {
    architecture.base_channels = kHybReNetBaseChannels;
    ReadHybReNet(parts.head, *backbone, architecture, errors);
  }
  if (parts.base_channels) {
    const ArchitectureField& field = *FindField("m");
    field.read(field.name, *parts.base_channels, architecture, errors);
  }
  return architecture;
}

// The field that a modifier sets, so that it is set once under one name.
std::string ModifiedField(const std::string& modifier) {
  const std::string key = modifier.substr(0, modifier.find(':'));
  if (key == "scale") return "channel-scale";
  return key == "no-stem-relu" ? "stem-relu" : key;
}

// With an error where `side` is another than the one that a preset fixes.
std::optional<Architecture> ReadName(const std::string& text, int64_t side, FieldErrors& errors) {
  std::vector<std::string> parts = absl::StrSplit(text, '+');
  std::set<std::string> seen;
  for (size_t i = 1; i < parts.size(); ++i) {
    if (!seen.insert(ModifiedField(parts[i])).second) {
      errors.Add("modifier", Quoted("+" + parts[i]), "each modifier once");
    }
  }
  for (const Preset& preset : Presets()) {
    if (parts[0] != preset.name) continue;
    if (side != preset.side) {
      errors.Add("side", absl::StrCat(side), absl::StrCat(preset.side, " for ", preset.name));
    }
    const std::vector<std::string> expanded = absl::StrSplit(preset.expanded, '+');
    parts.insert(parts.begin() + 1, expanded.begin() + 1, expanded.end());
    parts[0] = expanded[0];
    break;
  }
  std::optional<Architecture> architecture = ReadUnmodified(parts[0], errors);
  Architecture modified = architecture.value_or(Architecture{});
  for (size_t i = 1; i < parts.size(); ++i) ApplyModifier(parts[i], modified, errors);
  if (architecture) architecture = modified;
  return architecture;
}

std::optional<Architecture> ReadCanonicalText(const std::string& text, FieldErrors& errors) {
  const size_t colon = text.find(':');
  Architecture architecture = DefaultsOf(*FindFamily(text.substr(0, colon)));
  std::set<std::string> seen;
  for (const auto part : absl::StrSplit(text.substr(colon + 1), ':')) {
    const std::string pair(part);
    const size_t equals = pair.find('=');
    const ArchitectureField* field =
        equals == std::string::npos ? nullptr : FindField(pair.substr(0, equals));
    if (field == nullptr || !seen.insert(field->key).second) {
      const std::string keys = absl::StrJoin(
          ArchitectureFields(), ", ",
          [](std::string* out, const ArchitectureField& known) { out->append(known.key); });
      errors.Add("canonical text", Quoted(pair),
                 absl::StrCat(keys, ", each at most once, as in key=value"));
      continue;
    }
    field->read(field->name, pair.substr(equals + 1), architecture, errors);
  }
  for (const ArchitectureField& field : ArchitectureFields()) {
    if (field.required && !seen.contains(field.key)) {
      errors.Add(field.name, "nothing", absl::StrCat("a value: ", field.key, "=..."));
    }
  }
  return architecture;
}

// Without side and classes of the caller where `side` is 0.
std::optional<Architecture> Parse(const std::string& text, int64_t side, int64_t classes,
                                  FieldErrors& errors) {
  // Helpers stop at "any error so far": the caller's list may already hold others.
  FieldErrors own;
  std::optional<Architecture> architecture;
  if (text.size() > kLongestText) {
    own.Add("name", absl::StrCat(text.size(), " characters"),
            absl::StrCat("at most ", kLongestText));
  } else if (IsCanonicalText(text)) {
    architecture = ReadCanonicalText(text, own);
    const bool read = own.empty();
    if (read && side != 0 && architecture->side != side) {
      own.Add("side", absl::StrCat(architecture->side, " in the canonical text"),
              absl::StrCat(side, ", the side of the images"));
    }
    if (read && classes != 0 && architecture->classes != classes) {
      own.Add("classes", absl::StrCat(architecture->classes, " in the canonical text"),
              absl::StrCat(classes, ", the classes of the data set"));
    }
  } else {
    architecture = ReadName(text, side, own);
    if (architecture) {
      architecture->side = side;
      architecture->classes = classes;
    }
  }
  if (own.empty()) SectionShapes(*architecture, own);
  for (const FieldError& error : own.errors()) errors.Add(error.field, error.found, error.allowed);
  if (!own.empty()) return std::nullopt;
  return architecture;
}

}  // namespace

std::optional<Architecture> ParseArchitecture(const std::string& text, int64_t side,
                                              int64_t classes, FieldErrors& errors) {
  const bool valid_side = side >= kMinSide && side <= kMaxSide;
  const bool valid_classes = classes >= kMinClasses && classes <= kMaxClasses;
  if (!valid_side) errors.Add("side", absl::StrCat(side), absl::StrCat(kMinSide, " to ", kMaxSide));
  if (!valid_classes) {
    errors.Add("classes", absl::StrCat(classes), absl::StrCat(kMinClasses, " to ", kMaxClasses));
  }
  if (!valid_side || !valid_classes) return std::nullopt;
  return Parse(text, side, classes, errors);
}

absl::StatusOr<Architecture> ParseArchitecture(const std::string& text, int64_t side,
                                               int64_t classes) {
  FieldErrors errors;
  const std::optional<Architecture> architecture = ParseArchitecture(text, side, classes, errors);
  // Without an architecture there is an error.
  if (!architecture) return errors.ToStatus();
  return *architecture;
}

bool IsCanonicalText(const std::string& text) {
  const size_t colon = text.find(':');
  return colon != std::string::npos && FindFamily(text.substr(0, colon)).has_value();
}

absl::StatusOr<Architecture> ParseCanonicalText(const std::string& text) {
  FieldErrors errors;
  if (!IsCanonicalText(text)) {
    errors.Add("canonical text", Quoted(text),
               absl::StrCat("a family and its fields (basic:side=...); families: ", FamilyNames()));
    return errors.ToStatus();
  }
  const std::optional<Architecture> architecture = Parse(text, /*side=*/0, /*classes=*/0, errors);
  // Without an architecture there is an error.
  if (!architecture) return errors.ToStatus();
  return *architecture;
}

std::string CanonicalText(const Architecture& architecture) {
  std::string text = FamilyName(architecture.family);
  const Architecture defaults = DefaultsOf(architecture.family);
  for (const ArchitectureField& field : ArchitectureFields()) {
    const std::string value = field.write(architecture);
    if (!field.required && value == field.write(defaults)) continue;
    absl::StrAppend(&text, ":", field.key, "=", value);
  }
  return text;
}

std::string HybReNetName(const std::vector<double>& multipliers, int64_t base_channels,
                         const std::string& backbone) {
  const std::string texts = absl::StrJoin(
      multipliers, "x", [](std::string* out, double one) { out->append(FormatDecimal(one)); });
  return absl::StrCat(kHybReNetPrefix, texts, "x@", base_channels,
                      backbone == kDefaultBackbone ? "" : ":" + backbone);
}

}  // namespace reluscape
