#include "search/network/check_architecture.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/network/architecture_text.h"

namespace reluscape {
namespace {

void CheckRange(const std::string& field, int64_t value, int64_t low, int64_t high,
                FieldErrors& errors) {
  if (value < low || value > high) {
    errors.Add(field, absl::StrCat(value), absl::StrCat(low, " to ", high));
  }
}

void CheckSections(const Architecture& architecture, FieldErrors& errors) {
  const auto sections = static_cast<int64_t>(architecture.blocks.size());
  if (sections < kMinSections || sections > kMaxSections) {
    errors.Add("blocks", absl::StrCat(sections, " sections"),
               absl::StrCat(kMinSections, " to ", kMaxSections, " sections"));
    return;  // the lists below are of no known length
  }
  for (size_t i = 0; i < architecture.blocks.size(); ++i) {
    CheckRange(absl::StrCat("blocks[", i, "]"), architecture.blocks[i], 1, kMaxBlocksPerSection,
               errors);
  }
  if (static_cast<int64_t>(architecture.multipliers.size()) != sections - 1) {
    errors.Add("multipliers", absl::StrCat(architecture.multipliers.size(), " multipliers"),
               absl::StrCat(sections - 1, " for ", sections, " sections"));
    return;
  }
  for (size_t i = 0; i < architecture.multipliers.size(); ++i) {
    if (!Thousandths(architecture.multipliers[i])) {
      errors.Add(absl::StrCat("multipliers[", i, "]"), FormatDecimal(architecture.multipliers[i]),
                 kMultiplierRange);
    }
  }
  const std::vector<int64_t>& culled = architecture.culled;
  for (size_t i = 0; i < culled.size(); ++i) {
    if (culled[i] < 1 || culled[i] > sections || (i > 0 && culled[i] <= culled[i - 1])) {
      errors.Add(absl::StrCat("culled[", i, "]"), absl::StrCat(culled[i]),
                 absl::StrCat("a section from 1 to ", sections, ", ascending, each once"));
      return;
    }
  }
  if (static_cast<int64_t>(culled.size()) >= sections) {
    errors.Add("culled", absl::StrCat("all ", sections, " sections"),
               "at least one section with ReLUs");
  }
}

void CheckRanges(const Architecture& architecture, FieldErrors& errors) {
  CheckRange("side", architecture.side, kMinSide, kMaxSide, errors);
  CheckRange("classes", architecture.classes, kMinClasses, kMaxClasses, errors);
  CheckRange("base_channels", architecture.base_channels, 1, kMaxChannels, errors);
  CheckSections(architecture, errors);
  CheckRange("widen", architecture.widen, 1, kMaxWiden, errors);
  if (!Thousandths(architecture.channel_scale) || architecture.channel_scale > 1) {
    errors.Add("channel_scale", FormatDecimal(architecture.channel_scale),
               "0.001 to 1 with at most three decimals");
  }
  if (architecture.stem_kernel != 3 && architecture.stem_kernel != 7) {
    errors.Add("stem_kernel", absl::StrCat(architecture.stem_kernel), "3 or 7");
  }
  CheckRange("stem_stride", architecture.stem_stride, 1, kMaxStemStride, errors);
  CheckRange("last_map", architecture.last_map, 1, kMaxSide, errors);
  CheckRange("joins", architecture.joins, kJoinsAtSectionEnd, kMaxBlocksPerSection, errors);
  const int64_t reuse = architecture.reuse;
  if (reuse < 1 || reuse > kMaxReuse || (reuse & (reuse - 1)) != 0) {
    errors.Add("reuse", absl::StrCat(reuse), "1, 2, 4, 8 or 16");
  }
}

// A field that is not at its default where it has a meaning only for `whom`.
class Meaning {
 public:
  Meaning(const Architecture& architecture, FieldErrors& errors)
      : architecture_(architecture), defaults_(DefaultsOf(architecture.family)), errors_(errors) {}

  template <typename Value>
  void Only(bool meaningful, const char* field, Value Architecture::*member, const char* whom) {
    if (meaningful || architecture_.*member == defaults_.*member) return;
    errors_.Add(field, FieldText(field, architecture_),
                absl::StrCat(FieldText(field, defaults_), ": only ", whom, " it"));
  }

 private:
  const Architecture& architecture_;
  const Architecture defaults_;
  FieldErrors& errors_;
};

void CheckMeaning(const Architecture& architecture, FieldErrors& errors) {
  Meaning meaning(architecture, errors);
  const Family family = architecture.family;
  const bool wide = family == Family::kWide;
  const bool vgg = family == Family::kVgg;
  const bool post_activation = family == Family::kBasic || family == Family::kBottleneck;
  meaning.Only(wide, "widen", &Architecture::widen, "wide residual networks (wrn) have");
  meaning.Only(!vgg, "stem_kernel", &Architecture::stem_kernel, "networks with a stem have");
  meaning.Only(!vgg, "stem_stride", &Architecture::stem_stride, "networks with a stem have");
  meaning.Only(!vgg, "stem_pool", &Architecture::stem_pool, "networks with a stem have");
  meaning.Only(post_activation, "stem_relu", &Architecture::stem_relu,
               "networks with a batch norm behind the stem (basic, bottleneck) have");
  meaning.Only(wide, "final_relu", &Architecture::final_relu, "pre-activation networks (wrn) have");
  meaning.Only(!vgg, "thinned", &Architecture::thinned, "networks of residual blocks have");
  meaning.Only(vgg, "pool", &Architecture::pool, "vgg has");
  meaning.Only(vgg, "classifier", &Architecture::classifier, "vgg has");

  const Skip skip = architecture.skip;
  if (vgg && skip != Skip::kNone && skip != Skip::kDirac) {
    errors.Add("skip", FieldText("skip", architecture), "none or dirac: vgg has no blocks to skip");
    return;
  }
  meaning.Only(!vgg && skip == Skip::kResidual, "shortcut", &Architecture::shortcut,
               "networks with residual connections have");
  meaning.Only(!vgg && skip != Skip::kResidual, "downsampling", &Architecture::downsampling,
               "networks of residual blocks whose skip is none, dirac or dirac-ss have");
  const bool shared = skip == Skip::kDiracShared;
  meaning.Only(shared, "source", &Architecture::source, "networks with skip dirac-ss have");
  meaning.Only(shared, "joins", &Architecture::joins, "networks with skip dirac-ss have");
  meaning.Only(shared, "merge", &Architecture::merge, "networks with skip dirac-ss have");
}

}  // namespace

void CheckFields(const Architecture& architecture, FieldErrors& errors) {
  CheckRanges(architecture, errors);
  CheckMeaning(architecture, errors);
}

}  // namespace reluscape
