#include "server/pricing.h"

#include <cmath>

#include "base/log.h"
#include "base/status_macros.h"
#include "search/cost/cost_model.h"
#include "search/network/names.h"

namespace reluscape {

absl::StatusOr<std::vector<LatencyRow>> PriceNetwork(const std::string& network, int64_t relus) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(network));
  ASSIGN_OR_RETURN(const Network built, BuildNetwork(architecture));
  std::vector<LatencyRow> rows;
  for (const CostModel* model : CostModels()) {
    const double seconds = model->Seconds(built, relus);
    if (std::isnan(seconds)) continue;  // unknown: no row, and no place on a Front that asks for it
    rows.push_back({model->Name(), model->Version(), seconds});
  }
  return rows;
}

absl::StatusOr<int64_t> RepriceResults(Transaction& transaction) {
  ASSIGN_OR_RETURN(const std::vector<PricedResult> results, transaction.ListPricedResults());
  int64_t changed = 0;
  for (const PricedResult& result : results) {
    bool current = true;
    for (const CostModel* model : CostModels()) {
      const auto stored = result.versions.find(model->Name());
      current = current && stored != result.versions.end() && stored->second == model->Version();
    }
    if (current) continue;
    const absl::StatusOr<std::vector<LatencyRow>> prices =
        PriceNetwork(result.network, result.relus);
    if (!prices.ok()) {
      LogError("result ", result.id.value,
               " keeps its old latencies: ", std::string(prices.status().message()));
      continue;
    }
    for (const LatencyRow& row : *prices) {
      RETURN_IF_ERROR(transaction.PutLatency(result.id, row));
    }
    ++changed;
  }
  return changed;
}

}  // namespace reluscape
