#include "server/coordinator.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "server/job_planner.h"
#include "server/lease_policy.h"
#include "server/order_sources.h"
#include "server/pricing.h"
#include "server/report_checks.h"
#include "server/task_book.h"
#include "server/task_graph.h"
#include "server/task_state.h"

namespace reluscape {
namespace {

constexpr char kFolderFact[] = "artifact_folder_id";
// How long a file that a user has stored waits for its Job.
constexpr Milliseconds kUploadTime{24 * 3600 * 1000};
// How often Tick looks for such files where nothing else has made it look.
constexpr Milliseconds kLookInterval{3600 * 1000};
constexpr size_t kMaxRequestId = 100;  // job_service.proto

bool HasReportOf(const SyncRequest& request, const TaskRow& task) {
  return std::any_of(request.reports.begin(), request.reports.end(), [&](const TaskReport& r) {
    return r.task == task.id && r.attempt == task.attempt;
  });
}

// Everything a Worker needs to know of `task`.
absl::StatusOr<TaskDescription> Describe(Transaction& transaction, const TaskRow& task) {
  ASSIGN_OR_RETURN(const JobRow job, transaction.GetJob(task.job));
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction.GetCandidate(task.candidate));
  TaskDescription d;
  d.task = task.id;
  d.attempt = task.attempt;
  d.job = task.job;
  d.candidate = task.candidate;
  d.stage = task.stage;
  d.network = candidate.network;
  d.data = job.data;
  d.settings = job.stages;
  d.seed = task.seed;
  d.split_seed = job.split_seed;
  d.checkpoint = task.checkpoint;
  d.pretrained = candidate.pretrained;
  d.pretrained_file = candidate.pretrained_file;
  if (task.stage == Stage::kPretrain) {
    if (candidate.role == CandidateRole::kWhole) d.budgets = candidate.budgets;
    if (!candidate.teacher) return d;
    d.data_hash = candidate.data_hash;
    d.split_hash = candidate.split_hash;
    ASSIGN_OR_RETURN(const CandidateRow teacher, transaction.GetCandidate(candidate.teacher));
    d.teacher_network = teacher.network;
    ASSIGN_OR_RETURN(const std::vector<TaskRow> lessons, transaction.ListTasks(candidate.teacher));
    for (const TaskRow& other : lessons) {
      if (other.stage == Stage::kPretrain) d.teacher = other.weights;
    }
    return d;
  }

  d.data_hash = candidate.data_hash;
  d.split_hash = candidate.split_hash;
  ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction.ListTasks(task.candidate));
  for (const TaskRow& other : tasks) {
    if (other.stage == Stage::kPretrain) d.weights = other.weights;
  }
  if (task.stage == Stage::kLinearize) {
    d.budgets = candidate.budgets;
    return d;
  }
  d.budgets = {task.budget};
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots,
                   transaction.ListSnapshots(task.candidate));
  for (const SnapshotRow& snapshot : snapshots) {
    if (snapshot.report.budget == task.budget) d.snapshot = snapshot.report.artifact;
  }
  return d;
}

// Whether every file that the Job brings is there. Their content is checked by those who store and
// those who read them.
absl::Status CheckBrought(const JobSpec& spec, const ArtifactFolder& artifacts) {
  for (size_t i = 0; i < spec.candidates.pretrained.size(); ++i) {
    const PretrainedSpec& brought = spec.candidates.pretrained[i];
    if (artifacts.Has(brought.artifact)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("candidates.pretrained[", i, "]: the coordinator has no artifact ",
                     brought.artifact.sha256, " of ", brought.artifact.bytes, " bytes (",
                     brought.file, "); reluscape submit stores it before it submits the job"));
  }
  return absl::OkStatus();
}

absl::Status CheckRequestId(const std::string& request_id) {
  if (request_id.size() <= kMaxRequestId) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("request_id: found ", request_id.size(),
                                                 " characters; allowed: at most ", kMaxRequestId));
}

}  // namespace

Coordinator::Coordinator(const CoordinatorOptions& options, Store& store,
                         const ArtifactFolder& artifacts, const Clock& clock, std::string folder_id)
    : options_(options),
      store_(store),
      artifacts_(artifacts),
      clock_(clock),
      folder_id_(std::move(folder_id)),
      metrics_(options.metrics == nullptr ? BuiltInMetrics() : *options.metrics) {}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Start(const CoordinatorOptions& options,
                                                                Store& store,
                                                                const ArtifactFolder& artifacts,
                                                                const Clock& clock) {
  ASSIGN_OR_RETURN(std::string folder_id, artifacts.CreateOrReadId());
  ResultPricer pricer(options.metrics == nullptr ? BuiltInMetrics() : *options.metrics);
  int64_t repriced = 0;
  const absl::Status prepared = store.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string stored, transaction.GetFact(kFolderFact));
    ASSIGN_OR_RETURN(const int64_t jobs, transaction.CountJobs());
    if (!stored.empty() && stored != folder_id && jobs > 0) {
      return absl::FailedPreconditionError(absl::StrCat(
          "this database belongs to the artifact folder with the id ", stored,
          " and the given one has the id ", folder_id,
          ": weights and snapshots of its jobs would be missing; give the folder that was used "
          "before, or start with another database"));
    }
    RETURN_IF_ERROR(transaction.PutFact(kFolderFact, folder_id));
    RETURN_IF_ERROR(transaction.ExtendLeases(clock.Now() + options.lease_time));
    ASSIGN_OR_RETURN(repriced, pricer.PriceStale(transaction));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(prepared);
  if (repriced > 0) LogInfo("computed the costs of ", repriced, " results again");
  return std::unique_ptr<Coordinator>(
      new Coordinator(options, store, artifacts, clock, std::move(folder_id)));
}

absl::StatusOr<JobPlan> Coordinator::Plan(const JobSpec& spec, const std::string& spec_json,
                                          const std::string& recipe) {
  OrderSources orders;
  if (AsksForMeasuredOrders(spec)) {
    RETURN_IF_ERROR(store_.Transact([&](Transaction& transaction) -> absl::Status {
      ASSIGN_OR_RETURN(orders, FindOrderSources(spec, transaction));
      return absl::OkStatus();
    }));
  }
  return PlanJob(spec, spec_json, recipe, orders, metrics_);
}

absl::StatusOr<SubmitOutcome> Coordinator::Submit(const JobSpec& spec, const std::string& spec_json,
                                                  const std::string& recipe,
                                                  const std::string& request_id,
                                                  bool validate_only) {
  RETURN_IF_ERROR(CheckRequestId(request_id));
  ASSIGN_OR_RETURN(JobPlan plan, Plan(spec, spec_json, recipe));
  SubmitOutcome outcome;
  outcome.preview = std::move(plan.preview);
  if (validate_only) return outcome;

  const MutexLock hold(mutex_);
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    if (!request_id.empty()) {
      ASSIGN_OR_RETURN(const std::optional<JobId> known, transaction.FindJobByRequest(request_id));
      if (known.has_value()) {
        outcome.job = *known;
        return absl::OkStatus();
      }
    }
    // In here, where no file can be removed meanwhile.
    RETURN_IF_ERROR(CheckBrought(spec, artifacts_));
    const Time now = clock_.Now();
    TaskBook book(transaction, now);
    plan.job.request_id = request_id;
    plan.job.created_at = now;
    ASSIGN_OR_RETURN(const JobId job, transaction.InsertJob(plan.job));
    EventRow submitted;
    submitted.kind = "job.submitted";
    submitted.job = job;
    submitted.detail = plan.job.name;
    RETURN_IF_ERROR(book.Record(std::move(submitted)));
    for (size_t i = 0; i < plan.candidates.size(); ++i) {
      CandidateRow& candidate = plan.candidates[i];
      candidate.job = job;
      if (const int64_t teacher = plan.teachers[i]; teacher >= 0) {
        candidate.teacher = plan.candidates[static_cast<size_t>(teacher)].id;
      }
      ASSIGN_OR_RETURN(candidate.id, transaction.InsertCandidate(candidate));
      for (TaskRow& task : PlanTasks(candidate, plan.job.seed)) {
        ASSIGN_OR_RETURN(task.id, transaction.InsertTask(task));
        if (task.state == TaskState::kQueued) {
          RETURN_IF_ERROR(book.Record(task, "task.queued", TaskText(task)));
        }
      }
    }
    outcome.job = job;
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(stored);
  return outcome;
}

absl::StatusOr<AddedBudgets> Coordinator::AddBudgets(JobId id, const JobSpec& spec,
                                                     const std::string& spec_json,
                                                     const std::string& known_json) {
  ASSIGN_OR_RETURN(const JobPlan plan, Plan(spec, spec_json, /*recipe=*/""));
  const MutexLock hold(mutex_);
  AddedBudgets outcome;
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
    if (job.spec_json != known_json) {
      return absl::AbortedError(
          absl::StrCat("job ", id.value, " has just got other budgets; try again"));
    }
    TaskBook book(transaction, clock_.Now());
    ASSIGN_OR_RETURN(outcome, reluscape::AddBudgets(plan, std::move(job), transaction, book));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(stored);
  return outcome;
}

absl::Status Coordinator::NoteUpload(const ArtifactRef& artifact) {
  const MutexLock hold(mutex_);
  if (!artifacts_.Has(artifact)) {
    return absl::UnavailableError(
        absl::StrCat("artifact ", artifact.sha256, " is gone again; send it once more"));
  }
  return store_.Transact(
      [&](Transaction& transaction) { return transaction.PutUpload(artifact, clock_.Now()); });
}

absl::Status Coordinator::Cancel(JobId id) {
  const MutexLock hold(mutex_);
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
    if (job.state != JobState::kRunning) return absl::OkStatus();
    return TaskBook(transaction, clock_.Now()).CancelJob(job);
  });
  RETURN_IF_ERROR(stored);
  look_for_unused_ = true;
  return absl::OkStatus();
}

absl::Status Coordinator::Unseal(JobId id) {
  const MutexLock hold(mutex_);
  return store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
    if (job.unsealed_at.has_value()) return absl::OkStatus();
    const Time now = clock_.Now();
    job.unsealed_at = now;
    RETURN_IF_ERROR(transaction.UpdateJob(job));
    EventRow event;
    event.kind = "job.unsealed";
    event.job = id;
    event.detail = "test accuracies are shown from now on";
    return TaskBook(transaction, now).Record(std::move(event));
  });
}

absl::StatusOr<SyncResponse> Coordinator::Synchronize(const SyncRequest& request) {
  RETURN_IF_ERROR(CheckWorker(request.worker));
  if (request.artifact_folder_id != folder_id_) {
    return absl::FailedPreconditionError(absl::StrCat(
        "worker ", request.worker.id, " uses the artifact folder with the id \"",
        request.artifact_folder_id, "\" and the coordinator the one with the id \"", folder_id_,
        "\": start the worker with the coordinator's folder (--artifact-dir), shared between the "
        "machines"));
  }
  const bool has_success =
      std::any_of(request.reports.begin(), request.reports.end(),
                  [](const TaskReport& r) { return r.state == ReportState::kSucceeded; });
  SyncResponse response;
  const MutexLock hold(mutex_);
  MissingFiles* const missing = &missing_;  // clang does not see the lock inside of the lambda
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    const Time now = clock_.Now();
    TaskBook book(transaction, now);
    RETURN_IF_ERROR(Register(transaction, book, request.worker, now));
    ReportIntake intake(transaction, book, artifacts_, *missing, now, options_.lease_time,
                        metrics_);
    for (const TaskReport& report : request.reports) {
      RETURN_IF_ERROR(intake.Take(request.worker.id, report));
    }
    if (request.accepts_work) {
      RETURN_IF_ERROR(HandOut(transaction, book, request.worker, now));
    } else {
      // A Lease that it does not report never reached it, and it will start nothing any more.
      ASSIGN_OR_RETURN(std::vector<TaskRow> leased, transaction.ListLeasedTasks(request.worker.id));
      for (TaskRow& task : leased) {
        if (HasReportOf(request, task)) continue;
        RETURN_IF_ERROR(
            book.HandBack(task, absl::StrCat("worker ", request.worker.id, " shuts down")));
      }
    }
    ASSIGN_OR_RETURN(response, Answer(transaction, request.worker.id, now));
    if (has_success) FaultPoint("coordinator.before_commit");
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(stored);
  if (has_success) FaultPoint("coordinator.after_commit");
  if (!request.reports.empty()) look_for_unused_ = true;
  return response;
}

absl::Status Coordinator::Register(Transaction& transaction, TaskBook& book,
                                   const WorkerInfo& worker, Time now) {
  ASSIGN_OR_RETURN(const std::optional<WorkerRow> known, transaction.FindWorker(worker.id));
  bool connects = !known.has_value();
  if (known.has_value() && known->info.incarnation != worker.incarnation) {
    ASSIGN_OR_RETURN(const bool is_old,
                     transaction.KnowsIncarnation(worker.id, worker.incarnation));
    if (is_old) {
      return absl::FailedPreconditionError(absl::StrCat(
          "another process has taken over the worker id ", worker.id, " (process ", known->info.pid,
          " on ", known->info.host, "): give every worker an id of its own"));
    }
    connects = true;
    ASSIGN_OR_RETURN(std::vector<TaskRow> leased, transaction.ListLeasedTasks(worker.id));
    for (TaskRow& task : leased) {
      RETURN_IF_ERROR(book.LoseAttempt(task, "lease.expired",
                                       absl::StrCat("worker ", worker.id, " was restarted")));
    }
  }
  if (known.has_value() && now - known->last_seen >= options_.lease_time) connects = true;
  RETURN_IF_ERROR(
      transaction.PutWorker({worker, known.has_value() ? known->first_seen : now, now}));
  if (!connects) return absl::OkStatus();
  EventRow event;
  event.kind = "worker.connected";
  event.worker = worker.id;
  event.detail = absl::StrCat(worker.device, " on ", worker.host);
  return book.Record(std::move(event));
}

absl::Status Coordinator::HandOut(Transaction& transaction, TaskBook& book,
                                  const WorkerInfo& worker, Time now) {
  ASSIGN_OR_RETURN(const std::vector<TaskRow> leased, transaction.ListLeasedTasks(worker.id));
  for (auto held = static_cast<int64_t>(leased.size()); held < worker.slots; ++held) {
    ASSIGN_OR_RETURN(std::optional<TaskRow> task, transaction.NextQueuedTask(worker.id));
    if (!task.has_value()) break;
    RETURN_IF_ERROR(book.Lease(*task, worker.id, now + options_.lease_time));
  }
  return absl::OkStatus();
}

absl::StatusOr<SyncResponse> Coordinator::Answer(Transaction& transaction,
                                                 const std::string& worker, Time now) {
  SyncResponse response;
  response.next_call = options_.sync_interval;
  ASSIGN_OR_RETURN(const std::vector<TaskRow> leased, transaction.ListLeasedTasks(worker));
  for (const TaskRow& task : leased) {
    Lease lease;
    ASSIGN_OR_RETURN(lease.description, Describe(transaction, task));
    ASSIGN_OR_RETURN(lease.epochs_received, transaction.EpochsStored(task.id));
    lease.time_left = std::max(Milliseconds(0), task.lease_until.value_or(now) - now);
    response.leases.push_back(std::move(lease));
  }
  return response;
}

absl::Status Coordinator::Tick() {
  const MutexLock hold(mutex_);
  const Time now = clock_.Now();
  std::vector<TaskRow> expired;
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    TaskBook book(transaction, now);
    ASSIGN_OR_RETURN(expired, transaction.ListExpiredTasks(now));
    for (TaskRow& task : expired) {
      RETURN_IF_ERROR(
          book.LoseAttempt(task, "lease.expired",
                           absl::StrCat("worker ", task.worker, " said nothing of it for ",
                                        SecondsText(options_.lease_time))));
    }
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(stored);
  for (const TaskRow& task : expired) {
    LogWarning("lease of task ", task.id.value, " by worker ", task.worker, " expired");
  }
  // An entry older than that belongs to an Attempt that has ended.
  for (auto it = missing_.begin(); it != missing_.end();) {
    it = now - it->second > 2 * options_.lease_time ? missing_.erase(it) : std::next(it);
  }
  if (!expired.empty()) look_for_unused_ = true;
  if (!look_for_unused_ && now - looked_at_ < kLookInterval) return absl::OkStatus();
  RETURN_IF_ERROR(RemoveUnusedArtifacts());
  look_for_unused_ = false;
  looked_at_ = now;
  return absl::OkStatus();
}

absl::Status Coordinator::RemoveUnusedArtifacts() {
  return store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<ArtifactRef> unused,
                     transaction.ListUnusedArtifacts(clock_.Now() - kUploadTime));
    for (const ArtifactRef& artifact : unused) {
      // The file first: after a crash in between, its row still asks for the removal.
      artifacts_.Remove(artifact);
      RETURN_IF_ERROR(transaction.ForgetArtifact(artifact));
    }
    return absl::OkStatus();
  });
}

}  // namespace reluscape
