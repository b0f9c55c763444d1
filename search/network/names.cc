#include "search/network/names.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr size_t kLongestText = 1000;
constexpr char kCanonicalPrefix[] = "basic:";
constexpr char kHybReNetPrefix[] = "hrn-";
constexpr char kDefaultBackbone[] = "resnet18";
constexpr int64_t kHybReNetBaseChannels = 16;  // DeepReShape's HRNs; PrivCirNet's HRN-5x5x3x

std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.compare(0, prefix.size(), prefix) == 0;
}

bool IsDigits(const std::string& text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// std::nullopt unless `text` is digits alone and fits.
std::optional<int64_t> ParseInteger(const std::string& text) {
  if (!IsDigits(text)) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "5", "1.5", "0.125": digits with at most three decimals; std::nullopt otherwise.
std::optional<double> ParseMultiplier(const std::string& text) {
  const size_t point = text.find('.');
  const std::string whole = text.substr(0, point);
  std::string decimals = point == std::string::npos ? "0" : text.substr(point + 1);
  if (!IsDigits(decimals) || decimals.size() > 3) return std::nullopt;
  decimals.resize(3, '0');
  const std::optional<int64_t> units = ParseInteger(whole);
  if (!units || *units > static_cast<int64_t>(kMaxMultiplier)) return std::nullopt;
  return static_cast<double>(*units * 1000 + ParseInteger(decimals).value_or(0)) / 1000;
}

std::string FormatMultiplier(double multiplier) {
  char buffer[400];  // the longest finite double has 309 digits before its point
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof(buffer), multiplier, std::chars_format::fixed);
  return error == std::errc() ? std::string(buffer, end) : absl::StrCat(multiplier);
}

int64_t ReadInteger(const std::string& field, const std::string& text, FieldErrors& errors) {
  const std::optional<int64_t> value = ParseInteger(text);
  if (!value) errors.Add(field, Quoted(text), "an integer");
  return value.value_or(0);
}

std::vector<double> ReadMultipliers(const std::vector<std::string>& texts, FieldErrors& errors) {
  std::vector<double> multipliers;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::optional<double> value = ParseMultiplier(texts[i]);
    if (!value) {
      errors.Add(absl::StrCat("multipliers[", i, "]"), Quoted(texts[i]),
                 "0.001 to 1000 with at most three decimals");
    }
    multipliers.push_back(value.value_or(0));
  }
  return multipliers;
}

// "resnet18", "hrn-5x5x3x@16:resnet34", ... without modifiers.
std::optional<Architecture> ParseUnmodified(const std::string& text, FieldErrors& errors) {
  Architecture architecture;
  std::string head = text;
  std::optional<std::string> backbone_name;
  std::optional<std::string> base_channels;
  if (const size_t colon = head.find(':'); colon != std::string::npos) {
    backbone_name = head.substr(colon + 1);
    head.resize(colon);
  }
  if (const size_t at = head.find('@'); at != std::string::npos) {
    base_channels = head.substr(at + 1);
    head.resize(at);
  }
  const bool hybrenet = StartsWith(head, kHybReNetPrefix);
  if (!hybrenet && backbone_name && FindBackbone(head) != nullptr) {
    errors.Add("backbone", Quoted(*backbone_name), "a backbone behind hrn-... names only");
    return std::nullopt;
  }
  const std::string depth = hybrenet ? backbone_name.value_or(kDefaultBackbone) : head;
  const Backbone* backbone = FindBackbone(depth);
  if (backbone == nullptr) {
    if (hybrenet) {
      errors.Add("backbone", Quoted(depth), BackboneNames());
    } else {
      errors.Add("name", Quoted(head),
                 absl::StrCat(BackboneNames(),
                              ", hrn-AxBxCx (each with @m behind it), or a canonical text "
                              "(basic:side=...)"));
    }
    return std::nullopt;
  }
  architecture.blocks = backbone->blocks;
  architecture.multipliers = backbone->multipliers;
  architecture.base_channels = hybrenet ? kHybReNetBaseChannels : backbone->base_channels;
  if (hybrenet) {
    const std::string list = head.substr(sizeof(kHybReNetPrefix) - 1);
    if (list.empty() || list.back() != 'x') {
      errors.Add("name", Quoted(head), "hrn-AxBxCx with an x behind each multiplier");
      return std::nullopt;
    }
    const std::vector<std::string> texts = absl::StrSplit(list.substr(0, list.size() - 1), 'x');
    if (texts.size() != backbone->multipliers.size()) {
      errors.Add("multipliers", absl::StrCat(texts.size(), " multipliers in ", Quoted(head)),
                 absl::StrCat(backbone->multipliers.size(), " for ", backbone->name, " with its ",
                              backbone->blocks.size(), " stages"));
      return std::nullopt;
    }
    architecture.multipliers = ReadMultipliers(texts, errors);
  }
  if (base_channels) {
    architecture.base_channels = ReadInteger("base_channels", *base_channels, errors);
  }
  if (!errors.empty()) return std::nullopt;
  return architecture;
}

std::optional<Architecture> ParseName(const std::string& text, FieldErrors& errors) {
  const std::vector<std::string> parts = absl::StrSplit(text, '+');
  std::optional<Architecture> architecture = ParseUnmodified(parts[0], errors);
  bool stem_relu = false;
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i] == "stem-relu" && !stem_relu) {
      stem_relu = true;
    } else {
      errors.Add("modifier", Quoted("+" + parts[i]), "+stem-relu, once");
    }
  }
  if (!architecture || !errors.empty()) return std::nullopt;
  architecture->stem_relu = stem_relu;
  return architecture;
}

std::optional<Architecture> ReadCanonicalText(const std::string& text, FieldErrors& errors) {
  static const char* const kKeys[] = {"side", "classes", "m", "blocks", "multipliers", "stem-relu"};
  std::map<std::string, std::string> values;
  const std::vector<std::string> parts =
      absl::StrSplit(text.substr(sizeof(kCanonicalPrefix) - 1), ':');
  for (const std::string& part : parts) {
    const size_t equals = part.find('=');
    const std::string key = part.substr(0, equals);
    if (equals == std::string::npos ||
        std::find(std::begin(kKeys), std::end(kKeys), key) == std::end(kKeys) ||
        !values.emplace(key, part.substr(equals + 1)).second) {
      errors.Add("canonical text", Quoted(part),
                 absl::StrCat(absl::StrJoin(kKeys, ", "), ", each once, as in key=value"));
    }
  }
  for (const char* key : kKeys) {
    if (!values.contains(key)) errors.Add(key, "nothing", "a value");
  }
  if (!errors.empty()) return std::nullopt;

  Architecture architecture;
  architecture.side = ReadInteger("side", values["side"], errors);
  architecture.classes = ReadInteger("classes", values["classes"], errors);
  architecture.base_channels = ReadInteger("base_channels", values["m"], errors);
  const std::vector<std::string> blocks = absl::StrSplit(values["blocks"], 'x');
  for (size_t i = 0; i < blocks.size(); ++i) {
    architecture.blocks.push_back(ReadInteger(absl::StrCat("blocks[", i, "]"), blocks[i], errors));
  }
  architecture.multipliers = ReadMultipliers(absl::StrSplit(values["multipliers"], 'x'), errors);
  architecture.stem_relu = values["stem-relu"] == "yes";
  if (!architecture.stem_relu && values["stem-relu"] != "no") {
    errors.Add("stem-relu", Quoted(values["stem-relu"]), "yes or no");
  }
  if (!errors.empty()) return std::nullopt;
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
  } else if (StartsWith(text, kCanonicalPrefix)) {
    architecture = ReadCanonicalText(text, own);
    if (architecture && side != 0 && architecture->side != side) {
      own.Add("side", absl::StrCat(architecture->side, " in the canonical text"),
              absl::StrCat(side, ", the side of the images"));
    }
    if (architecture && classes != 0 && architecture->classes != classes) {
      own.Add("classes", absl::StrCat(architecture->classes, " in the canonical text"),
              absl::StrCat(classes, ", the classes of the data set"));
    }
  } else {
    architecture = ParseName(text, own);
    if (architecture) {
      architecture->side = side;
      architecture->classes = classes;
    }
  }
  if (architecture) StageShapes(*architecture, own);
  for (const FieldError& error : own.errors()) {
    errors.Add(error.field, error.found, error.allowed);
  }
  if (!own.empty()) return std::nullopt;
  return architecture;
}

}  // namespace

const std::vector<Backbone>& Backbones() {
  // ResNet18/34: SNL's public code. ResNet20 to 110 have 6n + 2 layers: He et al., "Deep Residual
  // Learning for Image Recognition", section 4.2, n = 3, 5, 7, 9, 18.
  static const auto* const backbones = new std::vector<Backbone>{
      {"resnet18", {2, 2, 2, 2}, 64, {2, 2, 2}}, {"resnet34", {3, 4, 6, 3}, 64, {2, 2, 2}},
      {"resnet20", {3, 3, 3}, 16, {2, 2}},       {"resnet32", {5, 5, 5}, 16, {2, 2}},
      {"resnet44", {7, 7, 7}, 16, {2, 2}},       {"resnet56", {9, 9, 9}, 16, {2, 2}},
      {"resnet110", {18, 18, 18}, 16, {2, 2}},
  };
  return *backbones;
}

const Backbone* FindBackbone(const std::string& name) {
  for (const Backbone& backbone : Backbones()) {
    if (backbone.name == name) return &backbone;
  }
  return nullptr;
}

std::string BackboneNames() {
  return absl::StrJoin(Backbones(), ", ", [](std::string* out, const Backbone& backbone) {
    out->append(backbone.name);
  });
}

std::optional<Architecture> ParseArchitecture(const std::string& text, int64_t side,
                                              int64_t classes, FieldErrors& errors) {
  const bool valid_side = side >= kMinSide && side <= kMaxSide;
  const bool valid_classes = classes >= kMinClasses && classes <= kMaxClasses;
  if (!valid_side) {
    errors.Add("side", absl::StrCat(side), absl::StrCat(kMinSide, " to ", kMaxSide));
  }
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

absl::StatusOr<Architecture> ParseCanonicalText(const std::string& text) {
  FieldErrors errors;
  if (!StartsWith(text, kCanonicalPrefix)) {
    errors.Add("canonical text", Quoted(text), "a text that starts with basic:");
    return errors.ToStatus();
  }
  const std::optional<Architecture> architecture = Parse(text, /*side=*/0, /*classes=*/0, errors);
  // Without an architecture there is an error.
  if (!architecture) return errors.ToStatus();
  return *architecture;
}

std::string CanonicalText(const Architecture& architecture) {
  return absl::StrCat(
      kCanonicalPrefix, "side=", architecture.side, ":classes=", architecture.classes,
      ":m=", architecture.base_channels, ":blocks=", absl::StrJoin(architecture.blocks, "x"),
      ":multipliers=",
      absl::StrJoin(architecture.multipliers, "x",
                    [](std::string* out, double m) { out->append(FormatMultiplier(m)); }),
      ":stem-relu=", architecture.stem_relu ? "yes" : "no");
}

std::string HybReNetName(const std::vector<int64_t>& multipliers, int64_t base_channels,
                         const std::string& backbone) {
  return absl::StrCat(kHybReNetPrefix, absl::StrJoin(multipliers, "x"), "x@", base_channels,
                      backbone == kDefaultBackbone ? "" : ":" + backbone);
}

}  // namespace reluscape
