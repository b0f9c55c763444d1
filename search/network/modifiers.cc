#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "search/network/architecture_text.h"
#include "search/network/checked_math.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

std::string AllowedModifiers() {
  std::vector<std::string> keys = {"scale", "resolution", "no-stem-relu", "imagenet-stem",
                                   "blocks"};
  for (const ArchitectureField& field : ArchitectureFields()) {
    if (!field.required) keys.push_back(field.key);
  }
  return absl::StrCat("+KEY or +KEY:VALUE with KEY one of ", absl::StrJoin(keys, ", "));
}

// Fields that stand behind a skip mode: "dirac-ss:joins=section:source=stem".
void ApplySkip(const std::string& value, Architecture& architecture, FieldErrors& errors) {
  const std::vector<std::string> parts = absl::StrSplit(value, ':');
  const ArchitectureField& skip = *FindField("skip");
  skip.read(skip.name, parts[0], architecture, errors);
  std::vector<std::string> seen;
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t equals = parts[i].find('=');
    const std::string key = parts[i].substr(0, equals);
    bool known = equals != std::string::npos &&
                 (key == "source" || key == "joins" || key == "merge" || key == "downsampling");
    for (const std::string& other : seen) known = known && other != key;
    if (!known) {
      errors.Add("skip", Quoted(parts[i]),
                 "source=, joins=, merge= or downsampling= behind the mode, each once");
      continue;
    }
    seen.push_back(key);
    const ArchitectureField& field = *FindField(key);
    field.read(field.name, parts[i].substr(equals + 1), architecture, errors);
  }
}

// DeepReDuce's stem stride int(1 / rho).
void ApplyResolution(const std::string& value, Architecture& architecture, FieldErrors& errors) {
  const std::optional<double> resolution = ParseDecimal(value);
  const std::optional<int64_t> thousandths =
      resolution ? Thousandths(*resolution) : std::optional<int64_t>();
  if (!thousandths || *thousandths > 1000) {
    errors.Add("resolution", Quoted(value), "0.001 to 1 with at most three decimals");
    return;
  }
  // A stride of any size may stand there: SectionShapes has not looked at it yet.
  const std::optional<int64_t> stride =
      CheckedProduct({architecture.stem_stride, 1000 / *thousandths});
  if (!stride) {
    errors.Add("stem_stride", absl::StrCat(architecture.stem_stride, " divided by ", value),
               absl::StrCat("1 to ", kMaxStemStride));
    return;
  }
  architecture.stem_stride = *stride;
}

}  // namespace

void ApplyModifier(const std::string& modifier, Architecture& architecture, FieldErrors& errors) {
  const size_t colon = modifier.find(':');
  const bool has_value = colon != std::string::npos;
  const std::string key = modifier.substr(0, colon);
  const std::string value = has_value ? modifier.substr(colon + 1) : "yes";
  if (key == "skip" && has_value) {
    ApplySkip(value, architecture, errors);
  } else if (key == "resolution" && has_value) {
    ApplyResolution(value, architecture, errors);
  } else if (key == "imagenet-stem" && !has_value) {
    architecture.stem_kernel = 7;
    architecture.stem_stride = 2;
    architecture.stem_pool = true;
  } else if (key == "no-stem-relu" && !has_value) {
    architecture.stem_relu = false;
  } else {
    const ArchitectureField* field = FindField(key == "scale" ? "channel-scale" : key);
    if (field == nullptr || (field->required && key != "blocks")) {
      errors.Add("modifier", Quoted("+" + modifier), AllowedModifiers());
      return;
    }
    field->read(field->name, value, architecture, errors);
  }
}

}  // namespace reluscape
