#pragma once

// The coordinator's decisions, free of transport: takes Jobs, hands out Leases, accepts what
// Workers report. All state lies in the Store; every call is one transaction, so a crash at any
// moment leaves either all of a call or nothing. Thread-safe.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_lock.h"
#include "base/mutex.h"
#include "search/cost/metric.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/synchronize.h"
#include "server/added_budgets.h"
#include "server/archive.h"
#include "server/artifact_looks.h"
#include "server/data_choice.h"
#include "server/explorer.h"
#include "server/lost_files.h"
#include "server/report_intake.h"
#include "server/retry.h"
#include "storage/artifacts/artifact_folder.h"
#include "storage/artifacts/folder_sweep.h"
#include "storage/store.h"

namespace reluscape {

struct CoordinatorOptions {
  // A Worker not heard of for this long loses its Leases.
  Milliseconds lease_time{30'000};
  // Workers are told to call at least this often.
  Milliseconds sync_interval{1'000};
  // How old a file of the artifact folder must be that no row names before it is removed: Workers
  // store a file before they report it, and may be without a coordinator meanwhile. 0 = never.
  Milliseconds sweep_age{24 * 3600 * 1000};
  // What Jobs may name and Results are priced by; must outlive the coordinator. Null: the metrics
  // of this program's own protocols.
  const MetricCatalog* metrics = nullptr;
};

struct SubmitOutcome {
  JobId job;  // 0 with validate_only
  v1::Preview preview;
};

class Coordinator {
 public:
  // The references must outlive the coordinator. Locks the artifact folder for as long as the
  // coordinator lives, writes its marker and prices Results again whose cost model, profile or list
  // of metrics has changed. No Worker is connected yet, and no Lease ends before the first Tick.
  // FAILED_PRECONDITION: another coordinator holds the lock, the folder belongs to another store,
  // or it is not the one that this store used before; then nothing is changed.
  static absl::StatusOr<std::unique_ptr<Coordinator>> Start(const CoordinatorOptions& options,
                                                            Store& store,
                                                            const ArtifactFolder& artifacts,
                                                            const Clock& clock);

  // For a process that has all Workers to itself: those that this store knows have ended with the
  // processes before this one, and no other can call. What they had leased returns to the queue at
  // once with no Attempt lost, their ids are free, and files that they stored and did not live to
  // report are removed from the artifact folder at any age. Before the first Synchronize.
  absl::Status DismissEarlierWorkers();
  // From now on Tasks of `job` alone are handed out; those of other Jobs stay as they are.
  void WorkOn(JobId job);

  // Validates `spec` against its networks (every error at once, INVALID_ARGUMENT) and, unless
  // `validate_only`, stores the Job with its Candidates and Tasks. FAILED_PRECONDITION: a file that
  // the Job brings is not in the artifact folder. A known non-empty `request_id` answers with the
  // Job it made.
  absl::StatusOr<SubmitOutcome> Submit(const Checked<v1::JobSpec>& spec,
                                       const std::string& request_id, bool validate_only);

  // Remembers an artifact that a user has stored in the folder; one that no Job names within a day
  // of the last call is removed. UNAVAILABLE where its file is not there.
  absl::Status NoteUpload(const v1::Artifact& artifact);

  // Gives a Job `more` Budgets; those that it has already change nothing. NOT_FOUND for an unknown
  // Job; ABORTED where another call has just changed the Job; the errors of Submit and of
  // AddBudgets (server/added_budgets.h).
  absl::StatusOr<AddedBudgets> AddBudgets(JobId job, const v1::BudgetsSpec& more);

  // The Job of what a retry names. NOT_FOUND for an unknown id.
  absl::StatusOr<JobId> JobOf(const RetryScope& scope);
  // See server/retry.h and server/data_choice.h.
  absl::StatusOr<int64_t> Retry(const RetryScope& scope, std::optional<int64_t> max_epochs);
  absl::StatusOr<int64_t> ChooseData(JobId job, const std::string& data_hash);

  // NOT_FOUND for an unknown Job. A Job that has ended, or is unsealed already, stays as it is.
  absl::Status Cancel(JobId job);
  absl::Status Unseal(JobId job);

  // See server/archive.h; the files go with the next calls of Tick.
  absl::StatusOr<FreedFiles> Archive(JobId job, v1::JobSpec::Retention keep);
  absl::StatusOr<DeletedJob> Delete(JobId job);

  // See worker_service.proto for the rules. FAILED_PRECONDITION for a foreign artifact folder, for
  // another protocol or behaviour number and for a process whose Worker id a newer one has taken
  // over. UNAVAILABLE: another process with that id was heard of a moment ago. ABORTED: this
  // process is quarantined and holds no Lease any more.
  absl::StatusOr<v1::SynchronizeResponse> Synchronize(
      const Checked<v1::SynchronizeRequest>& request);

  // Chooses networks for the Jobs that search a space, where Workers wait for Tasks of them, and
  // ends searches that have come to a limit. May take seconds; other calls go on meanwhile. Call it
  // every explore_interval(), from a thread of its own.
  absl::Status Explore();
  Milliseconds explore_interval() const {
    return std::min(Milliseconds(200), options_.sync_interval / 2);
  }

  // Returns expired Leases to the queue or fails their Tasks, looks after lost files and, a part of
  // the artifact folder at a time, removes old files that no row names. Call it every
  // tick_interval(), from when Workers can call on. Where the last call was more than half a lease
  // time ago, or there was none, Workers were perhaps not heard because this process stood still:
  // all Leases then last that much longer, or begin anew.
  absl::Status Tick();
  // A second, or less where leases are short: far below the half of one.
  Milliseconds tick_interval() const {
    return std::min(Milliseconds(1'000), options_.lease_time / 8);
  }

 private:
  // Outside of the lock: a large search space takes a while, and Workers should not wait for it.
  absl::StatusOr<JobPlan> Plan(const v1::JobSpec& spec);

  Coordinator(const CoordinatorOptions& options, Store& store, const ArtifactFolder& artifacts,
              const Clock& clock, std::unique_ptr<FileLock> folder_lock, std::string folder_id);

  // Does the next step of a Job's search. Whether there may be another.
  absl::StatusOr<bool> ExploreOn(JobId job) REQUIRES(explore_mutex_) EXCLUDES(mutex_);

  // The parts of Tick.
  absl::Status LookAfterLeases() EXCLUDES(mutex_);
  absl::Status LookAfterFolder() EXCLUDES(sweep_mutex_, mutex_);
  // A step of `sweep`; the folder is read without the lock.
  absl::Status SweepOn(FolderSweep& sweep) REQUIRES(sweep_mutex_) EXCLUDES(mutex_);
  // The parts of Synchronize, within its unit of work. Register returns the Worker's row, which the
  // caller stores.
  absl::StatusOr<WorkerRow> Register(Transaction& transaction, TaskBook& book,
                                     const v1::WorkerInfo& worker);
  absl::Status HandOut(Transaction& transaction, TaskBook& book, const v1::WorkerInfo& worker)
      REQUIRES(mutex_);
  absl::StatusOr<v1::SynchronizeResponse> Answer(Transaction& transaction, const WorkerRow& worker)
      REQUIRES(mutex_);
  // A Worker of another build, for listings.
  absl::Status NoteRefused(const v1::WorkerInfo& worker, const absl::Status& reason);
  // Removes files that no row refers to any more, a bounded number of them. Whether there are more.
  absl::StatusOr<bool> RemoveUnusedArtifacts() REQUIRES(mutex_);

  const CoordinatorOptions options_;
  Store& store_;
  const ArtifactFolder& artifacts_;
  const Clock& clock_;
  const std::unique_ptr<FileLock> folder_lock_;  // null: the file system knows no locks
  const std::string folder_id_;
  const MetricCatalog& metrics_;
  ArtifactLooks looks_;
  Mutex mutex_;  // one call at a time
  MissingFiles missing_ GUARDED_BY(mutex_);
  LostFiles lost_ GUARDED_BY(mutex_);
  std::optional<Time> last_tick_ GUARDED_BY(mutex_);  // steady
  JobId only_ GUARDED_BY(mutex_);                     // whose Tasks are handed out; 0 = of all
  // Whether a checkpoint may have been replaced since the last look. True at first: a crash may
  // have come between a commit and the removal of its files.
  bool look_for_unused_ GUARDED_BY(mutex_) = true;
  Time looked_at_ GUARDED_BY(mutex_);

  Mutex explore_mutex_;  // taken before mutex_
  Explorer explorer_ GUARDED_BY(explore_mutex_);

  Mutex sweep_mutex_;  // taken before mutex_
  std::optional<FolderSweep> sweep_ GUARDED_BY(sweep_mutex_);
  Time next_sweep_ GUARDED_BY(sweep_mutex_);          // steady
  int64_t swept_files_ GUARDED_BY(sweep_mutex_) = 0;  // of this pass
  int64_t swept_bytes_ GUARDED_BY(sweep_mutex_) = 0;
};

}  // namespace reluscape
