#pragma once

// What a network would cost at a Budget before anybody knows where its ReLUs will stay.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reluscape/v1/job.pb.h"
#include "search/cost/metric.h"
#include "search/cost/metric_pricer.h"

namespace reluscape {

// What one metric says of a Budget, wherever its ReLUs are.
struct CostBand {
  std::optional<double> proportional;  // in proportion to each layer's units; empty: no value
  // Of that, of all ReLUs in the layers nearest the input, and of those nearest the output.
  double lowest = 0;
  double highest = 0;
  std::string reason;  // without value
};

// The costs of one network at any Budget. Not thread-safe.
class NetworkCosts {
 public:
  // `metrics` must outlive it. `replacement`: of the ReLUs that a Budget removes.
  NetworkCosts(const Network& network, const MetricCatalog& catalog,
               const std::vector<CostMetric>& metrics, v1::LinearizeSpec::Replacement replacement);

  // `metric` in its canonical form; one that is not of `metrics` has no value.
  CostBand At(const std::string& metric, int64_t budget);

  // By each of `metrics`, with these ReLUs; none of them where the network cannot be priced.
  std::vector<std::optional<double>> Of(PricedNetwork network);

  // Null where the network cannot be priced.
  const NetworkLayers* layers() const { return pricer_ ? &pricer_->layers() : nullptr; }

 private:
  void Look(int64_t budget);
  std::vector<MetricPrice> Price(PricedNetwork network);

  const std::vector<CostMetric>& metrics_;
  const v1::LinearizeSpec::Replacement replacement_;
  std::unique_ptr<MetricPricer> pricer_;
  std::string reason_;  // why nothing can be priced
  int64_t budget_ = -1;
  std::vector<std::vector<MetricPrice>> prices_;  // at budget_: in proportion, at both ends
};

}  // namespace reluscape
