#include "search/strategy/network_costs.h"

#include <algorithm>
#include <utility>

#include "search/cost/kept_relus.h"

namespace reluscape {
namespace {

// `relus` in the first layers that hold them, from the input or from the output on.
PricedNetwork Concentrated(const NetworkLayers& layers, int64_t relus, bool from_input) {
  PricedNetwork network = KeepAllRelus(layers);
  for (size_t k = 0; k < network.kept.size(); ++k) {
    const size_t i = from_input ? k : network.kept.size() - 1 - k;
    if (layers.nonlinear[i].kind != NonlinearKind::kRelu) continue;
    network.kept[i] = std::min(network.kept[i], relus);
    relus -= network.kept[i];
  }
  return network;
}

}  // namespace

NetworkCosts::NetworkCosts(const Network& network, const MetricCatalog& catalog,
                           const std::vector<CostMetric>& metrics,
                           v1::LinearizeSpec::Replacement replacement)
    : metrics_(metrics), replacement_(replacement) {
  absl::StatusOr<std::unique_ptr<MetricPricer>> pricer =
      MetricPricer::Create(catalog, metrics, network);
  if (pricer.ok()) {
    pricer_ = *std::move(pricer);
  } else {
    reason_ = std::string(pricer.status().message());
  }
}

CostBand NetworkCosts::At(const std::string& metric, int64_t budget) {
  Look(budget);
  if (!reason_.empty()) return {.proportional = {}, .reason = reason_};
  size_t place = 0;
  while (place < metrics_.size() && metrics_[place].Text() != metric) ++place;
  if (place == metrics_.size()) return {.proportional = {}, .reason = "it is not known"};
  CostBand band;
  for (size_t spread = 0; spread < prices_.size(); ++spread) {
    const MetricPrice& price = prices_[spread][place];
    if (spread == 0) {
      if (!price.value) return {.proportional = {}, .reason = std::string(price.note)};
      band.proportional = band.lowest = band.highest = *price.value;
    } else if (price.value) {
      band.lowest = std::min(band.lowest, *price.value);
      band.highest = std::max(band.highest, *price.value);
    }
  }
  return band;
}

std::vector<std::optional<double>> NetworkCosts::Of(PricedNetwork network) {
  std::vector<std::optional<double>> values(metrics_.size());
  if (pricer_ == nullptr) return values;
  const std::vector<MetricPrice> prices = Price(std::move(network));
  for (size_t i = 0; i < prices.size(); ++i) values[i] = prices[i].value;
  return values;
}

void NetworkCosts::Look(int64_t budget) {
  if (pricer_ == nullptr || budget == budget_) return;
  budget_ = budget;
  prices_.clear();
  const absl::StatusOr<PricedNetwork> spread = KeepRelus(pricer_->layers(), budget);
  if (!spread.ok()) {
    reason_ = std::string(spread.status().message());
    return;
  }
  prices_.push_back(Price(*spread));
  for (const bool from_input : {true, false}) {
    prices_.push_back(Price(Concentrated(pricer_->layers(), budget, from_input)));
  }
}

std::vector<MetricPrice> NetworkCosts::Price(PricedNetwork network) {
  if (replacement_ == v1::LinearizeSpec::POLYNOMIAL) MakeRestPolynomials(network);
  return pricer_->Price(network);
}

}  // namespace reluscape
