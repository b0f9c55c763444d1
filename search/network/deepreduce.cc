#include "search/network/deepreduce.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/field_errors.h"
#include "base/status_macros.h"
#include "search/network/accounting.h"
#include "search/network/architecture_text.h"
#include "search/network/equalization.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

constexpr size_t kMaxReshapings = 20;  // of either kind: far more than anyone trains

void CheckScales(const std::string& field, const std::vector<double>& scales, FieldErrors& errors) {
  if (scales.size() > kMaxReshapings) {
    errors.Add(field, absl::StrCat(scales.size(), " values"),
               absl::StrCat("at most ", kMaxReshapings));
    return;
  }
  for (size_t i = 0; i < scales.size(); ++i) {
    if (!Thousandths(scales[i]) || scales[i] > 1) {
      errors.Add(absl::StrCat(field, "[", i, "]"), FormatDecimal(scales[i]),
                 "0.001 to 1 with at most three decimals");
    }
  }
}

void CheckOptions(const Architecture& backbone, const DeepReduceOptions& options,
                  FieldErrors& errors) {
  const auto sections = static_cast<int64_t>(backbone.blocks.size());
  if (!backbone.culled.empty() || backbone.thinned || backbone.channel_scale != 1) {
    errors.Add("backbone", CanonicalText(backbone),
               "a network that is not culled, thinned or scaled yet");
  }
  CheckOrder(options.order, sections, "order", errors);
  if (options.max_culled < 0 || options.max_culled >= sections) {
    errors.Add("max_culled", absl::StrCat(options.max_culled), absl::StrCat("0 to ", sections - 1));
  }
  CheckScales("channel_scales", options.channel_scales, errors);
  CheckScales("resolutions", options.resolutions, errors);
}

// 1, then the others in their order.
std::vector<double> WithOne(const std::vector<double>& scales) {
  std::vector<double> all = {1};
  all.insert(all.end(), scales.begin(), scales.end());
  return all;
}

// Collects what can be built and is not there yet.
class Generator {
 public:
  Generator(std::string backbone, Architecture architecture)
      : backbone_(std::move(backbone)), architecture_(std::move(architecture)) {}

  void Add(const std::vector<std::string>& modifiers) {
    Architecture modified = architecture_;
    FieldErrors errors;
    for (const std::string& modifier : modifiers) ApplyModifier(modifier, modified, errors);
    std::string name = backbone_;
    for (const std::string& modifier : modifiers) absl::StrAppend(&name, "+", modifier);
    // A canonical text takes no modifiers: its networks are named by their own.
    if (IsCanonicalText(backbone_)) name = CanonicalText(modified);
    if (errors.empty()) SectionShapes(modified, errors);
    if (!errors.empty()) {
      const FieldError& first = errors.errors().front();
      proposal_.left_out.push_back(absl::StrCat(name, " is left out: ", first.field, " ",
                                                first.found, ", allowed are ", first.allowed, "."));
      return;
    }
    const absl::StatusOr<Network> network = BuildNetwork(modified);
    if (!network.ok() || !hashes_.insert(NetworkHash(*network)).second) return;
    proposal_.networks.push_back({.name = std::move(name), .architecture = std::move(modified)});
  }

  DeepReduceProposal Take() { return std::move(proposal_); }

 private:
  const std::string backbone_;
  const Architecture architecture_;
  std::set<std::string> hashes_;
  DeepReduceProposal proposal_;
};

}  // namespace

absl::StatusOr<DeepReduceProposal> ProposeDeepReduce(const std::string& backbone, int64_t side,
                                                     int64_t classes,
                                                     const DeepReduceOptions& options) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseArchitecture(backbone, side, classes));
  FieldErrors errors;
  CheckOptions(architecture, options, errors);
  RETURN_IF_ERROR(errors.ToStatus());

  const bool has_blocks = architecture.family != Family::kVgg;
  const std::vector<double> resolutions =
      has_blocks ? WithOne(options.resolutions) : std::vector<double>{1};
  Generator generator(backbone, architecture);
  generator.Add({});
  for (int64_t culled = 1; culled <= options.max_culled; ++culled) {
    std::vector<int64_t> sections(options.order.end() - culled, options.order.end());
    std::sort(sections.begin(), sections.end());
    std::vector<std::string> modifiers = {absl::StrCat("culled:", absl::StrJoin(sections, ","))};
    generator.Add(modifiers);
    if (has_blocks) modifiers.push_back("thinned");
    for (const double scale : WithOne(options.channel_scales)) {
      for (const double resolution : resolutions) {
        std::vector<std::string> reshaped = modifiers;
        if (scale != 1) reshaped.push_back("scale:" + FormatDecimal(scale));
        if (resolution != 1) reshaped.push_back("resolution:" + FormatDecimal(resolution));
        generator.Add(reshaped);
      }
    }
  }
  return generator.Take();
}

}  // namespace reluscape
