#pragma once

// Costs of Results, and when they must be computed again.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/cost/metric.h"
#include "search/cost/metric_pricer.h"
#include "search/vocabulary/synchronize.h"
#include "storage/store.h"

namespace reluscape {

// Prices Results by the default metrics and by those that their Job names.
// Not thread-safe: remembers what Results of one network share.
class ResultPricer {
 public:
  // `metrics` must outlive the pricer.
  explicit ResultPricer(const MetricCatalog& metrics) : metrics_(metrics) {}

  // Prices a Result by the ReLUs that its layers kept and stores that. A network or layer that
  // cannot be priced gives costs without value that say why; an error is one of the store.
  absl::Status Price(Transaction& transaction, const JobRow& job, ResultId result,
                     const std::string& network, const v1::ResultReport& report);

  // Prices every stored Result again whose costs are missing or of another version of their model,
  // of another profile or of another list of metrics. Returns how many there were.
  absl::StatusOr<int64_t> PriceStale(Transaction& transaction);

 private:
  // One metric with what it is computed with.
  struct PricedMetric {
    CostOrigin origin;  // without note
    std::map<std::string, std::shared_ptr<const CostOrigin>, std::less<>> by_note;
  };
  // The metrics of some Jobs, in one order.
  struct PriceSet {
    std::vector<CostMetric> metrics;
    std::vector<PricedMetric> priced;
    std::string hash;
  };

  static CostRow RowOf(PricedMetric& metric, const MetricPrice& price);

  absl::StatusOr<PriceSet*> PriceSetOf(const JobRow& job);
  absl::StatusOr<std::vector<CostRow>> Costs(PriceSet& set, const std::string& network,
                                             const v1::ResultReport& report);
  absl::StatusOr<const Network*> NetworkOf(const std::string& text);
  absl::StatusOr<MetricPricer*> PricerOf(const PriceSet& set, const std::string& network);

  const MetricCatalog& metrics_;
  std::map<std::string, PriceSet> sets_;  // by what the Job adds to the default metrics
  std::string text_;                      // of the network below and of pricers_
  std::optional<Network> network_;
  std::map<std::string, std::unique_ptr<MetricPricer>> pricers_;  // by PriceSet::hash
  std::string last_reason_;  // logged, and once for all Results that it holds for
};

}  // namespace reluscape
