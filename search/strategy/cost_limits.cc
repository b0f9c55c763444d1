#include "search/strategy/cost_limits.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/strategy/network_costs.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/objective.h"

namespace reluscape {
namespace {

class Checker {
 public:
  Checker(const v1::JobSpec& spec, const MetricCatalog& catalog, Proposal& proposal,
          FieldErrors& errors)
      : spec_(spec),
        catalog_(catalog),
        limits_(CostLimitsOf(spec.limits())),
        metrics_(NamedMetrics(ListOf(spec.objectives()), limits_, catalog)),
        proposal_(proposal),
        errors_(errors) {}

  void Run() {
    if (metrics_.empty() && limits_.empty()) return;
    std::vector<bool> stays;
    for (ProposedNetwork& network : proposal_.networks) stays.push_back(Check(network));
    Keep(std::move(stays));
  }

 private:
  // Takes the others out of the proposal. A network that one of those learns from stays as a
  // teacher.
  void Keep(std::vector<bool> stays) {
    for (size_t i = 0; i < proposal_.networks.size(); ++i) {
      const int64_t teacher = proposal_.networks[i].teacher;
      if (!stays[i] || teacher < 0 || stays[static_cast<size_t>(teacher)]) continue;
      stays[static_cast<size_t>(teacher)] = true;
      proposal_.networks[static_cast<size_t>(teacher)].role = CandidateRole::kTeacher;
      proposal_.networks[static_cast<size_t>(teacher)].budgets.clear();
    }
    std::vector<ProposedNetwork> kept;
    std::vector<int64_t> places(stays.size(), -1);
    std::vector<bool> taught(stays.size(), false);
    for (size_t i = 0; i < stays.size(); ++i) {
      const int64_t teacher = proposal_.networks[i].teacher;
      if (stays[i] && teacher >= 0) taught[static_cast<size_t>(teacher)] = true;
    }
    for (size_t i = 0; i < stays.size(); ++i) {
      ProposedNetwork& network = proposal_.networks[i];
      // A teacher of nobody would be trained for nothing.
      if (!stays[i] || (network.role == CandidateRole::kTeacher && !taught[i])) continue;
      places[i] = static_cast<int64_t>(kept.size());
      if (network.teacher >= 0) network.teacher = places[static_cast<size_t>(network.teacher)];
      kept.push_back(std::move(network));
    }
    proposal_.networks = std::move(kept);
  }

  // Whether the network stays; takes Budgets out of it.
  bool Check(ProposedNetwork& network) {
    const bool named =
        std::find(spec_.candidates().networks().begin(), spec_.candidates().networks().end(),
                  network.name) != spec_.candidates().networks().end();
    if (network.budgets.empty()) return true;
    NetworkCosts costs(network.network, catalog_, metrics_,
                       spec_.stages().linearize().replacement());
    for (int i = 0; i < spec_.objectives_size(); ++i) {
      const std::string& name = spec_.objectives(i);
      if (name.find('.') == std::string::npos) continue;
      const CostBand band = costs.At(name, network.budgets.front());
      if (band.proportional) continue;
      return Refuse(
          network, named, absl::StrCat("objectives[", i, "]"),
          absl::StrCat(name, " gives no value for ", network.name, " (", band.reason, ")"),
          "a metric that can price every network");
    }
    for (size_t i = 0; i < limits_.size(); ++i) {
      if (!Limit(network, named, i, costs)) return false;
    }
    return true;
  }

  bool Limit(ProposedNetwork& network, bool named, size_t place, NetworkCosts& costs) {
    const CostLimit& limit = limits_[place];
    const std::string field = absl::StrCat("limits.costs[", place, "]");
    std::vector<int64_t> kept;
    bool told = false;
    for (const int64_t budget : network.budgets) {
      const CostBand band = costs.At(limit.metric, budget);
      if (!band.proportional) {
        return Refuse(network, named, field,
                      absl::StrCat(limit.metric, " gives no value for ", network.name, " (",
                                   band.reason, ")"),
                      "a metric that can price every network");
      }
      const std::string estimate = absl::StrCat(network.name, " at budget ", budget, ": ",
                                                limit.metric, " is ", *band.proportional);
      if (band.lowest > limit.at_most) {
        if (!named) {
          Note(absl::StrCat(estimate, ", above the limit of ", limit.at_most,
                            ": the budget is left out."));
        } else if (!told) {
          errors_.Add(
              field, estimate,
              absl::StrCat("at most ", limit.at_most, ": a smaller budget, or a larger limit"));
          told = true;
        }
        continue;
      }
      if (*band.proportional > limit.at_most) {
        Note(absl::StrCat(estimate, ", above the limit of ", limit.at_most,
                          ", if its layers keep ReLUs in proportion; it stays, because another "
                          "distribution may keep to it."));
      }
      kept.push_back(budget);
    }
    network.budgets = std::move(kept);
    if (!network.budgets.empty() || named) return true;
    Note(
        absl::StrCat(network.name, " is left out: no budget keeps to ", CostLimitText(limit), "."));
    return false;
  }

  bool Refuse(const ProposedNetwork& network, bool named, const std::string& field,
              const std::string& found, const std::string& allowed) {
    if (named) {
      errors_.Add(field, found, allowed);
      return true;
    }
    Note(absl::StrCat(network.name, " is left out: ", found, "."));
    return false;
  }

  void Note(std::string note) {
    if (proposal_.notes.size() < kMaxNotes) {
      proposal_.notes.push_back(std::move(note));
    } else if (!full_) {
      full_ = true;
      proposal_.notes.emplace_back("And more, of the limits on costs.");
    }
  }

  const v1::JobSpec& spec_;
  const MetricCatalog& catalog_;
  const std::vector<CostLimit> limits_;
  const std::vector<CostMetric> metrics_;
  Proposal& proposal_;
  FieldErrors& errors_;
  bool full_ = false;
};

}  // namespace

void CheckObjectives(const v1::JobSpec& spec, const MetricCatalog& metrics, FieldErrors& errors) {
  for (int i = 0; i < spec.objectives_size(); ++i) {
    ParseObjective(spec.objectives(i), metrics, absl::StrCat("objectives[", i, "]"), errors);
  }
  for (int i = 0; i < spec.limits().costs_size(); ++i) {
    ParseCostLimit(spec.limits().costs(i), metrics, absl::StrCat("limits.costs[", i, "]"), errors);
  }
  if (spec.objectives().empty()) errors.Add("objectives", "none", "at least one, as \"relus\"");
}

void ApplyCostLimits(const v1::JobSpec& spec, const MetricCatalog& metrics, Proposal& proposal,
                     FieldErrors& errors) {
  Checker(spec, metrics, proposal, errors).Run();
}

}  // namespace reluscape
