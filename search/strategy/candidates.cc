#include "search/strategy/candidates.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "search/network/deepreduce.h"
#include "search/network/deepreshape.h"
#include "search/network/equalization.h"

namespace reluscape {
namespace {

std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

std::string Element(const std::string& list, size_t index) {
  return absl::StrCat(list, "[", index, "]");
}

// The lines of a FieldErrors' status, "order: found x; allowed: y", below `path`.
void AddFieldErrors(const std::string& path, const std::string& message, FieldErrors& errors) {
  const std::vector<std::string> lines = absl::StrSplit(message, '\n');
  for (const std::string& line : lines) {
    const size_t found = line.find(": found ");
    const size_t allowed = line.find("; allowed: ");
    if (found == std::string::npos || allowed == std::string::npos || allowed < found) {
      errors.Add(path, line, "a generator that can be expanded");
    } else {
      errors.Add(absl::StrCat(path, ".", line.substr(0, found)),
                 line.substr(found + 8, allowed - found - 8), line.substr(allowed + 11));
    }
  }
}

bool CheckRange(const std::string& field, int64_t value, int64_t low, int64_t high,
                FieldErrors& errors) {
  if (value >= low && value <= high) return true;
  errors.Add(field, absl::StrCat(value), absl::StrCat(low, " to ", high));
  return false;
}

// Collects the networks of a proposal, one per hash.
class Collector {
 public:
  Collector(const JobSpec& spec, const MeasuredOrders& measured, FieldErrors& errors)
      : spec_(spec), measured_(measured), errors_(errors) {}

  void AddNamed(size_t index);
  void AddDeepReShape(size_t index);
  void AddDeepReduce(size_t index);
  Proposal Take();

 private:
  // A limit of the Job that `network` exceeds, in words; empty where there is none.
  std::string ExceededLimit(const ProposedNetwork& network) const;
  // Builds and counts. Errors go to `errors`, with the fields of Architecture.
  std::optional<ProposedNetwork> Expand(const std::string& name, const Architecture& architecture,
                                        FieldErrors& errors);
  // The networks with ReLUs in one stage alone of the named network that was added last.
  void AddStageNetworks(const std::string& text, const std::string& field);
  // A generated network, which may be there already or above a limit: a note then. Whether it is
  // there now.
  bool AddGenerated(const std::string& field, const NamedArchitecture& generated,
                    CandidateRole role, int64_t teacher, const std::string& origin);
  // Full, with one error for the whole Job, where there would be too many.
  void Append(ProposedNetwork network, const std::string& field);

  const JobSpec& spec_;
  const MeasuredOrders& measured_;
  FieldErrors& errors_;
  Proposal proposal_;
  std::map<std::string, std::string> field_by_hash_;
  int64_t operations_ = 0;
  bool full_ = false;
};

std::string Collector::ExceededLimit(const ProposedNetwork& network) const {
  const LimitsSpec& limits = spec_.limits;
  if (limits.max_macs > 0 && network.counts.macs > limits.max_macs) {
    return absl::StrCat(network.counts.macs, " MACs, above limits.max_macs = ", limits.max_macs);
  }
  if (limits.max_parameters > 0 && network.counts.parameters > limits.max_parameters) {
    return absl::StrCat(network.counts.parameters,
                        " parameters, above limits.max_parameters = ", limits.max_parameters);
  }
  return "";
}

std::optional<ProposedNetwork> Collector::Expand(const std::string& name,
                                                 const Architecture& architecture,
                                                 FieldErrors& errors) {
  ProposedNetwork result;
  result.name = name;
  result.architecture = architecture;
  result.canonical_text = CanonicalText(architecture);
  absl::StatusOr<Network> network = BuildNetwork(architecture);
  if (!network.ok()) {
    errors.Add("network", std::string(network.status().message()), "a network that can be built");
    return std::nullopt;
  }
  result.network = *std::move(network);
  // Also of those that are left out or refused later: they cost the same time.
  operations_ += static_cast<int64_t>(result.network.ops.size());
  if (operations_ > kMaxOperations) {
    errors_.Add("candidates",
                absl::StrCat("networks of more than ", kMaxOperations, " operations together"),
                absl::StrCat("at most ", kMaxOperations));
    full_ = true;
  }
  absl::StatusOr<NetworkCounts> counts = CountNetwork(result.network);
  if (!counts.ok()) {
    errors.Add("network", std::string(counts.status().message()), "counts that fit 63 bits");
    return std::nullopt;
  }
  result.counts = *std::move(counts);
  result.hash = NetworkHash(result.network);
  return result;
}

void Collector::Append(ProposedNetwork network, const std::string& field) {
  if (static_cast<int64_t>(proposal_.networks.size()) == kMaxNetworks) {
    errors_.Add("candidates", absl::StrCat("more than ", kMaxNetworks, " networks"),
                absl::StrCat("at most ", kMaxNetworks));
    full_ = true;
  } else {
    field_by_hash_[network.hash] = field;
    proposal_.networks.push_back(std::move(network));
  }
}

void Collector::AddNamed(size_t index) {
  if (full_) return;
  const std::string field = Element("candidates.networks", index);
  const std::string& text = spec_.candidates.networks[index];
  FieldErrors own;
  const std::optional<Architecture> architecture =
      ParseArchitecture(text, spec_.data.side, spec_.data.classes, own);
  std::optional<ProposedNetwork> network;
  if (architecture) network = Expand(text, *architecture, own);
  if (full_) return;
  for (const FieldError& error : own.errors()) {
    errors_.Add(field, absl::StrCat(Quoted(text), " with ", error.field, " ", error.found),
                absl::StrCat(error.field, " ", error.allowed));
  }
  if (!network) return;
  if (const auto known = field_by_hash_.find(network->hash); known != field_by_hash_.end()) {
    errors_.Add(field, absl::StrCat(Quoted(text), ", the same network as ", known->second),
                "each network once");
    return;
  }
  if (const std::string limit = ExceededLimit(*network); !limit.empty()) {
    errors_.Add(field, absl::StrCat(Quoted(text), " with ", limit), "a network within the limits");
    return;
  }
  network->origin = "named";
  if (spec_.kind != JobKind::kCriticality) {
    Append(*std::move(network), field);
    return;
  }
  network->role = CandidateRole::kTeacher;
  Append(*std::move(network), field);
  AddStageNetworks(text, field);
}

// As the user named the network where that can be, else its canonical text.
std::string NameOfVariant(const std::string& text, const std::string& modifier,
                          const Architecture& variant) {
  const std::string name = text + modifier;
  const absl::StatusOr<Architecture> parsed =
      ParseArchitecture(name, variant.side, variant.classes);
  return parsed.ok() && *parsed == variant ? name : CanonicalText(variant);
}

void Collector::AddStageNetworks(const std::string& text, const std::string& field) {
  if (full_) return;
  const auto teacher = static_cast<int64_t>(proposal_.networks.size()) - 1;
  const ProposedNetwork full = proposal_.networks.back();
  const auto stages = static_cast<int64_t>(full.architecture.blocks.size());
  for (int64_t stage = 1; stage <= stages; ++stage) {
    if (full.counts.stages[static_cast<size_t>(stage - 1)].relus == 0) {
      errors_.Add(field, absl::StrCat(Quoted(text), ", which has no ReLUs in stage ", stage),
                  "a network with ReLUs in every stage");
      return;
    }
  }
  for (int64_t stage = 1; stage <= stages && !full_; ++stage) {
    Architecture only = full.architecture;
    only.stem_relu = false;
    only.final_relu = false;
    only.culled.clear();
    for (int64_t other = 1; other <= stages; ++other) {
      if (other != stage) only.culled.push_back(other);
    }
    const std::string name =
        NameOfVariant(text, absl::StrCat("+culled:", absl::StrJoin(only.culled, ",")), only);
    FieldErrors own;
    std::optional<ProposedNetwork> network = Expand(name, only, own);
    if (full_) return;
    if (!network) {
      for (const FieldError& error : own.errors()) {
        errors_.Add(field,
                    absl::StrCat(Quoted(text), ", with ReLUs in stage ", stage,
                                 " alone: ", error.field, " ", error.found),
                    absl::StrCat(error.field, " ", error.allowed));
      }
      return;
    }
    const int64_t inside = network->counts.stages[static_cast<size_t>(stage - 1)].relus;
    if (inside != network->counts.relus) {
      errors_.Add(field,
                  absl::StrCat(Quoted(text), ", which keeps ", network->counts.relus - inside,
                               " ReLUs outside of stage ", stage, " where all others are culled"),
                  "a network whose ReLUs are all in its stages (of a VGG: +classifier:linear)");
      return;
    }
    if (const auto known = field_by_hash_.find(network->hash); known != field_by_hash_.end()) {
      errors_.Add(field,
                  absl::StrCat(Quoted(text), ", whose network with ReLUs in stage ", stage,
                               " alone is one of ", known->second),
                  "networks that differ in more than the ReLU behind the stem");
      return;
    }
    network->role = CandidateRole::kStage;
    network->measured_stage = stage;
    network->teacher = teacher;
    network->origin = absl::StrCat("ReLUs in stage ", stage, " of ", text, " alone");
    Append(*std::move(network), field);
  }
}

bool Collector::AddGenerated(const std::string& field, const NamedArchitecture& generated,
                             CandidateRole role, int64_t teacher, const std::string& origin) {
  const std::string& name = generated.name;
  FieldErrors own;
  StageShapes(generated.architecture, own);
  if (!own.empty()) {
    const FieldError& error = own.errors().front();
    proposal_.notes.push_back(absl::StrCat(name, " (", field, ") is left out: ", error.field, " ",
                                           error.found, ", allowed are ", error.allowed, "."));
    return false;
  }
  std::optional<ProposedNetwork> network = Expand(name, generated.architecture, errors_);
  if (!network || full_) return false;
  if (const auto known = field_by_hash_.find(network->hash); known != field_by_hash_.end()) {
    if (role != CandidateRole::kTeacher) {
      proposal_.notes.push_back(
          absl::StrCat(name, " (", field, ") is the same network as that of ", known->second, "."));
    }
    return true;
  }
  if (const std::string limit = ExceededLimit(*network); !limit.empty()) {
    proposal_.notes.push_back(absl::StrCat(name, " (", field, ") is left out: ", limit, "."));
    return false;
  }
  network->role = role;
  network->teacher = teacher;
  network->origin = origin;
  if (role == CandidateRole::kWhole) network->budgets = {network->counts.relus};
  Append(*std::move(network), field);
  return !full_;
}

void Collector::AddDeepReShape(size_t index) {
  if (full_) return;
  const std::string field = Element("candidates.deepreshape", index);
  const DeepReShapeSpec& generator = spec_.candidates.deepreshape[index];
  std::optional<Backbone> backbone = FindBackbone(generator.backbone);
  bool valid = true;
  if (!backbone) {
    errors_.Add(field + ".backbone", Quoted(generator.backbone), BackboneNames());
    valid = false;
  }
  if (generator.base_channels.empty()) {
    errors_.Add(field + ".base_channels", "nothing", "at least one number of channels");
    valid = false;
  }
  for (size_t i = 0; i < generator.base_channels.size(); ++i) {
    valid &= CheckRange(Element(field + ".base_channels", i), generator.base_channels[i], 1,
                        kMaxChannels, errors_);
  }
  if (!backbone) return;

  backbone->architecture.side = spec_.data.side;
  const absl::StatusOr<std::vector<StageWeight>> weights = StageWeights(backbone->architecture);
  if (!weights.ok()) {
    errors_.Add(field + ".backbone",
                absl::StrCat(backbone->name, " on images of side ", spec_.data.side, ", where ",
                             std::string(weights.status().message())),
                "a backbone that can be built on them");
    return;
  }
  const std::optional<OrderChoice> choice =
      ChooseOrder(field, generator.backbone, static_cast<int64_t>(weights->size()), generator.order,
                  generator.order_from_job, measured_, errors_);
  if (!choice) return;
  const EqualizationProblem problem = {
      .stage_weights = *weights, .order = choice->order, .bound = generator.max_multiplier};
  FieldErrors own;
  CheckEqualization(problem, own);
  for (const FieldError& error : own.errors()) {
    errors_.Add(field + (error.field == "bound" ? ".max_multiplier" : "." + error.field),
                error.found, error.allowed);
  }
  if (!own.empty() || !valid) return;
  const auto solutions = SolveEqualization(problem);
  if (!solutions.ok() || solutions->empty()) {
    errors_.Add(field,
                absl::StrCat("no multipliers from 2 to ", generator.max_multiplier, " that order ",
                             backbone->name, "'s stages so"),
                "a max_multiplier and an order with at least one solution");
    return;
  }
  // Before any of them is built: at five stages there can be a quarter of a million.
  const auto generated = static_cast<int64_t>(solutions->size() * generator.base_channels.size());
  if (generated > kMaxNetworks) {
    errors_.Add(field,
                absl::StrCat(generated, " networks (", solutions->size(), " solutions, ",
                             generator.base_channels.size(), " base channels)"),
                absl::StrCat("at most ", kMaxNetworks));
    return;
  }
  for (const int64_t base_channels : generator.base_channels) {
    for (const std::vector<int64_t>& multipliers : *solutions) {
      if (full_) return;
      NamedArchitecture solution = HybReNet(*backbone, multipliers, base_channels);
      solution.architecture.side = spec_.data.side;
      solution.architecture.classes = spec_.data.classes;
      AddGenerated(field, solution, CandidateRole::kSearch, /*teacher=*/-1,
                   OriginText("deepreshape", *choice));
    }
  }
}

void Collector::AddDeepReduce(size_t index) {
  if (full_) return;
  const std::string field = Element("candidates.deepreduce", index);
  const DeepReduceSpec& generator = spec_.candidates.deepreduce[index];
  FieldErrors own;
  const std::optional<Architecture> backbone =
      ParseArchitecture(generator.backbone, spec_.data.side, spec_.data.classes, own);
  if (!backbone) {
    for (const FieldError& error : own.errors()) {
      errors_.Add(field + ".backbone",
                  absl::StrCat(Quoted(generator.backbone), " with ", error.field, " ", error.found),
                  absl::StrCat(error.field, " ", error.allowed));
    }
    return;
  }
  const std::optional<OrderChoice> choice =
      ChooseOrder(field, generator.backbone, static_cast<int64_t>(backbone->blocks.size()),
                  generator.order, generator.order_from_job, measured_, errors_);
  if (!choice) return;
  const absl::StatusOr<DeepReduceProposal> reduced =
      ProposeDeepReduce(generator.backbone, spec_.data.side, spec_.data.classes,
                        {.order = choice->order,
                         .max_culled = generator.max_culled,
                         .channel_scales = generator.channel_scales,
                         .resolutions = generator.resolutions});
  if (!reduced.ok()) {
    AddFieldErrors(field, std::string(reduced.status().message()), errors_);
    return;
  }
  for (const std::string& note : reduced->left_out) {
    proposal_.notes.push_back(absl::StrCat(field, ": ", note));
  }
  // The first one is the backbone, from which the others learn.
  const NamedArchitecture& first = reduced->networks.front();
  const std::string origin = OriginText("deepreduce", *choice);
  if (!AddGenerated(field, first, CandidateRole::kTeacher, /*teacher=*/-1,
                    absl::StrCat("backbone of ", field))) {
    return;
  }
  const std::string hash = NetworkHash(*BuildNetwork(first.architecture));
  int64_t teacher = 0;
  while (proposal_.networks[static_cast<size_t>(teacher)].hash != hash) ++teacher;
  for (size_t i = 1; i < reduced->networks.size() && !full_; ++i) {
    AddGenerated(field, reduced->networks[i], CandidateRole::kWhole, teacher, origin);
  }
}

Proposal Collector::Take() {
  if (std::vector<std::string>& notes = proposal_.notes; notes.size() > kMaxNotes) {
    const size_t more = notes.size() - kMaxNotes;
    notes.resize(kMaxNotes);
    notes.push_back(absl::StrCat("And ", more, " more."));
  }
  return std::move(proposal_);
}

// The part of `relus` that `fraction` is, rounded down.
int64_t FractionOf(double fraction, int64_t relus) {
  const double product = fraction * static_cast<double>(relus);
  // 0.29 is a little below 29 / 100: without the margin, 0.29 of 100 ReLUs would be 28.
  return static_cast<int64_t>(
      std::floor(product * (1 + 4 * std::numeric_limits<double>::epsilon())));
}

// Every Budget below 1 or not below the count of some network is one error, which names the
// network with the fewest ReLUs.
void ResolveBudgets(const BudgetsSpec& budgets, std::vector<ProposedNetwork>& networks,
                    FieldErrors& errors) {
  const size_t number = budgets.relus.size() + budgets.fractions.size();
  if (number == 0 || number > static_cast<size_t>(kMaxBudgets)) {
    errors.Add("budgets", absl::StrCat(number, " budgets"),
               absl::StrCat("1 to ", kMaxBudgets, " in relus and fractions together"));
    return;
  }
  // Those that are not linearized count as larger than any.
  const auto smallest = std::min_element(networks.begin(), networks.end(),
                                         [](const ProposedNetwork& a, const ProposedNetwork& b) {
                                           const bool searched = a.role == CandidateRole::kSearch;
                                           if (searched != (b.role == CandidateRole::kSearch)) {
                                             return searched;
                                           }
                                           return a.counts.relus < b.counts.relus;
                                         });
  for (size_t i = 0; i < budgets.relus.size(); ++i) {
    const int64_t relus = budgets.relus[i];
    const std::string field = Element("budgets.relus", i);
    if (smallest == networks.end()) {
      if (relus < 1) errors.Add(field, absl::StrCat(relus), "at least 1");
    } else if (relus < 1 || relus >= smallest->counts.relus) {
      errors.Add(field, absl::StrCat(relus),
                 absl::StrCat("1 to ", smallest->counts.relus - 1, " (", smallest->name, " has ",
                              smallest->counts.relus, " ReLUs)"));
    }
  }
  for (size_t i = 0; i < budgets.fractions.size(); ++i) {
    const double fraction = budgets.fractions[i];
    const std::string field = Element("budgets.fractions", i);
    if (!(fraction > 0 && fraction < 1)) {
      errors.Add(field, absl::StrCat(fraction), "above 0 and below 1");
    } else if (smallest != networks.end()) {
      const int64_t relus = FractionOf(fraction, smallest->counts.relus);
      if (relus < 1 || relus >= smallest->counts.relus) {
        errors.Add(field,
                   absl::StrCat(fraction, ", which is ", relus, " of the ", smallest->counts.relus,
                                " ReLUs of ", smallest->name),
                   absl::StrCat("a fraction that leaves 1 to ", smallest->counts.relus - 1));
      }
    }
  }
  if (!errors.empty()) return;
  for (ProposedNetwork& network : networks) {
    if (network.role != CandidateRole::kSearch) continue;
    network.budgets = budgets.relus;
    for (const double fraction : budgets.fractions) {
      network.budgets.push_back(FractionOf(fraction, network.counts.relus));
    }
    std::sort(network.budgets.begin(), network.budgets.end(), std::greater<>());
    network.budgets.erase(std::unique(network.budgets.begin(), network.budgets.end()),
                          network.budgets.end());
  }
}

}  // namespace

Proposal ProposeNetworks(const JobSpec& spec, FieldErrors& errors, const MeasuredOrders& measured) {
  const bool valid_side = CheckRange("data.side", spec.data.side, kMinSide, kMaxSide, errors);
  const bool valid_classes =
      CheckRange("data.classes", spec.data.classes, kMinClasses, kMaxClasses, errors);
  const bool valid_replicates =
      CheckRange("candidates.replicates", spec.candidates.replicates, 1, kMaxReplicates, errors);
  const auto names = static_cast<int64_t>(spec.candidates.networks.size());
  const auto generators = static_cast<int64_t>(spec.candidates.deepreshape.size());
  if (names > kMaxNetworks) {
    errors.Add("candidates.networks", absl::StrCat(names, " networks"),
               absl::StrCat("at most ", kMaxNetworks));
  }
  if (generators > kMaxGenerators) {
    errors.Add("candidates.deepreshape", absl::StrCat(generators, " entries"),
               absl::StrCat("at most ", kMaxGenerators));
  }
  const auto reducers = static_cast<int64_t>(spec.candidates.deepreduce.size());
  if (reducers > kMaxGenerators) {
    errors.Add("candidates.deepreduce", absl::StrCat(reducers, " entries"),
               absl::StrCat("at most ", kMaxGenerators));
  }
  if (!valid_side || !valid_classes || names > kMaxNetworks ||
      std::max(generators, reducers) > kMaxGenerators) {
    return {};
  }

  // A list of its own: that others found errors must not hide those of budgets.
  FieldErrors network_errors;
  Collector collector(spec, measured, network_errors);
  for (size_t i = 0; i < spec.candidates.networks.size(); ++i) collector.AddNamed(i);
  for (size_t i = 0; i < spec.candidates.deepreshape.size(); ++i) {
    collector.AddDeepReShape(i);
  }
  for (size_t i = 0; i < spec.candidates.deepreduce.size(); ++i) collector.AddDeepReduce(i);
  Proposal proposal = collector.Take();
  const auto networks = static_cast<int64_t>(proposal.networks.size());
  if (network_errors.empty() && networks == 0) {
    network_errors.Add("candidates",
                       proposal.notes.empty() ? "no network"
                                              : absl::StrCat("no network that is left (",
                                                             proposal.notes.front(), " ...)"),
                       "at least one in networks, deepreshape or deepreduce");
  }
  if (valid_replicates && networks * spec.candidates.replicates > kMaxCandidates) {
    network_errors.Add(
        "candidates.replicates",
        absl::StrCat(spec.candidates.replicates, " for each of ", networks, " networks"),
        absl::StrCat("at most ", kMaxCandidates, " candidates"));
  }
  for (const FieldError& error : network_errors.errors()) {
    errors.Add(error.field, error.found, error.allowed);
  }
  FieldErrors budget_errors;
  const bool linearizes = spec.kind == JobKind::kSearch && names + generators > 0;
  if (linearizes) ResolveBudgets(spec.budgets, proposal.networks, budget_errors);
  for (const FieldError& error : budget_errors.errors()) {
    errors.Add(error.field, error.found, error.allowed);
  }
  return proposal;
}

}  // namespace reluscape
