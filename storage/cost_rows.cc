#include "storage/cost_rows.h"

#include <utility>

#include "storage/sqlite_db.h"
#include "storage/store.h"

namespace reluscape {

std::vector<CostLimit> ReadCostLimits(SqliteDb& db, JobId job) {
  std::vector<CostLimit> limits;
  Query row(db, "SELECT metric, at_most FROM job_cost_limits WHERE job_id = ? ORDER BY position",
            job);
  while (row.Step()) {
    CostLimit limit;
    limit.metric = row.Text();
    limit.at_most = row.Real();
    limits.push_back(std::move(limit));
  }
  return limits;
}

std::map<ResultId, google::protobuf::Map<std::string, v1::Cost>> ReadCosts(SqliteDb& db,
                                                                           JobId job) {
  std::map<ResultId, google::protobuf::Map<std::string, v1::Cost>> costs;
  Query row(db,
            "SELECT c.result_id, m.metric, c.value, c.is_lower_bound FROM results r"
            " JOIN result_costs c ON c.result_id = r.result_id"
            " JOIN cost_metrics m ON m.metric_id = c.metric_id"
            " WHERE r.job_id = ? AND c.value IS NOT NULL",
            job);
  while (row.Step()) {
    const auto result = row.IdOf<ResultId>();
    v1::Cost& cost = costs[result][row.Text()];
    cost.set_value(row.Real());
    cost.set_lower_bound(row.Int() != 0);
  }
  return costs;
}

const Transaction::CostIds& Transaction::CostIdsOf(
    const std::shared_ptr<const CostOrigin>& origin) {
  if (const auto known = cost_ids_.find(origin.get()); known != cost_ids_.end()) {
    return known->second;
  }
  CostIds ids = {.origin = origin};
  Query(db_, "INSERT OR IGNORE INTO cost_metrics (metric) VALUES (?)", origin->metric).Run();
  {
    Query row(db_, "SELECT metric_id FROM cost_metrics WHERE metric = ?", origin->metric);
    row.Step();
    ids.metric = row.Int();
  }
  Query(db_, "INSERT OR IGNORE INTO cost_sources (model_version, profile, note) VALUES (?,?,?)",
        origin->model_version, origin->profile, origin->note)
      .Run();
  Query row(db_,
            "SELECT source_id FROM cost_sources WHERE model_version = ? AND profile = ?"
            " AND note = ?",
            origin->model_version, origin->profile, origin->note);
  row.Step();
  ids.source = row.Int();
  return cost_ids_.emplace(origin.get(), std::move(ids)).first->second;
}

absl::Status Transaction::PutCosts(ResultId result, const std::string& price_set,
                                   const std::vector<CostRow>& costs) {
  return Guard(db_, [&]() -> absl::Status {
    Query(db_, "DELETE FROM result_costs WHERE result_id = ?", result).Run();
    for (const CostRow& cost : costs) {
      const CostIds& ids = CostIdsOf(cost.origin);
      Query(db_,
            "INSERT INTO result_costs (result_id, metric_id, source_id, value, is_lower_bound)"
            " VALUES (?,?,?,?,?)",
            result, ids.metric, ids.source, cost.value, cost.is_lower_bound ? 1 : 0)
          .Run();
    }
    Query(db_, "INSERT OR REPLACE INTO result_price_sets (result_id, price_set) VALUES (?,?)",
          result, price_set)
        .Run();
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<PricedResult>> Transaction::ListPricedResults() {
  return Guard(db_, [&]() -> absl::StatusOr<std::vector<PricedResult>> {
    std::vector<PricedResult> results;
    Query row(db_,
              "SELECT r.result_id, c.network, r.job_id,"
              " coalesce((SELECT p.price_set FROM result_price_sets p"
              "   WHERE p.result_id = r.result_id), '') FROM results r"
              " JOIN candidates c ON c.candidate_id = r.candidate_id"
              " ORDER BY c.network, r.result_id");
    while (row.Step()) {
      PricedResult& result = results.emplace_back();
      result.id = row.IdOf<ResultId>();
      result.network = row.Text();
      result.job = row.IdOf<JobId>();
      result.price_set = row.Text();
    }
    return results;
  });
}

}  // namespace reluscape
