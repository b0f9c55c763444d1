#include "search/strategy/candidates.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>

#include "absl/strings/str_cat.h"
#include "search/strategy/budgets.h"
#include "search/strategy/collector.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

// Every Budget below 1 or not below the count of some network is one error, which names the
// network with the fewest ReLUs.
void ResolveBudgets(const v1::BudgetsSpec& budgets, std::vector<ProposedNetwork>& networks,
                    FieldErrors& errors) {
  const int64_t number = budgets.relus_size() + budgets.fractions_size();
  if (number == 0 || number > kMaxBudgets) {
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
  for (int i = 0; i < budgets.relus_size(); ++i) {
    const int64_t relus = budgets.relus(i);
    const std::string field = EntryOf("budgets.relus", i);
    if (smallest != networks.end() && relus >= smallest->counts.relus) {
      errors.Add(field, absl::StrCat(relus),
                 absl::StrCat("1 to ", smallest->counts.relus - 1, " (", smallest->name, " has ",
                              smallest->counts.relus, " ReLUs)"));
    }
  }
  for (int i = 0; i < budgets.fractions_size(); ++i) {
    const double fraction = budgets.fractions(i);
    const std::string field = EntryOf("budgets.fractions", i);
    if (smallest != networks.end()) {
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
    network.budgets = BudgetsOf(budgets, network.counts.relus);
  }
}

// Each file is of a named network, and each network has at most one.
void CheckPretrained(const v1::CandidatesSpec& candidates, FieldErrors& errors) {
  std::set<std::string> seen;
  for (int i = 0; i < candidates.pretrained_size(); ++i) {
    const std::string& network = candidates.pretrained(i).network();
    const std::string field = EntryOf("candidates.pretrained", i) + ".network";
    const auto& named = candidates.networks();
    if (std::find(named.begin(), named.end(), network) == named.end()) {
      errors.Add(field, Quoted(network), "an entry of candidates.networks, as it stands there");
    } else if (!seen.insert(network).second) {
      errors.Add(field, Quoted(network) + " again", "each network once");
    }
  }
}

}  // namespace

Proposal ProposeNetworks(const v1::JobSpec& spec, FieldErrors& errors,
                         const MeasuredOrders& measured) {
  const v1::CandidatesSpec& candidates = spec.candidates();
  CheckPretrained(candidates, errors);
  // A list of its own: that others found errors must not hide those of budgets.
  FieldErrors network_errors;
  Collector collector(spec, measured, network_errors);
  for (int i = 0; i < candidates.networks_size(); ++i) collector.AddNamed(i);
  for (int i = 0; i < candidates.deepreshape_size(); ++i) collector.AddDeepReShape(i);
  for (int i = 0; i < candidates.deepreduce_size(); ++i) collector.AddDeepReduce(i);
  Proposal proposal = collector.Take();
  const auto networks = static_cast<int64_t>(proposal.networks.size());
  if (network_errors.empty() && networks == 0 && !candidates.has_space()) {
    network_errors.Add("candidates",
                       proposal.notes.empty() ? "no network"
                                              : absl::StrCat("no network that is left (",
                                                             proposal.notes.front(), " ...)"),
                       "at least one in networks, deepreshape or deepreduce");
  }
  if (networks * candidates.replicates() > kMaxCandidates) {
    network_errors.Add(
        "candidates.replicates",
        absl::StrCat(candidates.replicates(), " for each of ", networks, " networks"),
        absl::StrCat("at most ", kMaxCandidates, " candidates"));
  }
  for (const FieldError& error : network_errors.errors()) {
    errors.Add(error.field, error.found, error.allowed);
  }
  FieldErrors budget_errors;
  const bool linearizes =
      spec.kind() != v1::JobSpec::CRITICALITY &&
      (candidates.networks_size() + candidates.deepreshape_size() > 0 || candidates.has_space());
  if (linearizes) ResolveBudgets(spec.budgets(), proposal.networks, budget_errors);
  for (const FieldError& error : budget_errors.errors()) {
    errors.Add(error.field, error.found, error.allowed);
  }
  return proposal;
}

}  // namespace reluscape
