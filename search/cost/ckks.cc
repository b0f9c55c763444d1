#include "search/cost/ckks.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "search/cost/ckks_seconds.h"
#include "search/network/checked_math.h"

namespace reluscape {
namespace {

constexpr int kMaxSection = 1000;

// The preset's fewest levels that hold every operation, or what the user asks for.
absl::StatusOr<int64_t> ChooseLevels(const CkksOptions& options, const CkksPreset& preset,
                                     const CkksActivation& activation) {
  if (options.levels) {
    if (*options.levels < 1 || *options.levels > kMaxCkksLevels) {
      return absl::InvalidArgumentError(
          absl::StrCat("levels: found ", *options.levels, "; allowed: 1 to ", kMaxCkksLevels));
    }
    return *options.levels;
  }
  int64_t deepest = std::max(preset.convolution_depth, activation.depth);
  if (preset.relu_refresh && !activation.composition.empty()) {
    deepest = preset.convolution_depth;
    for (const PolynomialCost& polynomial : activation.composition) {
      deepest = std::max(deepest, polynomial.depth);
    }
  }
  for (const int64_t levels : preset.levels) {
    if (levels >= deepest) return levels;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("preset ", preset.name, ": found ", activation.name, " of ", deepest,
                   " levels; allowed: at most ", preset.levels.back(),
                   ", the levels after a bootstrap; choose a polynomial of a lower degree"));
}

absl::Status AddOps(const CkksOps& more, CkksOps& sum) {
  const auto add = [](int64_t& to, int64_t what) { return !__builtin_add_overflow(to, what, &to); };
  if (add(sum.rotations, more.rotations) &&
      add(sum.plaintext_multiplications, more.plaintext_multiplications) &&
      add(sum.ciphertext_multiplications, more.ciphertext_multiplications) &&
      add(sum.rescales, more.rescales)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("counts of the whole network do not fit 63 bits");
}

// Counts by part, and what has no price.
absl::Status AddCounts(const CkksProgram& program, const CkksPreset& preset,
                       CkksEstimate& estimate) {
  std::map<CkksPart, CkksTotals> parts;
  std::set<std::string> unpriced;
  for (const CkksNode& node : program.nodes) {
    if (node.part == CkksPart::kFree) continue;
    CkksTotals& totals = parts[node.part];
    if (totals.part == CkksPart::kFree) totals = {.part = node.part, .ops = {}, .seconds = 0.0};
    RETURN_IF_ERROR(AddOps(node.ops, totals.ops));
    RETURN_IF_ERROR(AddOps(node.ops, estimate.ops));
    if (!HasPrice(node, preset)) {
      totals.seconds = std::nullopt;
      unpriced.insert(PartName(node.part));
    }
  }
  for (const auto& [part, totals] : parts) estimate.parts.push_back(totals);
  if (!unpriced.empty()) {
    estimate.missing = absl::StrCat(absl::StrJoin(unpriced, ", "), ": the source of preset ",
                                    preset.name, " has no price of them");
  }
  return absl::OkStatus();
}

// The two counts of bootstraps, and the second one's by section.
absl::Status CountRefreshes(const CkksProgram& program, const CkksRules& rules,
                            int64_t minimum_bootstrap_level, CkksEstimate& estimate) {
  const LevelPrices prices = CountBootstraps(rules.levels);
  const LevelProgram weighted = LevelsOf(program, rules, minimum_bootstrap_level, true);
  ASSIGN_OR_RETURN(const LevelSchedule fewest, CheapestSchedule(weighted, prices));
  const auto ciphertexts = [&weighted](const Refresh& refresh) {
    return weighted.nodes[static_cast<size_t>(refresh.value)].ciphertexts;
  };
  int last_section = 0;
  for (const CkksNode& node : program.nodes) last_section = std::max(last_section, node.section);
  estimate.section_bootstraps.assign(static_cast<size_t>(last_section) + 1, 0);
  bool single = true;
  for (const Refresh& refresh : fewest.refreshes) {
    const int section = program.nodes[static_cast<size_t>(refresh.before)].section;
    estimate.section_bootstraps[static_cast<size_t>(section)] += ciphertexts(refresh);
    estimate.bootstraps_weighted += ciphertexts(refresh);
  }
  for (const LevelNode& node : weighted.nodes) single = single && node.ciphertexts == 1;
  estimate.bootstraps = estimate.bootstraps_weighted;
  if (single) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      const LevelSchedule places,
      CheapestSchedule(LevelsOf(program, rules, minimum_bootstrap_level, false), prices));
  estimate.bootstraps = static_cast<int64_t>(places.refreshes.size());
  return absl::OkStatus();
}

CkksTotals& PartOf(CkksEstimate& estimate, CkksPart part) {
  return *std::find_if(estimate.parts.begin(), estimate.parts.end(),
                       [part](const CkksTotals& totals) { return totals.part == part; });
}

// The fastest schedule and its seconds.
absl::Status AddSeconds(const CkksProgram& program, const CkksPreset& preset,
                        const CkksRules& rules, bool any_target, CkksEstimate& estimate) {
  ASSIGN_OR_RETURN(const LevelPrices prices,
                   SecondsByLevel(program, preset, rules.levels, any_target));
  ASSIGN_OR_RETURN(
      const LevelSchedule schedule,
      CheapestSchedule(LevelsOf(program, rules, preset.minimum_bootstrap_level, true), prices));
  estimate.seconds = schedule.cost;
  for (size_t i = 0; i < program.nodes.size(); ++i) {
    const CkksNode& node = program.nodes[i];
    CkksStep step;
    step.name = node.name;
    step.part = node.part;
    step.section = node.section;
    step.level = node.fixed_level > 0 ? node.fixed_level : schedule.level[i];
    step.depth = node.depth;
    step.ciphertexts = node.level.ciphertexts;
    step.ops = node.ops;
    step.seconds = OperationSeconds(node, preset, schedule.level[i]);
    if (node.part != CkksPart::kFree) {
      estimate.peak_level = std::max(estimate.peak_level, step.level);
      CkksTotals& part = PartOf(estimate, node.part);
      if (part.seconds && step.seconds) *part.seconds += *step.seconds;
    }
    estimate.steps.push_back(std::move(step));
  }
  for (const Refresh& refresh : schedule.refreshes) {
    CkksStep& step = estimate.steps[static_cast<size_t>(refresh.before)];
    const int64_t ciphertexts = program.nodes[static_cast<size_t>(refresh.value)].level.ciphertexts;
    const double seconds =
        static_cast<double>(ciphertexts) * prices.bootstrap[static_cast<size_t>(refresh.to)];
    step.bootstraps += ciphertexts;
    step.bootstrap_seconds += seconds;
    estimate.schedule_bootstraps += ciphertexts;
    estimate.bootstrap_seconds += seconds;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CkksPricer> CkksPricer::Create(const Network& network, const CkksOptions& options) {
  CkksPricer pricer;
  if (options.custom_preset) {
    pricer.preset_ = *options.custom_preset;
  } else {
    ASSIGN_OR_RETURN(const CkksPreset* preset, FindCkksPreset(options.preset));
    pricer.preset_ = *preset;
  }
  const CkksPreset& preset = pricer.preset_;
  if (options.degree) {
    ASSIGN_OR_RETURN(pricer.activation_,
                     PolynomialActivation(*options.degree, options.fold_activation));
  } else if (options.fold_activation) {
    return absl::InvalidArgumentError(
        "folded activation: found the minimax ReLU; allowed: degree 2");
  } else {
    pricer.activation_ = MinimaxRelu(preset.relu_prescale);
  }
  // A fold is asked for with degree 2 alone.
  ASSIGN_OR_RETURN(pricer.quadratic_, PolynomialActivation(2, options.fold_activation));
  CkksRules& rules = pricer.rules_;
  ASSIGN_OR_RETURN(rules.levels, ChooseLevels(options, preset, pricer.activation_));
  rules.convolution_depth = preset.convolution_depth;
  rules.identity_skip_depth = preset.identity_skip_depth;
  rules.stem_free = preset.stem_free;
  rules.relu_refresh = preset.relu_refresh;
  pricer.any_target_ = options.any_target;
  pricer.network_ = network;
  for (const Op& op : network.ops) {
    if (op.section < 0 || op.section > kMaxSection) {
      return absl::InvalidArgumentError(
          absl::StrCat(op.name, ": found section ", op.section, "; allowed: 0 to ", kMaxSection));
    }
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<CkksPacking> packing,
                   preset.packing == CkksPackingKind::kSingleShot
                       ? SingleShotPacking(preset.slots)
                       : MultiplexedPacking(preset.slots));
  ASSIGN_OR_RETURN(pricer.layers_, PackNetwork(network, *packing, preset.slots));
  return pricer;
}

absl::StatusOr<CkksEstimate> CkksPricer::Price(const std::vector<bool>& active,
                                               const std::vector<bool>& polynomials) const {
  ASSIGN_OR_RETURN(const CkksProgram program,
                   BuildCkksProgram(network_, layers_, active, activation_, rules_,
                                    {.layers = polynomials, .activation = quadratic_}));
  CkksEstimate estimate;
  estimate.preset = preset_.name;
  estimate.activation = activation_.name;
  estimate.levels = rules_.levels;
  estimate.depth = program.depth;
  estimate.band_factor = preset_.band_factor;
  estimate.band_reason = preset_.band_reason;
  estimate.notes = layers_.notes;
  if (!layers_.extrapolated.empty()) {
    estimate.band_factor *= kCkksExtrapolatedBand;
    absl::StrAppend(&estimate.band_reason, "; extrapolated (factor ", kCkksExtrapolatedBand,
                    ", assumed): ", absl::StrJoin(layers_.extrapolated, "; "));
  }
  RETURN_IF_ERROR(AddCounts(program, preset_, estimate));
  RETURN_IF_ERROR(CountRefreshes(program, rules_, preset_.minimum_bootstrap_level, estimate));
  RETURN_IF_ERROR(AddSeconds(program, preset_, rules_, any_target_, estimate));
  return estimate;
}

std::vector<bool> AllReluLayers(const Network& network) {
  std::vector<bool> active;
  active.reserve(network.ops.size());
  for (const Op& op : network.ops) active.push_back(op.kind == OpKind::kRelu);
  return active;
}

}  // namespace reluscape
