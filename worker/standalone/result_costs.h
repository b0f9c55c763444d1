#pragma once

// What private inference of Results costs, by every cost model and metric that a coordinator would
// price them by. Not thread-safe: remembers what does not change.

#include <map>
#include <string>

#include "base/ids.h"
#include "search/sync.h"
#include "search/views.h"
#include "worker/standalone/train_plan.h"

namespace reluscape {

class ResultCosts {
 public:
  struct Costs {
    std::map<std::string, double> latency;  // seconds by cost model
    std::map<std::string, CostView> costs;  // by metric; without those that have no value
  };

  // `plan` must outlive it.
  explicit ResultCosts(const TrainPlan& plan) : plan_(plan) {}

  // Of the Result that `task` ended in. What cannot be priced is left out, with a line in the log.
  const Costs& Of(const PlannedTask& task, const ResultReport& result);

 private:
  const TrainPlan& plan_;
  std::map<ResultId, Costs> known_;
};

}  // namespace reluscape
