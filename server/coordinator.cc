#include "server/coordinator.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "search/vocabulary/messages.h"
#include "server/hypervolumes.h"
#include "server/job_planner.h"
#include "server/lease_policy.h"
#include "server/order_sources.h"
#include "server/pricing.h"
#include "server/report_checks.h"
#include "server/reuse.h"
#include "server/task_book.h"
#include "server/task_description.h"
#include "server/task_graph.h"
#include "server/task_state.h"
#include "server/thread_choice.h"

namespace reluscape {
namespace {

constexpr char kFolderFact[] = "artifact_folder_id";
// How long a file that a user has stored waits for its Job.
constexpr Milliseconds kUploadTime{24 * 3600 * 1000};
// How often Tick looks for such files where nothing else has made it look.
constexpr Milliseconds kLookInterval{3600 * 1000};
// A process takes over the id of another that has missed so many calls.
constexpr int kMissedCalls = 5;
// Tasks of whose input a file is missing that one call looks at before it leaves the rest.
constexpr int kMostLookedAt = 16;
// And how long such a Task waits before it is looked at again.
constexpr Milliseconds kLongestFileWait{5'000};
// Files without use that one Tick removes.
constexpr int64_t kRemovedAtOnce = 500;
// Entries of the artifact folder that one Tick looks at for old files.
constexpr int64_t kSweptAtOnce = 250;
// How long after a pass the next one begins, unless files are old sooner.
constexpr Milliseconds kSweepInterval{3600 * 1000};
// Networks of one Job that one call of Explore chooses.
constexpr int kMostChosenAtOnce = 16;

bool HasReportOf(const Checked<v1::SynchronizeRequest>& request, const TaskRow& task) {
  return std::any_of(request->reports().begin(), request->reports().end(),
                     [&](const v1::TaskReport& r) {
                       return r.task() == task.id.value && r.attempt() == task.attempt;
                     });
}

// Whether every file that the Job brings is there. Their content is checked by those who store and
// those who read them.
absl::Status CheckPretrainedFiles(const v1::JobSpec& spec, const ArtifactFolder& artifacts) {
  for (int i = 0; i < spec.candidates().pretrained_size(); ++i) {
    const v1::PretrainedSpec& entry = spec.candidates().pretrained(i);
    if (artifacts.Has(MakeArtifact(entry.sha256(), entry.bytes()))) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("candidates.pretrained[", i, "]: the coordinator has no artifact ",
                     entry.sha256(), " of ", entry.bytes(), " bytes (", entry.file(),
                     "); reluscape submit stores it before it submits the job"));
  }
  return absl::OkStatus();
}

// The files that `report` names.
void LookAt(const v1::TaskReport& report, ArtifactLooks& looks) {
  std::vector<v1::Artifact> named = {report.checkpoint(), report.weights(),
                                     report.result().artifact(), report.failure().artifact()};
  for (const v1::Snapshot& snapshot : report.snapshots()) named.push_back(snapshot.artifact());
  // A Worker has read it and found it wrong: it may have changed without looking so.
  looks.Forget(report.failure().artifact());
  for (const v1::Artifact& artifact : named) {
    // What comes of it is asked for again under the lock, where it costs no reading any more.
    if (IsSet(artifact)) looks.Look(artifact).IgnoreError();
  }
}

// What the store knows of its artifact folder.
struct FolderFacts {
  std::string id;  // empty before the first start
  int64_t jobs = 0;
};

// Whether the store may use the folder: one folder belongs to one database for ever, since files
// that it knows nothing of are removed.
absl::Status CheckFolder(const FolderFacts& facts, const ArtifactFolder& artifacts) {
  const absl::StatusOr<std::string> found = artifacts.ReadId();
  if (absl::IsNotFound(found.status())) {
    if (facts.jobs == 0) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat(
        "the artifact folder of this database has the id ", facts.id, ", and ",
        artifacts.root().string(),
        " is none or has none: weights and snapshots of its jobs would be missing; mount it, give "
        "the folder that was used before, or start with another database"));
  }
  if (!found.ok()) return found.status();
  if (*found == facts.id) return absl::OkStatus();
  if (facts.id.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "artifact folder ", artifacts.root().string(), " with the id ", *found,
        " belongs to another database: start with that one, or give this one a folder of its own "
        "(reluscape-server: --artifact-dir). Where that database is gone for good, empty the "
        "folder first"));
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "this database belongs to the artifact folder with the id ", facts.id, " and the given one, ",
      artifacts.root().string(), ", has the id ", *found,
      ": weights and snapshots of its jobs would be missing; give the folder that was used before, "
      "or start with another database"));
}

}  // namespace

Coordinator::Coordinator(const CoordinatorOptions& options, Store& store,
                         const ArtifactFolder& artifacts, const Clock& clock,
                         std::unique_ptr<FileLock> folder_lock, std::string folder_id)
    : options_(options),
      store_(store),
      artifacts_(artifacts),
      clock_(clock),
      folder_lock_(std::move(folder_lock)),
      folder_id_(std::move(folder_id)),
      metrics_(options.metrics == nullptr ? BuiltInMetrics() : *options.metrics),
      looks_(artifacts),
      lost_(artifacts, looks_, folder_id_),
      explorer_(store, metrics_),
      // Workers that were without a coordinator until now report first what they have stored.
      next_sweep_(clock.Steady() + 2 * options.lease_time) {}

absl::StatusOr<std::unique_ptr<Coordinator>> Coordinator::Start(const CoordinatorOptions& options,
                                                                Store& store,
                                                                const ArtifactFolder& artifacts,
                                                                const Clock& clock) {
  FolderFacts facts;
  RETURN_IF_ERROR(store.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(facts.id, transaction.GetFact(kFolderFact));
    ASSIGN_OR_RETURN(facts.jobs, transaction.CountJobs());
    return absl::OkStatus();
  }));
  // Looked at before it is locked: a folder that is not mounted is not made.
  RETURN_IF_ERROR(CheckFolder(facts, artifacts));
  ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock, artifacts.Lock());
  RETURN_IF_ERROR(CheckFolder(facts, artifacts));  // it may have become another's meanwhile
  std::string folder_id = facts.id.empty() ? ArtifactFolder::NewId() : facts.id;
  ResultPricer pricer(options.metrics == nullptr ? BuiltInMetrics() : *options.metrics);
  int64_t repriced = 0;
  const absl::Status prepared = store.Transact([&](Transaction& transaction) -> absl::Status {
    // Before the marker: a folder that this store does not know of would be another's.
    RETURN_IF_ERROR(transaction.PutFact(kFolderFact, folder_id));
    RETURN_IF_ERROR(transaction.BeginSession(clock.Steady()));
    ASSIGN_OR_RETURN(repriced, pricer.PriceStale(transaction));
    if (repriced == 0) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<JobId> jobs, transaction.ListJobsWithHypervolumes());
    for (const JobId job : jobs) RETURN_IF_ERROR(RecomputeHypervolumes(transaction, job));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(prepared);
  if (absl::IsNotFound(artifacts.ReadId().status())) RETURN_IF_ERROR(artifacts.WriteId(folder_id));
  if (repriced > 0) LogInfo("computed the costs of ", repriced, " results again");
  return std::unique_ptr<Coordinator>(
      new Coordinator(options, store, artifacts, clock, std::move(lock), std::move(folder_id)));
}

absl::Status Coordinator::DismissEarlierWorkers() {
  {
    const MutexLock hold(mutex_);
    const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
      TaskBook book(transaction, clock_);
      // Whenever they would end.
      ASSIGN_OR_RETURN(std::vector<TaskRow> leased, transaction.ListExpiredTasks(Time::max()));
      for (TaskRow& task : leased) {
        RETURN_IF_ERROR(
            book.HandBack(task, absl::StrCat("the process of worker ", task.worker, " has ended")));
      }
      return transaction.DismissWorkers();
    });
    RETURN_IF_ERROR(stored);
  }
  const MutexLock sweeping(sweep_mutex_);
  ASSIGN_OR_RETURN(FolderSweep sweep, FolderSweep::Begin(artifacts_, Milliseconds(0)));
  while (!sweep.HasEnded()) RETURN_IF_ERROR(SweepOn(sweep));
  return absl::OkStatus();
}

void Coordinator::WorkOn(JobId job) {
  const MutexLock hold(mutex_);
  only_ = job;
}

absl::StatusOr<JobPlan> Coordinator::Plan(const v1::JobSpec& spec) {
  OrderSources orders;
  if (AsksForMeasuredOrders(spec)) {
    RETURN_IF_ERROR(store_.Transact([&](Transaction& transaction) -> absl::Status {
      ASSIGN_OR_RETURN(orders, FindOrderSources(spec, transaction));
      return absl::OkStatus();
    }));
  }
  return PlanJob(spec, orders, metrics_);
}

absl::StatusOr<SubmitOutcome> Coordinator::Submit(const Checked<v1::JobSpec>& spec,
                                                  const std::string& request_id,
                                                  bool validate_only) {
  ASSIGN_OR_RETURN(JobPlan plan, Plan(*spec));
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
    RETURN_IF_ERROR(CheckPretrainedFiles(*spec, artifacts_));
    const Time now = clock_.Now();
    TaskBook book(transaction, clock_);
    ResultPricer pricer(metrics_);
    plan.job.request_id = request_id;
    plan.job.created_at = now;
    ASSIGN_OR_RETURN(const JobId job, transaction.InsertJob(plan.job));
    EventRow submitted;
    submitted.kind = "job.submitted";
    submitted.job = job;
    submitted.detail = plan.job.spec.name();
    RETURN_IF_ERROR(book.Record(std::move(submitted)));
    for (size_t i = 0; i < plan.candidates.size(); ++i) {
      CandidateRow& candidate = plan.candidates[i];
      candidate.job = job;
      if (const int64_t teacher = plan.teachers[i]; teacher >= 0) {
        candidate.teacher = plan.candidates[static_cast<size_t>(teacher)].id;
      }
      ASSIGN_OR_RETURN(candidate.id, transaction.InsertCandidate(candidate));
      for (TaskRow& task : PlanTasks(candidate, static_cast<uint64_t>(spec->seed()))) {
        ASSIGN_OR_RETURN(task.id, transaction.InsertTask(task));
        if (task.state == TaskState::kQueued) {
          RETURN_IF_ERROR(book.Record(task, "task.queued", TaskText(task)));
        }
      }
      plan.job.id = job;
      RETURN_IF_ERROR(ReuseResults(plan.job, candidate, transaction, book, pricer).status());
    }
    outcome.job = job;
    return book.FinishJobIfDone(job);
  });
  RETURN_IF_ERROR(stored);
  return outcome;
}

absl::StatusOr<AddedBudgets> Coordinator::AddBudgets(JobId id, const v1::BudgetsSpec& more) {
  FieldErrors errors;
  CheckMessage(more, "budgets", errors);  // before long lists are put together
  if (!errors.empty()) return errors.ToStatus();
  v1::JobSpec known;
  RETURN_IF_ERROR(store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
    known = std::move(job.spec);
    return absl::OkStatus();
  }));
  if (known.candidates().has_space()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "job ", id.value, " searches a space by its budgets; submit another job with these and ",
        "\"reuse_results\": true"));
  }
  v1::JobSpec spec = known;
  // An entry that stands there already is no second one.
  const auto append = [](const auto& added, auto& list) {
    for (const auto& one : added) {
      if (std::find(list.begin(), list.end(), one) == list.end()) list.Add(one);
    }
  };
  append(more.relus(), *spec.mutable_budgets()->mutable_relus());
  append(more.fractions(), *spec.mutable_budgets()->mutable_fractions());
  const auto checked = Checked<v1::JobSpec>::From(std::move(spec), "", errors);
  if (!checked.has_value()) return errors.ToStatus();
  ASSIGN_OR_RETURN(const JobPlan plan, Plan(**checked));
  const MutexLock hold(mutex_);
  AddedBudgets outcome;
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
    if (job.spec != known) {
      return absl::AbortedError(
          absl::StrCat("job ", id.value, " has just got other budgets; try again"));
    }
    TaskBook book(transaction, clock_);
    ASSIGN_OR_RETURN(outcome, reluscape::AddBudgets(plan, std::move(job), transaction, book));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(stored);
  return outcome;
}

absl::Status Coordinator::NoteUpload(const v1::Artifact& artifact) {
  const MutexLock hold(mutex_);
  if (!artifacts_.Has(artifact)) {
    return absl::UnavailableError(
        absl::StrCat("artifact ", artifact.sha256(), " is gone again; send it once more"));
  }
  return store_.Transact(
      [&](Transaction& transaction) { return transaction.PutUpload(artifact, clock_.Now()); });
}

absl::Status Coordinator::Cancel(JobId id) {
  const MutexLock hold(mutex_);
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
    if (job.state != JobState::kRunning) return absl::OkStatus();
    return TaskBook(transaction, clock_).CancelJob(job);
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
    job.unsealed_at = clock_.Now();
    RETURN_IF_ERROR(transaction.UpdateJob(job));
    EventRow event;
    event.kind = "job.unsealed";
    event.job = id;
    event.detail = "test accuracies are shown from now on";
    return TaskBook(transaction, clock_).Record(std::move(event));
  });
}

absl::StatusOr<v1::SynchronizeResponse> Coordinator::Synchronize(
    const Checked<v1::SynchronizeRequest>& request) {
  if (request->artifact_folder_id() != folder_id_) {
    return absl::FailedPreconditionError(absl::StrCat(
        "worker ", request->worker().id(), " uses the artifact folder with the id \"",
        request->artifact_folder_id(), "\" and the coordinator the one with the id \"", folder_id_,
        "\": start the worker with the coordinator's folder (--artifact-dir), shared between the "
        "machines"));
  }
  if (absl::Status numbers = CheckNumbers(request->worker()); !numbers.ok()) {
    RETURN_IF_ERROR(NoteRefused(request->worker(), numbers));
    return numbers;
  }
  const bool has_success =
      std::any_of(request->reports().begin(), request->reports().end(),
                  [](const v1::TaskReport& r) { return r.state() == v1::TaskReport::SUCCEEDED; });
  for (const v1::TaskReport& report : request->reports()) LookAt(report, looks_);
  v1::SynchronizeResponse response;
  const MutexLock hold(mutex_);
  const absl::Status stored =
      store_.Transact([&](Transaction& transaction) NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
        TaskBook book(transaction, clock_);
        ASSIGN_OR_RETURN(WorkerRow worker, Register(transaction, book, request->worker()));
        worker.connected = request->accepts_work();
        if (!request->accepts_work()) worker.heard = Time();  // its id is free at once
        RETURN_IF_ERROR(transaction.PutWorker(worker));
        const int64_t failures = worker.failures_in_row;
        ReportIntake intake(transaction, book, looks_, missing_, lost_, clock_, options_.lease_time,
                            metrics_);
        for (const v1::TaskReport& report : request->reports()) {
          RETURN_IF_ERROR(intake.Take(worker, report));
        }
        if (worker.failures_in_row != failures) RETURN_IF_ERROR(transaction.PutWorker(worker));
        if (request->accepts_work()) {
          RETURN_IF_ERROR(HandOut(transaction, book, request->worker()));
        } else {
          // A Lease that it does not report never reached it, and it will start nothing any more.
          ASSIGN_OR_RETURN(std::vector<TaskRow> leased,
                           transaction.ListLeasedTasks(request->worker().id()));
          for (TaskRow& task : leased) {
            if (HasReportOf(request, task)) continue;
            RETURN_IF_ERROR(book.HandBack(
                task, absl::StrCat("worker ", request->worker().id(), " shuts down")));
          }
        }
        ASSIGN_OR_RETURN(response, Answer(transaction, worker));
        if (has_success) FaultPoint("coordinator.before_commit");
        return absl::OkStatus();
      });
  RETURN_IF_ERROR(stored);
  if (has_success) FaultPoint("coordinator.after_commit");
  if (!request->reports().empty()) look_for_unused_ = true;
  return response;
}

absl::Status Coordinator::NoteRefused(const v1::WorkerInfo& worker, const absl::Status& reason) {
  const MutexLock hold(mutex_);
  return store_.Transact([&](Transaction& transaction) -> absl::Status {
    TaskBook book(transaction, clock_);
    ASSIGN_OR_RETURN(WorkerRow row, Register(transaction, book, worker));
    row.info.set_problem(std::string(reason.message()));
    row.heard = Time();
    row.connected = false;
    return transaction.PutWorker(row);
  });
}

absl::StatusOr<WorkerRow> Coordinator::Register(Transaction& transaction, TaskBook& book,
                                                const v1::WorkerInfo& worker) {
  ASSIGN_OR_RETURN(const std::optional<WorkerRow> known, transaction.FindWorker(worker.id()));
  const Time steady_now = clock_.Steady();
  WorkerRow row;
  row.info = worker;
  row.first_seen = known.has_value() ? known->first_seen : clock_.Now();
  row.last_seen = clock_.Now();
  row.heard = steady_now;
  row.connected = true;
  if (known.has_value() && known->info.incarnation() != worker.incarnation()) {
    ASSIGN_OR_RETURN(const bool is_old,
                     transaction.KnowsIncarnation(worker.id(), worker.incarnation()));
    if (is_old) {
      return absl::FailedPreconditionError(absl::StrCat(
          "another process has taken over the worker id ", worker.id(), " (process ",
          known->info.pid(), " on ", known->info.host(), "): give every worker an id of its own"));
    }
    // Whoever says that it is that Worker started anew must not cost the real one its Task.
    if (steady_now - known->heard < kMissedCalls * options_.sync_interval) {
      return absl::UnavailableError(absl::StrCat(
          "worker id ", worker.id(), " is in use: process ", known->info.pid(), " on ",
          known->info.host(), " was heard of less than ",
          SecondsText(kMissedCalls * options_.sync_interval),
          " ago; where that one has ended this one may take its place shortly, else give every "
          "worker an id of its own"));
    }
    ASSIGN_OR_RETURN(std::vector<TaskRow> leased, transaction.ListLeasedTasks(worker.id()));
    for (TaskRow& task : leased) {
      RETURN_IF_ERROR(book.LoseAttempt(task, TaskBook::Loss::kFailed,
                                       absl::StrCat("worker ", worker.id(), " was restarted")));
    }
  } else if (known.has_value()) {
    row.failures_in_row = known->failures_in_row;
    row.quarantine = known->quarantine;
    if (!row.quarantine.empty()) {
      ASSIGN_OR_RETURN(const std::vector<TaskRow> leased, transaction.ListLeasedTasks(worker.id()));
      if (leased.empty()) {
        return absl::AbortedError(absl::StrCat("worker ", worker.id(), " is ", row.quarantine));
      }
    }
    if (known->connected) return row;
  }
  EventRow event;
  event.kind = "worker.connected";
  event.worker = worker.id();
  event.detail = absl::StrCat(worker.device(), " on ", worker.host());
  RETURN_IF_ERROR(book.Record(std::move(event)));
  return row;
}

absl::Status Coordinator::HandOut(Transaction& transaction, TaskBook& book,
                                  const v1::WorkerInfo& worker) {
  const Time steady_now = clock_.Steady();
  ASSIGN_OR_RETURN(const std::vector<TaskRow> leased, transaction.ListLeasedTasks(worker.id()));
  if (!leased.empty()) return absl::OkStatus();
  for (int looked_at = 0; looked_at < kMostLookedAt; ++looked_at) {
    ASSIGN_OR_RETURN(std::optional<TaskRow> task,
                     transaction.NextQueuedTask(worker.id(), steady_now, only_));
    // While the folder cannot be reached nothing could be started from or stored.
    if (!task.has_value() || !lost_.FolderIsThere()) break;
    ASSIGN_OR_RETURN(const v1::TaskDescription needs, DescribeTask(transaction, *task));
    std::string obstacle;
    for (const v1::Artifact& input : InputsOf(needs)) {
      if (obstacle.empty()) obstacle = lost_.WhyNot(input, steady_now);
    }
    if (obstacle.empty()) {
      int64_t threads = needs.threads();
      if (threads == 0) {
        ASSIGN_OR_RETURN(threads, SetThreads(task->job, transaction, book));
      }
      ASSIGN_OR_RETURN(const int64_t beside, transaction.CountThreadsBeside(worker.id()));
      // Not another Job's smaller Task in its place: such ones would keep it from ever beginning.
      if (!HaveRoom(worker.cores(), threads, beside)) break;
      return book.Lease(*task, worker.id(), steady_now + options_.lease_time);
    }
    // It makes way for others meanwhile.
    task->not_before = steady_now + std::min(kLongestFileWait, options_.lease_time / 4);
    task->message = absl::StrCat("needs a file that is not usable at present: ", obstacle);
    RETURN_IF_ERROR(transaction.UpdateTask(*task));
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SynchronizeResponse> Coordinator::Answer(Transaction& transaction,
                                                            const WorkerRow& worker) {
  v1::SynchronizeResponse response;
  response.set_next_call_ms(options_.sync_interval.count());
  const std::string& id = worker.info.id();
  ASSIGN_OR_RETURN(const std::vector<TaskRow> leased, transaction.ListLeasedTasks(id));
  for (const TaskRow& task : leased) {
    v1::Lease& lease = *response.add_leases();
    v1::TaskDescription& description = *lease.mutable_description();
    ASSIGN_OR_RETURN(description, DescribeTask(transaction, task));
    // What the Worker has opened is by which it gets Tasks: a copy that changes until it is read
    // again is told from it.
    const v1::DataRequest needed = DataRequestOf(description);
    for (const v1::DataState& state : worker.info.data()) {
      if (!description.data_hash().empty()) break;
      if (state.request() == needed) description.set_data_hash(state.data_hash());
    }
    ASSIGN_OR_RETURN(const int64_t received, transaction.EpochsStored(task.id));
    lease.set_epochs_received(received);
    const Milliseconds left = task.lease_until.value_or(Time()) - clock_.Steady();
    lease.set_time_left_ms(std::max<int64_t>(0, left.count()));
  }
  if (worker.connected && response.leases().empty()) {
    ASSIGN_OR_RETURN(const std::vector<v1::DataRequest> wanted,
                     transaction.ListWantedData(id, kMostOpenRequests, only_));
    SetList(response.mutable_open(), wanted);
    // A search is choosing its next Task.
    ASSIGN_OR_RETURN(const std::vector<JobId> searching, transaction.ListSearchingJobs());
    if (!searching.empty()) {
      response.set_next_call_ms(std::min(options_.sync_interval, explore_interval()).count());
    }
  }
  return response;
}

absl::Status Coordinator::Explore() {
  const MutexLock exploring(explore_mutex_);
  std::vector<JobId> jobs;
  const absl::Status listed = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(jobs, transaction.ListSearchingJobs());
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(listed);
  JobId only;
  {
    const MutexLock hold(mutex_);
    only = only_;
  }
  for (const JobId job : jobs) {
    if (only && job != only) continue;
    bool more = true;
    for (int step = 0; more && step < kMostChosenAtOnce; ++step) {
      ASSIGN_OR_RETURN(more, ExploreOn(job));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Coordinator::ExploreOn(JobId id) {
  ASSIGN_OR_RETURN(const std::optional<SearchStep> step, explorer_.Next(id, clock_.Now()));
  if (!step) return false;
  const MutexLock hold(mutex_);
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
    if (!IsSearching(job)) return absl::OkStatus();  // it was cancelled meanwhile
    TaskBook book(transaction, clock_);
    if (!step->chosen) return EndSearch(job, step->ended, transaction, book);
    ASSIGN_OR_RETURN(const CandidateRow candidate,
                     AddChosen(job, *step->chosen, transaction, book));
    ResultPricer pricer(metrics_);
    return ReuseResults(job, candidate, transaction, book, pricer).status();
  });
  RETURN_IF_ERROR(stored);
  return step->chosen.has_value();
}

absl::Status Coordinator::Tick() {
  RETURN_IF_ERROR(LookAfterLeases());
  return LookAfterFolder();
}

absl::Status Coordinator::LookAfterFolder() {
  if (options_.sweep_age == Milliseconds(0)) return absl::OkStatus();
  const MutexLock sweeping(sweep_mutex_);
  const Time steady_now = clock_.Steady();
  if (!sweep_ && steady_now < next_sweep_) return absl::OkStatus();
  next_sweep_ = steady_now + std::min(kSweepInterval, options_.sweep_age);
  if (!sweep_) {
    absl::StatusOr<FolderSweep> begun = FolderSweep::Begin(artifacts_, options_.sweep_age);
    if (!begun.ok()) {
      LogWarning("not looking for old files now: ", std::string(begun.status().message()));
      return absl::OkStatus();
    }
    sweep_ = *std::move(begun);
    swept_files_ = 0;
    swept_bytes_ = 0;
  }
  RETURN_IF_ERROR(SweepOn(*sweep_));
  if (!sweep_->HasEnded()) return absl::OkStatus();
  sweep_.reset();
  if (swept_files_ == 0) return absl::OkStatus();
  LogInfo("removed ", swept_files_, " files of ", swept_bytes_, " bytes from ",
          artifacts_.root().string(), ": no row names them, and they were ",
          SecondsText(options_.sweep_age), " old");
  return absl::OkStatus();
}

absl::Status Coordinator::SweepOn(FolderSweep& sweep) {
  std::vector<OldFile> old = sweep.Next(kSweptAtOnce);
  if (old.empty()) return absl::OkStatus();
  // From here on no row can come to name one of them.
  const MutexLock hold(mutex_);
  if (!lost_.FolderIsThere()) return absl::OkStatus();
  const absl::Status looked = store_.Transact([&](Transaction& transaction) -> absl::Status {
    for (OldFile& file : old) {
      if (file.sha256.empty()) continue;
      ASSIGN_OR_RETURN(const bool known, transaction.KnowsArtifact(file.sha256));
      if (known) file.path.clear();
    }
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(looked);
  for (const OldFile& file : old) {
    if (file.path.empty() || !sweep.Remove(file)) continue;
    ++swept_files_;
    swept_bytes_ += file.bytes;
  }
  return absl::OkStatus();
}

absl::Status Coordinator::LookAfterLeases() {
  const MutexLock hold(mutex_);
  const Time now = clock_.Now();
  const Time steady_now = clock_.Steady();
  const Milliseconds gap = last_tick_ ? steady_now - *last_tick_ : Milliseconds(0);
  std::vector<TaskRow> expired;
  const absl::Status stored =
      store_.Transact([&](Transaction& transaction) NO_THREAD_SAFETY_ANALYSIS -> absl::Status {
        TaskBook book(transaction, clock_);
        if (!last_tick_) return transaction.RenewLeases(steady_now + options_.lease_time);
        if (gap > options_.lease_time / 2) {
          LogWarning("this process stood still for ", SecondsText(gap),
                     "; all leases last that much longer");
          RETURN_IF_ERROR(transaction.ExtendLeases(gap));
        } else {
          RETURN_IF_ERROR(transaction.Disconnect(steady_now - options_.lease_time));
        }
        ASSIGN_OR_RETURN(expired, transaction.ListExpiredTasks(steady_now));
        for (TaskRow& task : expired) {
          RETURN_IF_ERROR(
              book.LoseAttempt(task, TaskBook::Loss::kExpired,
                               absl::StrCat("worker ", task.worker, " said nothing of it for ",
                                            SecondsText(options_.lease_time))));
        }
        return lost_.Review(transaction, book, steady_now, options_.lease_time);
      });
  RETURN_IF_ERROR(stored);
  last_tick_ = steady_now;
  for (const TaskRow& task : expired) {
    LogWarning("lease of task ", task.id.value, " by worker ", task.worker, " expired");
  }
  // An entry older than that belongs to an Attempt that has ended.
  for (auto it = missing_.begin(); it != missing_.end();) {
    it = steady_now - it->second > 2 * options_.lease_time ? missing_.erase(it) : std::next(it);
  }
  if (!expired.empty()) look_for_unused_ = true;
  if (!look_for_unused_ && now - looked_at_ < kLookInterval) return absl::OkStatus();
  ASSIGN_OR_RETURN(look_for_unused_, RemoveUnusedArtifacts());
  looked_at_ = now;
  return absl::OkStatus();
}

absl::StatusOr<JobId> Coordinator::JobOf(const RetryScope& scope) {
  JobId job;
  const absl::Status found = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(job, reluscape::JobOf(scope, transaction));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(found);
  return job;
}

absl::StatusOr<int64_t> Coordinator::Retry(const RetryScope& scope,
                                           std::optional<int64_t> max_epochs) {
  const MutexLock hold(mutex_);
  int64_t tasks = 0;
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    TaskBook book(transaction, clock_);
    ASSIGN_OR_RETURN(tasks, RetryTasks(scope, max_epochs, transaction, book));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(stored);
  return tasks;
}

absl::StatusOr<int64_t> Coordinator::ChooseData(JobId job, const std::string& data_hash) {
  const MutexLock hold(mutex_);
  int64_t candidates = 0;
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    TaskBook book(transaction, clock_);
    ASSIGN_OR_RETURN(candidates, reluscape::ChooseData(job, data_hash, transaction, book));
    return RecomputeHypervolumes(transaction, job);
  });
  RETURN_IF_ERROR(stored);
  if (candidates > 0) look_for_unused_ = true;
  return candidates;
}

absl::StatusOr<FreedFiles> Coordinator::Archive(JobId job, v1::JobSpec::Retention keep) {
  const MutexLock hold(mutex_);
  FreedFiles freed;
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    TaskBook book(transaction, clock_);
    ASSIGN_OR_RETURN(freed, ArchiveJob(job, keep, clock_.Now() - kUploadTime, transaction, book));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(stored);
  look_for_unused_ = true;
  return freed;
}

absl::StatusOr<DeletedJob> Coordinator::Delete(JobId job) {
  const MutexLock hold(mutex_);
  DeletedJob deleted;
  const absl::Status stored = store_.Transact([&](Transaction& transaction) -> absl::Status {
    TaskBook book(transaction, clock_);
    ASSIGN_OR_RETURN(deleted, DeleteJob(job, clock_.Now() - kUploadTime, transaction, book));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(stored);
  look_for_unused_ = true;
  return deleted;
}

absl::StatusOr<bool> Coordinator::RemoveUnusedArtifacts() {
  // Where the folder is away nothing would be removed, and forgotten all the same.
  if (!lost_.FolderIsThere()) return true;
  bool more = false;
  const absl::Status removed = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(const std::vector<v1::Artifact> unused,
                     transaction.ListUnusedArtifacts(clock_.Now() - kUploadTime, kRemovedAtOnce));
    for (const v1::Artifact& artifact : unused) {
      // The file first: after a crash in between, its row still asks for the removal.
      artifacts_.Remove(artifact);
      RETURN_IF_ERROR(transaction.ForgetArtifact(artifact));
    }
    more = static_cast<int64_t>(unused.size()) == kRemovedAtOnce;
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(removed);
  return more;
}

}  // namespace reluscape
