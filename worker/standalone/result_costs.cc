#include "worker/standalone/result_costs.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status_macros.h"
#include "search/cost/cost_model.h"
#include "search/cost/metric_pricer.h"
#include "search/network/names.h"
#include "search/objective.h"

namespace reluscape {
namespace {

// The default metrics and those that the Job names, as a coordinator has them.
std::vector<CostMetric> MetricsOf(const JobSpec& spec) {
  const MetricCatalog& catalog = BuiltInMetrics();
  std::vector<CostMetric> metrics = catalog.Defaults();
  for (const CostMetric& metric : NamedMetrics(spec.objectives, spec.limits.costs, catalog)) {
    if (std::find(metrics.begin(), metrics.end(), metric) == metrics.end()) {
      metrics.push_back(metric);
    }
  }
  return metrics;
}

absl::StatusOr<ResultCosts::Costs> Price(const JobSpec& spec, const std::string& canonical_text,
                                         const ResultReport& result) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(canonical_text));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  ResultCosts::Costs costs;
  costs.latency = EstimateLatency(network, result.relus);
  const std::vector<CostMetric> metrics = MetricsOf(spec);
  ASSIGN_OR_RETURN(const std::unique_ptr<MetricPricer> pricer,
                   MetricPricer::Create(BuiltInMetrics(), metrics, network));
  std::vector<KeptLayer> kept;
  kept.reserve(result.layers.size());
  for (const LayerRelus& layer : result.layers) {
    kept.push_back({layer.layer, layer.kept, layer.polynomials});
  }
  ASSIGN_OR_RETURN(const PricedNetwork priced, pricer->Keep(kept, result.relus));
  const std::vector<MetricPrice> prices = pricer->Price(priced);
  for (size_t i = 0; i < metrics.size(); ++i) {
    if (!prices[i].value) continue;
    costs.costs[metrics[i].Text()] = {*prices[i].value, prices[i].is_lower_bound};
  }
  return costs;
}

}  // namespace

const ResultCosts::Costs& ResultCosts::Of(const PlannedTask& task, const ResultReport& result) {
  const auto [place, added] = known_.try_emplace(task.result);
  if (!added) return place->second;
  absl::StatusOr<Costs> costs = Price(plan_.spec, plan_.candidates[task.candidate].network, result);
  if (costs.ok()) {
    place->second = *std::move(costs);
  } else {
    LogWarning("result ", task.result.value,
               " has no costs: ", std::string(costs.status().message()));
  }
  return place->second;
}

}  // namespace reluscape
