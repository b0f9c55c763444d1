#pragma once

// Takes one Worker's reports into the store, within one unit of work. The rules:
// worker_service.proto.

#include <map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/clock.h"
#include "search/cost/metric.h"
#include "search/vocabulary/synchronize.h"
#include "server/artifact_looks.h"
#include "server/lost_files.h"
#include "server/pricing.h"
#include "server/task_book.h"
#include "storage/store.h"

namespace reluscape {

// Since when (steady) a report names a file that is not in the artifact folder, by Task and
// Attempt. A file written on another machine may show up a moment later (network file systems), so
// the report waits; not longer than a Lease.
using MissingFiles = std::map<std::pair<TaskId, int64_t>, Time>;

class ReportIntake {
 public:
  // All references must outlive the intake.
  ReportIntake(Transaction& transaction, TaskBook& book, ArtifactLooks& looks,
               MissingFiles& missing, LostFiles& lost, const Clock& clock, Milliseconds lease_time,
               const MetricCatalog& metrics);

  // Renews the Lease and stores what is new. A report that is not of `worker`'s current Lease is
  // ignored, unless that expired and the Task still waits: then it is the Worker's again. An error
  // is one of the store.
  absl::Status Take(WorkerRow& worker, const v1::TaskReport& report);

 private:
  // Whether the Lease is this Worker's, or has just become it again.
  absl::StatusOr<bool> Holds(const std::string& worker, TaskRow& task,
                             const v1::TaskReport& report);
  // Each takes a part of the report. They return false where the Lease has ended over it: a part
  // that cannot be true.
  absl::StatusOr<bool> TakeProvenance(TaskRow& task, const v1::TaskReport& report);
  absl::StatusOr<bool> TakeEpochs(TaskRow& task, const v1::TaskReport& report);
  absl::StatusOr<bool> TakeSnapshots(TaskRow& task, const v1::TaskReport& report);
  // Whether all Snapshots of the report are stored: one whose file is away is not.
  absl::StatusOr<bool> HasSnapshots(const TaskRow& task, const v1::TaskReport& report);
  absl::Status TakeCheckpoint(TaskRow& task, const v1::TaskReport& report, int64_t epochs_stored);

  absl::Status TakeSuccess(TaskRow& task, const v1::TaskReport& report);
  absl::Status TakePretrained(TaskRow& task, const v1::TaskReport& report, const v1::Provenance& m);
  absl::Status TakeDescent(TaskRow& task, const v1::TaskReport& report);
  absl::Status TakeResult(TaskRow& task, const v1::TaskReport& report, const v1::Provenance& m);
  absl::Status TakeFailure(WorkerRow& worker, TaskRow& task, const v1::TaskReport& report);
  // What the Worker says that it cannot do, through no fault of the Task.
  absl::Status TakeInability(WorkerRow& worker, TaskRow& task, const v1::Failure& failure);
  // An artifact that can be read and does not hold what it should. `of_input`: the Task starts from
  // it.
  absl::Status TakeUseless(TaskRow& task, const v1::Failure& failure, bool of_input);
  // Hands the Task back, at no cost where the Worker will not be given the like at once.
  absl::Status TakeBack(const WorkerRow& worker, TaskRow& task, const std::string& reason);

  // The report cannot be true, or the Attempt failed for no reason of the Task's: the Attempt is
  // lost, and counts against the Worker.
  absl::Status LoseAttempt(TaskRow& task, const std::string& message, int64_t epoch);
  // The Task has succeeded, and the Worker with it.
  absl::Status Succeed(TaskRow& task);
  // One more Task that failed on the Worker; the third in a row quarantines it.
  absl::Status CountFailure(const TaskRow& task, const std::string& message);
  // Whether the file of a success is there and sound. Where it is missing the Task stays leased, so
  // that the Worker sends its report again, for the time of a Lease; then, and where it is damaged,
  // the Attempt is lost.
  absl::StatusOr<bool> IsThere(TaskRow& task, const char* field, const v1::Artifact& artifact);

  Transaction& transaction_;
  TaskBook& book_;
  ArtifactLooks& looks_;
  MissingFiles& missing_;
  LostFiles& lost_;
  const Time now_;
  const Time steady_now_;
  const Milliseconds lease_time_;
  WorkerRow* worker_ = nullptr;  // whose report is taken
  ResultPricer pricer_;
};

}  // namespace reluscape
