#include "search/strategy/space_choices.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "search/network/architecture_text.h"
#include "search/network/equalization.h"
#include "search/strategy/order_choice.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

constexpr char kFull[] = "full";
constexpr char kResidual[] = "residual";
constexpr char kSpaceField[] = "candidates.space";

std::string SpaceField(const std::string& name) { return absl::StrCat(kSpaceField, ".", name); }

std::string SpaceEntry(const std::string& name, size_t index) {
  return absl::StrCat(kSpaceField, ".", name, "[", index, "]");
}

template <typename Values>
auto Sorted(const Values& values) {
  auto list = ListOf(values);
  std::sort(list.begin(), list.end());
  return list;
}

// The modifiers of names that a layout stands for.
std::vector<std::string> ModifiersOf(const std::string& layout) {
  if (layout == kFull) return {};
  return absl::StrSplit(layout, '+');
}

template <typename T>
std::optional<int> PlaceOf(const std::vector<T>& list, const T& value) {
  const auto found = std::find(list.begin(), list.end(), value);
  if (found == list.end()) return std::nullopt;
  return static_cast<int>(found - list.begin());
}

}  // namespace

std::optional<SpaceChoices> SpaceChoices::Read(const v1::JobSpec& spec, FieldErrors& errors) {
  const v1::SpaceSpec& space = spec.candidates().space();
  FieldErrors own;
  SpaceChoices choices;
  for (int i = 0; i < space.backbones_size(); ++i) {
    std::optional<Backbone> backbone = FindBackbone(space.backbones(i));
    const std::string field = SpaceEntry("backbones", static_cast<size_t>(i));
    if (!backbone) {
      own.Add(field, Quoted(space.backbones(i)), BackboneNames());
      continue;
    }
    const size_t sections = backbone->architecture.multipliers.size() + 1;
    if (choices.backbones_.empty()) {
      choices.multipliers_.resize(sections - 1);
    } else if (sections != choices.sections()) {
      own.Add(field, absl::StrCat(Quoted(backbone->name), " of ", sections, " sections"),
              absl::StrCat("one of ", choices.sections(), " sections, as ",
                           choices.backbones_.front().name,
                           "; a job of its own for others, since multipliers are per section"));
      continue;
    }
    backbone->architecture.side = spec.data().side();
    backbone->architecture.classes = spec.data().classes();
    choices.backbones_.push_back(*std::move(backbone));
  }
  if (own.empty() && choices.ReadSections(space, own)) {
    choices.base_channels_ = Sorted(space.base_channels());
    choices.layouts_ = ListOf(space.layouts());
    choices.skips_ = ListOf(space.skips());
    for (const int one : space.replacements()) {
      choices.replacements_.push_back(static_cast<v1::LinearizeSpec::Replacement>(one));
    }
    if (choices.replacements_.empty()) {
      choices.replacements_ = {spec.stages().linearize().replacement()};
    }
    choices.CheckLayouts(own);
    choices.order_ = ListOf(space.order());
    const auto sections = static_cast<int64_t>(choices.sections());
    if (!choices.order_.empty()) CheckOrder(choices.order_, sections, SpaceField("order"), own);
    if (choices.order_.empty() && sections == 4) choices.order_ = PublishedOrder();
  }
  for (const FieldError& error : own.errors()) errors.Add(error.field, error.found, error.allowed);
  if (!own.empty()) return std::nullopt;
  choices.MakeDimensions();
  return choices;
}

bool SpaceChoices::ReadSections(const v1::SpaceSpec& space, FieldErrors& errors) {
  if (static_cast<size_t>(space.sections_size()) > sections()) {
    errors.Add(SpaceField("sections"), absl::StrCat(space.sections_size(), " entries"),
               absl::StrCat("at most ", sections(), ", the sections of ", backbones_.front().name));
    return false;
  }
  blocks_.resize(sections());
  for (size_t k = 0; k < sections(); ++k) {
    const bool given = k < static_cast<size_t>(space.sections_size());
    const v1::SectionSpec& own =
        given ? space.sections(static_cast<int>(k)) : v1::SectionSpec::default_instance();
    blocks_[k] = Sorted(own.blocks().empty() ? space.blocks() : own.blocks());
    if (k == 0) {
      if (own.multipliers().empty()) continue;
      errors.Add(SpaceEntry("sections", 0) + ".multipliers",
                 absl::StrCat(own.multipliers_size(), " entries"),
                 "nothing: the first section has base_channels");
      return false;
    }
    multipliers_[k - 1] =
        Sorted(own.multipliers().empty() ? space.multipliers() : own.multipliers());
    for (const double multiplier : multipliers_[k - 1]) {
      if (Thousandths(multiplier)) continue;
      errors.Add(
          SpaceField(own.multipliers().empty() ? "multipliers"
                                               : absl::StrCat("sections[", k, "].multipliers")),
          absl::StrCat(multiplier), kMultiplierRange);
      return false;
    }
  }
  return true;
}

void SpaceChoices::CheckLayouts(FieldErrors& errors) const {
  const auto check = [&](const char* list, const std::vector<std::string>& texts,
                         const auto& apply) {
    for (size_t i = 0; i < texts.size(); ++i) {
      Architecture architecture = backbones_.front().architecture;
      FieldErrors own;
      apply(texts[i], architecture, own);
      for (const FieldError& error : own.errors()) {
        errors.Add(SpaceEntry(list, i), absl::StrCat(Quoted(texts[i]), " with ", error.found),
                   error.allowed);
      }
    }
  };
  check("layouts", layouts_, [](const std::string& text, Architecture& to, FieldErrors& own) {
    for (const std::string& modifier : ModifiersOf(text)) ApplyModifier(modifier, to, own);
  });
  check("skips", skips_, [](const std::string& text, Architecture& to, FieldErrors& own) {
    ApplyModifier("skip:" + text, to, own);
  });
}

void SpaceChoices::MakeDimensions() {
  const auto add = [this](std::string name, size_t choices, bool ordered) {
    dimensions_.push_back({std::move(name), static_cast<int>(choices), ordered});
  };
  add("backbones", backbones_.size(), false);
  add("base_channels", base_channels_.size(), true);
  for (size_t k = 0; k < sections(); ++k) {
    if (k > 0) add(absl::StrCat("sections[", k, "].multipliers"), multipliers_[k - 1].size(), true);
    add(absl::StrCat("sections[", k, "].blocks"), std::max<size_t>(1, blocks_[k].size()), true);
  }
  add("layouts", layouts_.size(), false);
  add("skips", skips_.size(), false);
  add("replacements", replacements_.size(), false);
}

int64_t SpaceChoices::Combinations() const {
  int64_t all = 1;
  for (const SpaceDimension& dimension : dimensions_) {
    if (all > kMostCombinations / dimension.choices) return kMostCombinations;
    all *= dimension.choices;
  }
  return all;
}

NamedArchitecture SpaceChoices::NetworkOf(const SpacePoint& point) const {
  size_t place = 0;
  const Backbone& backbone = backbones_[ChoiceAt(point, place++)];
  Architecture architecture = backbone.architecture;
  architecture.base_channels = base_channels_[ChoiceAt(point, place++)];
  for (size_t k = 0; k < sections(); ++k) {
    if (k > 0) architecture.multipliers[k - 1] = multipliers_[k - 1][ChoiceAt(point, place++)];
    const size_t choice = ChoiceAt(point, place++);
    if (!blocks_[k].empty()) architecture.blocks[k] = blocks_[k][choice];
  }
  std::string name =
      HybReNetName(architecture.multipliers, architecture.base_channels, backbone.name);
  FieldErrors checked;  // the texts were checked by Read
  if (architecture.blocks != backbone.architecture.blocks) {
    absl::StrAppend(&name, "+blocks:", FieldText("blocks", architecture));
  }
  if (const std::string& layout = layouts_[ChoiceAt(point, place++)]; layout != kFull) {
    for (const std::string& modifier : ModifiersOf(layout)) {
      ApplyModifier(modifier, architecture, checked);
    }
    absl::StrAppend(&name, "+", layout);
  }
  if (const std::string& skip = skips_[ChoiceAt(point, place++)]; skip != kResidual) {
    ApplyModifier("skip:" + skip, architecture, checked);
    absl::StrAppend(&name, "+skip:", skip);
  }
  return {.name = std::move(name), .architecture = std::move(architecture)};
}

v1::LinearizeSpec::Replacement SpaceChoices::ReplacementOf(const SpacePoint& point) const {
  return replacements_[ChoiceAt(point, dimensions_.size() - 1)];
}

std::vector<int> SpaceChoices::KindsOf(const SpacePoint& point) const {
  const size_t end = dimensions_.size();
  return {point[0], point[end - 3], point[end - 2], point[end - 1]};
}

std::optional<SpacePoint> SpaceChoices::PointOf(size_t backbone, size_t base,
                                                const std::vector<int64_t>& multipliers) const {
  SpacePoint point = {static_cast<int>(backbone), static_cast<int>(base)};
  for (size_t k = 0; k < sections(); ++k) {
    if (k > 0) {
      const std::optional<int> place =
          PlaceOf(multipliers_[k - 1], static_cast<double>(multipliers[k - 1]));
      if (!place) return std::nullopt;
      point.push_back(*place);
    }
    const std::optional<int> place =
        blocks_[k].empty() ? std::optional<int>(0)
                           : PlaceOf(blocks_[k], backbones_[backbone].architecture.blocks[k]);
    if (!place) return std::nullopt;
    point.push_back(*place);
  }
  point.insert(point.end(), 3, 0);
  return point;
}

std::vector<SpacePoint> SpaceChoices::Equalized() const {
  std::vector<SpacePoint> strict;
  std::vector<SpacePoint> relaxed;
  if (order_.size() != sections()) return strict;
  double largest = 0;
  std::vector<int64_t> first;
  for (const std::vector<double>& list : multipliers_) largest = std::max(largest, list.back());
  for (const double multiplier : multipliers_.front()) {
    if (multiplier == static_cast<double>(static_cast<int64_t>(multiplier))) {
      first.push_back(static_cast<int64_t>(multiplier));
    }
  }
  const int64_t bound =
      std::clamp(static_cast<int64_t>(largest), kMinEqualizationBound, kMaxEqualizationBound);
  for (size_t base = 0; base < base_channels_.size(); ++base) {
    for (size_t backbone = 0; backbone < backbones_.size(); ++backbone) {
      const auto weights = SectionWeights(backbones_[backbone].architecture);
      if (!weights.ok()) continue;
      const auto solutions =
          SolveEqualization({.section_weights = *weights, .order = order_, .bound = bound});
      if (!solutions.ok()) continue;
      const std::set<std::vector<int64_t>> of_rule(solutions->begin(), solutions->end());
      for (const std::vector<int64_t>& multipliers : RelaxFirstMultiplier(*solutions, first)) {
        const std::optional<SpacePoint> point = PointOf(backbone, base, multipliers);
        if (point) (of_rule.contains(multipliers) ? strict : relaxed).push_back(*point);
      }
    }
  }
  strict.insert(strict.end(), relaxed.begin(), relaxed.end());
  return strict;
}

}  // namespace reluscape
