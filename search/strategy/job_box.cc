#include "search/strategy/job_box.h"

#include <algorithm>
#include <optional>
#include <string>

#include "search/strategy/hypervolume_box.h"
#include "search/strategy/network_costs.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/objective.h"

namespace reluscape {
namespace {

// Networks of a space that are priced.
constexpr size_t kPriced = 300;

bool IsCount(const std::string& objective) { return objective.find('.') == std::string::npos; }

void AddNetwork(const v1::JobSpec& spec, const MetricCatalog& metrics,
                const ProposedNetwork& network, BoxBuilder& builder) {
  const std::vector<CostMetric> priced = NamedMetrics(ListOf(spec.objectives()), {}, metrics);
  NetworkCosts costs(network.network, metrics, priced,
                     network.replacement == v1::LinearizeSpec::REPLACEMENT_UNSPECIFIED
                         ? spec.stages().linearize().replacement()
                         : network.replacement);
  for (const int64_t budget : network.budgets) {
    std::vector<std::optional<double>> values;
    for (const std::string& objective : spec.objectives()) {
      if (objective == "relus") {
        values.emplace_back(static_cast<double>(budget));
      } else if (objective == "macs") {
        values.emplace_back(static_cast<double>(network.counts.macs));
      } else if (objective == "parameters") {
        values.emplace_back(static_cast<double>(network.counts.parameters));
      } else {
        values.push_back(costs.At(objective, budget).proportional);
      }
    }
    builder.Add(values);
  }
}

}  // namespace

v1::HypervolumeBox BoxOfJob(const v1::JobSpec& spec, const MetricCatalog& metrics,
                            const std::vector<ProposedNetwork>& networks, DesignSpace* space) {
  BoxBuilder builder(ListOf(spec.objectives()));
  for (const ProposedNetwork& network : networks) AddNetwork(spec, metrics, network, builder);
  if (space != nullptr) {
    const std::vector<SpacePoint>& points = space->LookedAt();
    const bool counts = std::all_of(spec.objectives().begin(), spec.objectives().end(), IsCount);
    const size_t step = counts ? 1 : std::max<size_t>(1, points.size() / kPriced);
    for (size_t i = 0; i < points.size(); i += step) {
      std::vector<int64_t> budgets;
      for (const BudgetOutlook& budget : space->Look(points[i]).budgets) {
        budgets.push_back(budget.budget);
      }
      for (const auto& values : space->ObjectivesAt(points[i], budgets)) builder.Add(values);
    }
  }
  return builder.Build(spec.data().classes());
}

}  // namespace reluscape
