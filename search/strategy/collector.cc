#include "search/strategy/collector.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "search/network/equalization.h"
#include "search/vocabulary/messages.h"

namespace reluscape {

std::string EntryOf(const std::string& list, int64_t index) {
  return absl::StrCat(list, "[", index, "]");
}

std::string Collector::ExceededLimit(const ProposedNetwork& network) const {
  const v1::LimitsSpec& limits = spec_.limits();
  if (limits.max_macs() > 0 && network.counts.macs > limits.max_macs()) {
    return absl::StrCat(network.counts.macs, " MACs, above limits.max_macs = ", limits.max_macs());
  }
  if (limits.max_parameters() > 0 && network.counts.parameters > limits.max_parameters()) {
    return absl::StrCat(network.counts.parameters,
                        " parameters, above limits.max_parameters = ", limits.max_parameters());
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

void Collector::AddNamed(int index) {
  if (full_) return;
  const std::string field = EntryOf("candidates.networks", index);
  const std::string& text = spec_.candidates().networks(index);
  FieldErrors own;
  const std::optional<Architecture> architecture =
      ParseArchitecture(text, spec_.data().side(), spec_.data().classes(), own);
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
  for (const v1::PretrainedSpec& entry : spec_.candidates().pretrained()) {
    if (entry.network() != text) continue;
    network->origin = absl::StrCat("named, pretrained file ", entry.file());
    network->pretrained_file = entry.file();
    network->pretrained = MakeArtifact(entry.sha256(), entry.bytes());
  }
  if (spec_.kind() != v1::JobSpec::CRITICALITY) {
    Append(*std::move(network), field);
    return;
  }
  network->role = CandidateRole::kTeacher;
  Append(*std::move(network), field);
  AddSectionNetworks(text, field);
}

bool Collector::AddGenerated(const std::string& field, const NamedArchitecture& generated,
                             CandidateRole role, int64_t teacher, const std::string& origin) {
  const std::string& name = generated.name;
  FieldErrors own;
  SectionShapes(generated.architecture, own);
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

void Collector::AddDeepReShape(int index) {
  if (full_) return;
  const std::string field = EntryOf("candidates.deepreshape", index);
  const v1::DeepReShapeSpec& generator = spec_.candidates().deepreshape(index);
  std::optional<Backbone> backbone = FindBackbone(generator.backbone());
  if (!backbone) {
    errors_.Add(field + ".backbone", Quoted(generator.backbone()), BackboneNames());
    return;
  }

  backbone->architecture.side = spec_.data().side();
  const absl::StatusOr<std::vector<SectionWeight>> weights = SectionWeights(backbone->architecture);
  if (!weights.ok()) {
    errors_.Add(field + ".backbone",
                absl::StrCat(backbone->name, " on images of side ", spec_.data().side(), ", where ",
                             std::string(weights.status().message())),
                "a backbone that can be built on them");
    return;
  }
  const std::optional<OrderChoice> choice =
      ChooseOrder(field, generator.backbone(), static_cast<int64_t>(weights->size()),
                  ListOf(generator.order()), generator.order_from_job(), measured_, errors_);
  if (!choice) return;
  const EqualizationProblem problem = {
      .section_weights = *weights, .order = choice->order, .bound = generator.max_multiplier()};
  FieldErrors own;
  CheckEqualization(problem, own);
  for (const FieldError& error : own.errors()) {
    errors_.Add(field + (error.field == "bound" ? ".max_multiplier" : "." + error.field),
                error.found, error.allowed);
  }
  if (!own.empty()) return;
  const auto solutions = SolveEqualization(problem);
  if (!solutions.ok() || solutions->empty()) {
    errors_.Add(field,
                absl::StrCat("no multipliers from 2 to ", generator.max_multiplier(),
                             " that order ", backbone->name, "'s sections so"),
                "a max_multiplier and an order with at least one solution");
    return;
  }
  // Before any of them is built: at five sections there can be a quarter of a million.
  const auto generated = static_cast<int64_t>(solutions->size()) * generator.base_channels_size();
  if (generated > kMaxNetworks) {
    errors_.Add(field,
                absl::StrCat(generated, " networks (", solutions->size(), " solutions, ",
                             generator.base_channels().size(), " base channels)"),
                absl::StrCat("at most ", kMaxNetworks));
    return;
  }
  for (const int64_t base_channels : generator.base_channels()) {
    for (const std::vector<int64_t>& multipliers : *solutions) {
      if (full_) return;
      NamedArchitecture solution = HybReNet(*backbone, multipliers, base_channels);
      solution.architecture.side = spec_.data().side();
      solution.architecture.classes = spec_.data().classes();
      AddGenerated(field, solution, CandidateRole::kSearch, /*teacher=*/-1,
                   OriginText("deepreshape", *choice));
    }
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

}  // namespace reluscape
