#include "search/strategy/checked_proposal.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "search/strategy/cost_limits.h"

namespace reluscape {
namespace {

void CheckTasks(const v1::JobSpec& spec, const Proposal& proposal, FieldErrors& errors) {
  int64_t tasks = 0;
  for (const ProposedNetwork& network : proposal.networks) {
    if (network.role != CandidateRole::kSearch) {
      tasks += spec.candidates().replicates();
      continue;
    }
    if (network.budgets.empty()) {
      errors.Add("budgets", absl::StrCat("none for ", network.name), "at least one");
    }
    // Counts are far below overflow: ProposeNetworks limits networks, replicates and Budgets.
    tasks += spec.candidates().replicates() * (2 + static_cast<int64_t>(network.budgets.size()));
  }
  if (proposal.networks.empty() && !spec.candidates().has_space()) {
    errors.Add("candidates", "no network is left", "at least one within the limits");
  }
  if (tasks > kMaxTasks) {
    errors.Add("candidates", absl::StrCat(tasks, " tasks (a candidate has 2 and one per budget)"),
               absl::StrCat("at most ", kMaxTasks, " tasks in one job"));
  }
}

void CheckLayerShares(const v1::JobSpec& spec, const Proposal& proposal, FieldErrors& errors) {
  const auto shares = static_cast<int64_t>(spec.stages().linearize().layer_shares().size());
  if (shares == 0) return;
  for (const ProposedNetwork& network : proposal.networks) {
    if (network.role != CandidateRole::kSearch) continue;
    const int64_t layers = std::count_if(network.network.ops.begin(), network.network.ops.end(),
                                         [](const Op& op) { return op.kind == OpKind::kRelu; });
    if (shares == layers) continue;
    errors.Add("stages.linearize.layer_shares", absl::StrCat(shares, " entries"),
               absl::StrCat("none, or ", layers, ", one for each ReLU layer of ", network.name));
    return;
  }
}

}  // namespace

absl::StatusOr<Proposal> CheckedProposal(const v1::JobSpec& spec, const MeasuredOrders& measured,
                                         FieldErrors errors, const MetricCatalog& metrics) {
  if (spec.kind() == v1::JobSpec::SEARCH) CheckObjectives(spec, metrics, errors);
  Proposal proposal = ProposeNetworks(spec, errors, measured);
  if (!errors.empty()) return errors.ToStatus();
  ApplyCostLimits(spec, metrics, proposal, errors);
  if (!errors.empty()) return errors.ToStatus();
  CheckTasks(spec, proposal, errors);
  CheckLayerShares(spec, proposal, errors);
  if (!errors.empty()) return errors.ToStatus();
  return proposal;
}

}  // namespace reluscape
