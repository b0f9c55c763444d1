#pragma once

// Which networks Jobs that search a space train next, and when their search ends. Not thread-safe.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "search/cost/metric.h"
#include "server/search_run.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// What the search of a Job does next.
struct SearchStep {
  std::optional<ChosenNetwork> chosen;
  std::string ended;  // why it chooses no more; empty = it goes on
};

class Explorer {
 public:
  // Both must outlive the explorer.
  Explorer(Store& store, const MetricCatalog& metrics) : store_(store), metrics_(metrics) {}

  // Nothing where no Worker waits for a Task of the Job, or it does not search. Takes as long as
  // the strategy thinks; the store is free meanwhile.
  absl::StatusOr<std::optional<SearchStep>> Next(JobId job, Time now);

 private:
  Store& store_;
  const MetricCatalog& metrics_;
  std::map<JobId, std::unique_ptr<SearchRun>> runs_;
};

// Stores a chosen network with its Tasks. `job` still searches.
absl::StatusOr<CandidateRow> AddChosen(JobRow& job, const ChosenNetwork& chosen,
                                       Transaction& transaction, TaskBook& book);

// The search of `job` has ended, and with it perhaps the Job.
absl::Status EndSearch(JobRow& job, const std::string& reason, Transaction& transaction,
                       TaskBook& book);

}  // namespace reluscape
