#pragma once

// Takes one Worker's reports into the store, within one unit of work. The rules: search/sync.h.

#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "search/artifact_folder.h"
#include "search/cost/metric.h"
#include "search/sync.h"
#include "server/pricing.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// Since when a report names a file that is not in the artifact folder, by Task and Attempt. A file
// written on another machine may show up a moment later (network file systems), so the report
// waits; not longer than a Lease.
using MissingFiles = std::map<std::pair<TaskId, int64_t>, Time>;

class ReportIntake {
 public:
  // All references must outlive the intake.
  ReportIntake(Transaction& transaction, TaskBook& book, const ArtifactFolder& artifacts,
               MissingFiles& missing, Time now, Milliseconds lease_time,
               const MetricCatalog& metrics);

  // Renews the Lease and stores what is new. A report that is not of `worker`'s current Lease is
  // ignored; an error is one of the store.
  absl::Status Take(const std::string& worker, const TaskReport& report);

 private:
  // Each takes a part of the report. They return false where the Task has ended over it (a part
  // that cannot be true) or, for the last, where nothing more is to be done.
  absl::StatusOr<bool> TakeMeasurement(TaskRow& task, const TaskReport& report);
  absl::StatusOr<bool> TakeEpochs(TaskRow& task, const TaskReport& report);
  absl::StatusOr<bool> TakeSnapshots(TaskRow& task, const TaskReport& report);
  void TakeCheckpoint(TaskRow& task, const TaskReport& report, int64_t epochs_stored);

  absl::Status TakeSuccess(TaskRow& task, const TaskReport& report);
  absl::Status TakePretrained(TaskRow& task, const TaskReport& report, const Measurement& m);
  absl::Status TakeDescent(TaskRow& task, const TaskReport& report);
  absl::Status TakeResult(TaskRow& task, const TaskReport& report, const Measurement& m);
  absl::Status TakeFailure(TaskRow& task, const TaskReport& report);

  absl::Status FailTask(TaskRow& task, const std::string& message, int64_t epoch);
  // Leaves the Task leased, so that the Worker sends its report again; gives the Attempt up after
  // the time of a Lease.
  absl::Status WaitForFile(TaskRow& task, const ArtifactRef& artifact);

  Transaction& transaction_;
  TaskBook& book_;
  const ArtifactFolder& artifacts_;
  MissingFiles& missing_;
  const Time now_;
  const Milliseconds lease_time_;
  ResultPricer pricer_;
};

}  // namespace reluscape
