#include "search/cost/one_phase.h"

#include <algorithm>
#include <utility>

#include "search/cost/estimate_parts.h"

namespace reluscape {
namespace {

// Both at once: their messages go together.
LayerCost Together(const LayerCost& a, const LayerCost& b) {
  LayerCost both = {.seconds = std::nullopt,
                    .known = a.known + b.known,
                    .unknown = a.unknown + b.unknown,
                    .flights = std::max(a.flights, b.flights),
                    .extras = a.extras};
  if (a.seconds && b.seconds) both.seconds = *a.seconds + *b.seconds;
  return both;
}

LayerEstimate RowOf(const LayerCost& cost, const Link& link) {
  LayerEstimate row;
  row.online_bytes = cost.known + BothWays(cost.unknown);
  row.online_s.reset();
  if (cost.seconds) {
    row.online_s = *cost.seconds + TransferSeconds(link, cost.known, cost.unknown).seconds +
                   RoundTripSeconds(link, static_cast<double>(cost.flights));
  }
  row.extras = cost.extras;
  return row;
}

}  // namespace

double KnownSeconds(const std::vector<LayerCost>& costs) {
  double seconds = 0;
  for (const LayerCost& cost : costs) seconds += cost.seconds.value_or(0);
  return seconds;
}

void FinishOnePhase(const OnePhaseCosts& costs, const PricedNetwork& network,
                    const Setting& setting, Estimate& estimate) {
  Traffic known;
  int64_t unknown = 0;
  int64_t flights = 0;
  std::vector<LayerCost> nonlinear_costs = costs.nonlinear;
  for (size_t i = 0; i < costs.polynomials.size(); ++i) {
    nonlinear_costs[i] = Together(nonlinear_costs[i], costs.polynomials[i]);
  }
  for (const std::vector<LayerCost>* list : {&costs.linear, &std::as_const(nonlinear_costs)}) {
    for (const LayerCost& cost : *list) {
      known = known + cost.known;
      unknown += cost.unknown;
      flights += cost.flights;
    }
  }
  estimate.online.flights = flights;
  AddCommunication(setting.link, known, unknown, estimate.online);
  if (!setting.with_layers) return;
  const NetworkLayers& layers = *network.layers;
  size_t linear = 0;
  size_t nonlinear = 0;
  while (linear < layers.linear.size() || nonlinear < layers.nonlinear.size()) {
    const bool take_linear = nonlinear == layers.nonlinear.size() ||
                             (linear < layers.linear.size() &&
                              layers.linear[linear].op < layers.nonlinear[nonlinear].op);
    LayerEstimate row =
        RowOf(take_linear ? costs.linear[linear] : nonlinear_costs[nonlinear], setting.link);
    if (take_linear) {
      row.name = layers.linear[linear].name;
      row.kind = layers.linear[linear].fully_connected ? "linear" : "conv";
      ++linear;
    } else {
      const NonlinearLayer& layer = layers.nonlinear[nonlinear];
      row.name = layer.name;
      row.kind = layer.kind == NonlinearKind::kRelu ? "relu" : "max_pool";
      row.relus = network.kept[nonlinear];
      row.polynomials = network.PolynomialsOf(nonlinear);
      ++nonlinear;
    }
    estimate.layers.push_back(std::move(row));
  }
}

}  // namespace reluscape
