#include "server/pricing.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/objective.h"

namespace reluscape {
absl::StatusOr<ResultPricer::PriceSet*> ResultPricer::PriceSetOf(const JobRow& job) {
  const std::vector<CostMetric> named =
      NamedMetrics(ListOf(job.spec.objectives()), CostLimitsOf(job.spec.limits()), metrics_);
  std::string key;
  for (const CostMetric& metric : named) absl::StrAppend(&key, metric.Text(), "\n");
  const auto [place, added] = sets_.try_emplace(key);
  PriceSet& set = place->second;
  if (!added) return &set;
  set.metrics = metrics_.Defaults();
  for (const CostMetric& metric : named) {
    if (std::find(set.metrics.begin(), set.metrics.end(), metric) == set.metrics.end()) {
      set.metrics.push_back(metric);
    }
  }
  std::string all;
  for (const CostMetric& metric : set.metrics) {
    ASSIGN_OR_RETURN(const MetricSource source, metrics_.SourceOf(metric));
    absl::StrAppend(&all, metric.Text(), "\n", source.version, "\n", source.profile, "\n");
    PricedMetric priced;
    priced.origin.metric = metric.Text();
    priced.origin.model_version = source.version;
    priced.origin.profile = source.profile;
    set.priced.push_back(std::move(priced));
  }
  set.hash = Sha256Hex(all);
  return &set;
}

absl::StatusOr<const Network*> ResultPricer::NetworkOf(const std::string& text) {
  if (text != text_ || !network_) {
    pricers_.clear();
    network_.reset();
    text_ = text;
    ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(text));
    ASSIGN_OR_RETURN(network_, BuildNetwork(architecture));
  }
  return &*network_;
}

absl::StatusOr<MetricPricer*> ResultPricer::PricerOf(const PriceSet& set,
                                                     const std::string& network) {
  ASSIGN_OR_RETURN(const Network* const built, NetworkOf(network));
  std::unique_ptr<MetricPricer>& pricer = pricers_[set.hash];
  if (pricer == nullptr) {
    ASSIGN_OR_RETURN(pricer, MetricPricer::Create(metrics_, set.metrics, *built));
  }
  return pricer.get();
}

absl::StatusOr<std::vector<CostRow>> ResultPricer::Costs(PriceSet& set, const std::string& network,
                                                         const v1::ResultReport& report) {
  ASSIGN_OR_RETURN(MetricPricer* const pricer, PricerOf(set, network));
  std::vector<KeptLayer> kept;
  for (const v1::LayerRelus& layer : report.layers()) {
    kept.push_back({layer.layer(), layer.kept(), layer.polynomials()});
  }
  ASSIGN_OR_RETURN(const PricedNetwork priced, pricer->Keep(kept, report.relus()));
  const std::vector<MetricPrice> prices = pricer->Price(priced);
  std::vector<CostRow> rows;
  rows.reserve(prices.size());
  for (size_t i = 0; i < prices.size(); ++i) rows.push_back(RowOf(set.priced[i], prices[i]));
  return rows;
}

CostRow ResultPricer::RowOf(PricedMetric& metric, const MetricPrice& price) {
  auto known = metric.by_note.find(price.note);
  if (known == metric.by_note.end()) {
    CostOrigin origin = metric.origin;
    origin.note = std::string(price.note);
    auto shared = std::make_shared<const CostOrigin>(std::move(origin));
    known = metric.by_note.emplace(shared->note, shared).first;
  }
  return {.origin = known->second, .value = price.value, .is_lower_bound = price.is_lower_bound};
}

absl::Status ResultPricer::Price(Transaction& transaction, const JobRow& job, ResultId result,
                                 const std::string& network, const v1::ResultReport& report) {
  ASSIGN_OR_RETURN(PriceSet* const set, PriceSetOf(job));
  absl::StatusOr<std::vector<CostRow>> costs = Costs(*set, network, report);
  if (!costs.ok()) {
    const auto reason = std::string(costs.status().message());
    if (reason != last_reason_) LogError("result ", result.value, " has no costs: ", reason);
    last_reason_ = reason;
    MetricPrice none;
    none.note = reason;
    std::vector<CostRow> rows;
    for (PricedMetric& metric : set->priced) rows.push_back(RowOf(metric, none));
    costs = std::move(rows);
  }
  return transaction.PutCosts(result, set->hash, *costs);
}

absl::StatusOr<int64_t> ResultPricer::PriceStale(Transaction& transaction) {
  ASSIGN_OR_RETURN(const std::vector<PricedResult> results, transaction.ListPricedResults());
  std::map<JobId, JobRow> jobs;
  int64_t changed = 0;
  for (const PricedResult& result : results) {
    auto job = jobs.find(result.job);
    if (job == jobs.end()) {
      ASSIGN_OR_RETURN(JobRow row, transaction.GetJob(result.job));
      job = jobs.emplace(result.job, std::move(row)).first;
    }
    ASSIGN_OR_RETURN(const PriceSet* const set, PriceSetOf(job->second));
    if (result.price_set == set->hash) continue;
    ASSIGN_OR_RETURN(const v1::ResultReport report, transaction.GetReport(result.id));
    RETURN_IF_ERROR(Price(transaction, job->second, result.id, result.network, report));
    ++changed;
  }
  return changed;
}

}  // namespace reluscape
