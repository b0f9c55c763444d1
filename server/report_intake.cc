#include "server/report_intake.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/foreign_text.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "server/hypervolumes.h"
#include "server/lease_policy.h"
#include "server/report_checks.h"
#include "server/task_description.h"

namespace reluscape {
namespace {

constexpr size_t kMaxMessage = 4000;  // bytes of a Worker's message that are kept

// A result's text in an event.
std::string ResultText(const v1::ResultReport& result) {
  return absl::StrCat("budget ", result.budget(), ": validation accuracy ",
                      result.accuracy_validation());
}

}  // namespace

ReportIntake::ReportIntake(Transaction& transaction, TaskBook& book, ArtifactLooks& looks,
                           MissingFiles& missing, LostFiles& lost, const Clock& clock,
                           Milliseconds lease_time, const MetricCatalog& metrics)
    : transaction_(transaction),
      book_(book),
      looks_(looks),
      missing_(missing),
      lost_(lost),
      now_(clock.Now()),
      steady_now_(clock.Steady()),
      lease_time_(lease_time),
      pricer_(metrics) {}

absl::StatusOr<bool> ReportIntake::Holds(const std::string& worker, TaskRow& task,
                                         const v1::TaskReport& report) {
  if (task.attempt != report.attempt() || task.worker != worker) return false;
  if (task.state == TaskState::kLeased) return true;
  if (task.state != TaskState::kQueued || report.state() == v1::TaskReport::HANDED_BACK) {
    return false;
  }
  ASSIGN_OR_RETURN(const std::vector<LostAttempt> lost, transaction_.ListLostAttempts(task.id));
  const bool expired = std::any_of(lost.begin(), lost.end(), [&](const LostAttempt& one) {
    return one.attempt == task.attempt && one.expired;
  });
  if (!expired) return false;
  RETURN_IF_ERROR(book_.Readopt(task, steady_now_ + lease_time_));
  return true;
}

absl::Status ReportIntake::Take(WorkerRow& worker, const v1::TaskReport& report) {
  worker_ = &worker;
  absl::StatusOr<TaskRow> found = transaction_.GetTask(TaskId{report.task()});
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return found.status();
  TaskRow& task = *found;
  ASSIGN_OR_RETURN(const bool holds, Holds(worker.info.id(), task, report));
  if (!holds) return absl::OkStatus();  // late or repeated

  task.lease_until = steady_now_ + lease_time_;
  if (report.epochs_planned() > 0) task.epochs_planned = report.epochs_planned();
  if (report.device_seconds() > 0) task.device_seconds = report.device_seconds();
  ASSIGN_OR_RETURN(bool goes_on, TakeProvenance(task, report));
  if (!goes_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(goes_on, TakeEpochs(task, report));
  if (!goes_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(goes_on, TakeSnapshots(task, report));
  if (!goes_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t epochs_stored, transaction_.EpochsStored(task.id));
  // What goes on behind a Snapshot does not make it again.
  ASSIGN_OR_RETURN(const bool has_snapshots, HasSnapshots(task, report));
  if (has_snapshots) RETURN_IF_ERROR(TakeCheckpoint(task, report, epochs_stored));

  switch (report.state()) {
    case v1::TaskReport::RUNNING:
      return transaction_.UpdateTask(task);
    case v1::TaskReport::SUCCEEDED:
      return TakeSuccess(task, report);
    case v1::TaskReport::FAILED:
      return TakeFailure(worker, task, report);
    case v1::TaskReport::HANDED_BACK:
      return TakeBack(worker, task, absl::StrCat("worker ", worker.info.id(), " handed it back"));
    default:
      return absl::OkStatus();
  }
}

absl::StatusOr<bool> ReportIntake::TakeProvenance(TaskRow& task, const v1::TaskReport& report) {
  if (!report.has_provenance()) return true;
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  ASSIGN_OR_RETURN(const JobRow job, transaction_.GetJob(task.job));
  const v1::Provenance& provenance = report.provenance();
  if (const absl::Status check = CheckProvenance(provenance, candidate, job); !check.ok()) {
    RETURN_IF_ERROR(LoseAttempt(task, std::string(check.message()), -1));
    return false;
  }
  RETURN_IF_ERROR(transaction_.PutProvenance(task.id, task.attempt, provenance));
  return true;
}

absl::StatusOr<bool> ReportIntake::TakeEpochs(TaskRow& task, const v1::TaskReport& report) {
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  for (const v1::Epoch& epoch : report.epochs()) {
    if (const absl::Status check = CheckEpoch(epoch, candidate); !check.ok()) {
      RETURN_IF_ERROR(LoseAttempt(task, std::string(check.message()), epoch.epoch()));
      return false;
    }
  }
  ASSIGN_OR_RETURN(const std::vector<v1::Epoch> stored,
                   transaction_.StoreEpochs(task.id, task.attempt, now_, ListOf(report.epochs())));
  for (const v1::Epoch& epoch : stored) {
    RETURN_IF_ERROR(book_.Record(
        task, "epoch",
        absl::StrCat(TaskText(task), ", epoch ", epoch.epoch(), ": validation accuracy ",
                     epoch.validation_accuracy(), ", ", epoch.relus(), " ReLUs")));
  }
  return true;
}

absl::StatusOr<bool> ReportIntake::TakeSnapshots(TaskRow& task, const v1::TaskReport& report) {
  if (report.snapshots().empty()) return true;
  if (task.stage != Stage::kLinearize) {
    RETURN_IF_ERROR(LoseAttempt(task, "reported a snapshot, which only a linearize does", -1));
    return false;
  }
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> stored,
                   transaction_.ListSnapshots(task.candidate));
  std::vector<int64_t> done;
  for (const SnapshotRow& row : stored) done.push_back(row.report.budget());
  for (const v1::Snapshot& snapshot : report.snapshots()) {
    if (const absl::Status check = CheckSnapshot(snapshot, candidate); !check.ok()) {
      RETURN_IF_ERROR(LoseAttempt(task, std::string(check.message()), snapshot.epoch()));
      return false;
    }
    if (std::find(done.begin(), done.end(), snapshot.budget()) != done.end()) continue;
    if (const absl::Status look = looks_.Look(snapshot.artifact()); absl::IsDataLoss(look)) {
      RETURN_IF_ERROR(LoseAttempt(task,
                                  absl::StrCat("reported a snapshot for budget ", snapshot.budget(),
                                               ", but ", std::string(look.message())),
                                  snapshot.epoch()));
      return false;
    } else if (!look.ok()) {
      LogWarning("task ", task.id.value, ": the snapshot for budget ", snapshot.budget(),
                 " is not (yet) in the artifact folder: ", std::string(look.message()));
      continue;
    }
    RETURN_IF_ERROR(book_.AcceptSnapshot(task, snapshot));
    done.push_back(snapshot.budget());
  }
  return true;
}

absl::StatusOr<bool> ReportIntake::HasSnapshots(const TaskRow& task, const v1::TaskReport& report) {
  if (report.snapshots().empty()) return true;
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> stored,
                   transaction_.ListSnapshots(task.candidate));
  return std::all_of(report.snapshots().begin(), report.snapshots().end(),
                     [&](const v1::Snapshot& snapshot) {
                       return std::any_of(stored.begin(), stored.end(), [&](const SnapshotRow& s) {
                         return s.report.budget() == snapshot.budget();
                       });
                     });
}

absl::Status ReportIntake::TakeCheckpoint(TaskRow& task, const v1::TaskReport& report,
                                          int64_t epochs_stored) {
  if (!IsSet(report.checkpoint()) || report.checkpoint() == task.checkpoint) {
    return absl::OkStatus();
  }
  if (const absl::Status look = looks_.Look(report.checkpoint()); !look.ok()) {
    // The Worker sends it again, or a newer one.
    if (absl::IsDataLoss(look)) {
      LogWarning("task ", task.id.value,
                 ": its checkpoint is not taken: ", std::string(look.message()));
    }
    return absl::OkStatus();
  }
  // Whatever was lost before: the Task gets on.
  if (epochs_stored > task.checkpoint_epochs && task.attempts_lost > 0) {
    RETURN_IF_ERROR(transaction_.ForgetLostAttempts(task.id));
    task.attempts_lost = 0;
  }
  task.checkpoint = report.checkpoint();
  task.checkpoint_epochs = epochs_stored;
  return absl::OkStatus();
}

absl::Status ReportIntake::TakeSuccess(TaskRow& task, const v1::TaskReport& report) {
  const absl::StatusOr<v1::Provenance> provenance =
      transaction_.GetProvenance(task.id, task.attempt);
  if (absl::IsNotFound(provenance.status())) {
    return LoseAttempt(task, "reported a success without saying how it measured", -1);
  }
  if (!provenance.ok()) return provenance.status();
  switch (task.stage) {
    case Stage::kPretrain:
      return TakePretrained(task, report, *provenance);
    case Stage::kLinearize:
      return TakeDescent(task, report);
    case Stage::kFineTune:
      return TakeResult(task, report, *provenance);
  }
  return absl::OkStatus();
}

absl::Status ReportIntake::TakePretrained(TaskRow& task, const v1::TaskReport& report,
                                          const v1::Provenance& m) {
  ASSIGN_OR_RETURN(CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  if (candidate.role == CandidateRole::kWhole) return TakeResult(task, report, m);
  if (!IsSet(report.weights())) return LoseAttempt(task, "reported a success without weights", -1);
  ASSIGN_OR_RETURN(const bool there, IsThere(task, "weights", report.weights()));
  if (!there) return absl::OkStatus();
  if (candidate.role == CandidateRole::kSection) {
    ASSIGN_OR_RETURN(const int64_t epochs, transaction_.EpochsStored(task.id));
    if (epochs == 0) {
      return LoseAttempt(task, "reported a success without an epoch, whose accuracy is needed", -1);
    }
  }
  candidate.data_hash = m.data_hash();
  candidate.split_hash = m.split_hash();
  RETURN_IF_ERROR(transaction_.UpdateCandidate(candidate));
  task.weights = report.weights();
  return Succeed(task);
}

absl::Status ReportIntake::TakeDescent(TaskRow& task, const v1::TaskReport& report) {
  for (const v1::Snapshot& snapshot : report.snapshots()) {
    ASSIGN_OR_RETURN(const bool there, IsThere(task, "snapshots", snapshot.artifact()));
    if (!there) return absl::OkStatus();
  }
  // Where it goes on from for Budgets that are added later.
  if (IsSet(report.checkpoint())) {
    ASSIGN_OR_RETURN(const bool there, IsThere(task, "checkpoint", report.checkpoint()));
    if (!there) return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots,
                   transaction_.ListSnapshots(task.candidate));
  for (const int64_t budget : candidate.budgets) {
    const bool found = std::any_of(snapshots.begin(), snapshots.end(), [&](const SnapshotRow& s) {
      return s.report.budget() == budget;
    });
    if (!found) {
      // Whatever its checkpoints hold, they lead to no Snapshot: the next Attempt begins anew.
      task.checkpoint = {};
      task.checkpoint_epochs = 0;
      return LoseAttempt(
          task, absl::StrCat("reported a success without a snapshot for budget ", budget), -1);
    }
  }
  return Succeed(task);
}

absl::Status ReportIntake::TakeResult(TaskRow& task, const v1::TaskReport& report,
                                      const v1::Provenance& m) {
  if (!report.has_result()) return LoseAttempt(task, "reported a success without a result", -1);
  const v1::ResultReport& result = report.result();
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  ASSIGN_OR_RETURN(const JobRow job, transaction_.GetJob(task.job));
  if (const absl::Status check = CheckResult(result, task, candidate, job, m); !check.ok()) {
    return LoseAttempt(task, std::string(check.message()), -1);
  }
  ASSIGN_OR_RETURN(const bool there, IsThere(task, "result.artifact", result.artifact()));
  if (!there) return absl::OkStatus();

  ResultRow row;
  row.job = task.job;
  row.candidate = task.candidate;
  row.task = task.id;
  row.attempt = task.attempt;
  row.worker = task.worker;
  row.report = result;
  row.accuracy_test = report.accuracy_test();
  row.data_hash = m.data_hash();
  row.split_hash = m.split_hash();
  ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction_.ListTasks(task.candidate));
  for (const TaskRow& other : tasks) {
    if (other.stage == Stage::kPretrain) row.seconds_pretrain = other.device_seconds;
  }
  if (task.stage == Stage::kPretrain) row.seconds_pretrain = task.device_seconds;
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots,
                   transaction_.ListSnapshots(task.candidate));
  for (const SnapshotRow& snapshot : snapshots) {
    if (snapshot.report.budget() == task.budget) {
      row.seconds_linearize = snapshot.report.device_seconds();
    }
  }
  if (task.stage == Stage::kFineTune) row.seconds_fine_tune = task.device_seconds;
  row.created_at = now_;
  ASSIGN_OR_RETURN(const ResultId id, transaction_.InsertResult(row));

  RETURN_IF_ERROR(pricer_.Price(transaction_, job, id, candidate.network, result));
  // With the device time of this report.
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  RETURN_IF_ERROR(RecordHypervolume(transaction_, job, id));
  EventRow event;
  event.kind = "result";
  event.job = task.job;
  event.candidate = task.candidate;
  event.task = task.id;
  event.result = id;
  event.worker = task.worker;
  event.detail = ResultText(result);
  RETURN_IF_ERROR(book_.Record(std::move(event)));
  return Succeed(task);
}

absl::Status ReportIntake::Succeed(TaskRow& task) {
  worker_->failures_in_row = 0;
  return book_.Succeed(task);
}

absl::Status ReportIntake::TakeFailure(WorkerRow& worker, TaskRow& task,
                                       const v1::TaskReport& report) {
  v1::Failure failure = report.failure();
  failure.set_message(CutUtf8(failure.message(), kMaxMessage));
  if (BelongsToJob(failure.kind())) {
    return book_.Fail(
        task,
        absl::StrCat(v1::Failure::Kind_Name(failure.kind()), ": ", failure.message(), " (worker ",
                     task.worker, ", attempt ", task.attempt,
                     failure.epoch() >= 0 ? absl::StrCat(", epoch ", failure.epoch()) : "", ")"));
  }
  if (failure.kind() == v1::Failure::TRANSIENT) {
    return LoseAttempt(task, failure.message(), failure.epoch());
  }
  return TakeInability(worker, task, failure);
}

absl::Status ReportIntake::TakeInability(WorkerRow& worker, TaskRow& task,
                                         const v1::Failure& failure) {
  ASSIGN_OR_RETURN(const v1::TaskDescription described, DescribeTask(transaction_, task));
  const std::vector<v1::Artifact> inputs = InputsOf(described);
  const bool of_input = std::find(inputs.begin(), inputs.end(), failure.artifact()) != inputs.end();
  if (failure.kind() == v1::Failure::ARTIFACT) return TakeUseless(task, failure, of_input);
  if (failure.kind() == v1::Failure::STORAGE && of_input) {
    // What the coordinator cannot read either is no matter of that Worker alone.
    if (const absl::Status look = looks_.Look(failure.artifact()); !look.ok()) {
      lost_.Note(failure.artifact(), look, steady_now_);
    }
  }
  return TakeBack(worker, task, absl::StrCat("worker ", task.worker, ": ", failure.message()));
}

absl::Status ReportIntake::TakeUseless(TaskRow& task, const v1::Failure& failure, bool of_input) {
  if (!of_input) {
    return LoseAttempt(task,
                       absl::StrCat("failure.artifact: found ", failure.artifact().sha256(),
                                    "; allowed: one from which the task starts"),
                       -1);
  }
  // One Worker may be wrong about it. Where another says the same, or there is no other, the file
  // is: it is made again, elsewhere.
  ASSIGN_OR_RETURN(const std::vector<LostAttempt> lost, transaction_.ListLostAttempts(task.id));
  const bool said_before = std::any_of(lost.begin(), lost.end(), [&](const LostAttempt& one) {
    return one.artifact == failure.artifact().sha256() && one.worker != task.worker;
  });
  ASSIGN_OR_RETURN(const bool others, transaction_.OthersMayTake(task.id, task.worker));
  const std::string reason = absl::StrCat("worker ", task.worker, ": ", failure.message());
  RETURN_IF_ERROR(
      book_.LoseAttempt(task, TaskBook::Loss::kFailed, reason, failure.artifact().sha256()));
  if (task.state == TaskState::kFailed || (others && !said_before)) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<ArtifactMaker> makers,
                   transaction_.ListMakers(failure.artifact()));
  for (const ArtifactMaker& maker : makers) {
    RETURN_IF_ERROR(book_.Remake(maker,
                                 absl::StrCat("what it left is of no use to task ", task.id.value,
                                              ", so it is made again; ", reason),
                                 /*blame=*/true));
  }
  return absl::OkStatus();
}

absl::Status ReportIntake::TakeBack(const WorkerRow& worker, TaskRow& task,
                                    const std::string& reason) {
  // An honest Worker takes no more work, or says in the same call that it cannot go on with the
  // like: it would be given the same again.
  if (worker.connected) {
    ASSIGN_OR_RETURN(const std::string obstacle,
                     transaction_.ObstacleOf(worker.info.id(), task.job));
    if (obstacle.empty()) {
      return LoseAttempt(task, absl::StrCat("handed back without a reason that lasts: ", reason),
                         -1);
    }
  }
  return book_.HandBack(task, reason);
}

absl::Status ReportIntake::LoseAttempt(TaskRow& task, const std::string& message, int64_t epoch) {
  RETURN_IF_ERROR(CountFailure(task, message));
  return book_.LoseAttempt(task, TaskBook::Loss::kFailed,
                           absl::StrCat(message, " (worker ", task.worker,
                                        epoch >= 0 ? absl::StrCat(", epoch ", epoch) : "", ")"));
}

absl::Status ReportIntake::CountFailure(const TaskRow& task, const std::string& message) {
  if (++worker_->failures_in_row < kMostFailuresInRow || !worker_->quarantine.empty()) {
    return absl::OkStatus();
  }
  worker_->quarantine =
      absl::StrCat("quarantined until it is started again: ", worker_->failures_in_row,
                   " tasks in a row failed on it; the last, task ", task.id.value, ": ", message);
  EventRow event;
  event.kind = "worker.quarantined";
  event.worker = worker_->info.id();
  event.detail = worker_->quarantine;
  LogWarning("worker ", worker_->info.id(), " is ", worker_->quarantine);
  return book_.Record(std::move(event));
}

absl::StatusOr<bool> ReportIntake::IsThere(TaskRow& task, const char* field,
                                           const v1::Artifact& artifact) {
  const absl::Status look = looks_.Look(artifact);
  if (look.ok()) return true;
  if (absl::IsDataLoss(look)) {
    RETURN_IF_ERROR(
        LoseAttempt(task, absl::StrCat(field, ": found ", std::string(look.message())), -1));
    return false;
  }
  const auto key = std::make_pair(task.id, task.attempt);
  const Time since = missing_.emplace(key, steady_now_).first->second;
  if (steady_now_ - since < lease_time_ || !lost_.FolderIsThere()) {
    LogWarning("task ", task.id.value, ": waiting for a file of ", artifact.bytes(),
               " bytes: ", std::string(look.message()));
    RETURN_IF_ERROR(transaction_.UpdateTask(task));
    return false;
  }
  missing_.erase(key);
  RETURN_IF_ERROR(
      LoseAttempt(task,
                  absl::StrCat(field, ": its file of ", artifact.bytes(),
                               " bytes did not appear within ", SecondsText(lease_time_), " (",
                               std::string(look.message()), "); is the artifact folder shared?"),
                  -1));
  return false;
}

}  // namespace reluscape
