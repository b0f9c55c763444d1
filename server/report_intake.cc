#include "server/report_intake.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/foreign_text.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "server/lease_policy.h"
#include "server/report_checks.h"

namespace reluscape {
namespace {

constexpr size_t kMaxMessage = 4000;  // bytes of a Worker's message that are kept

// A result's text in an event; the test accuracy is sealed.
std::string ResultText(const ResultReport& result) {
  return absl::StrCat("budget ", result.budget, ": validation accuracy ",
                      result.accuracy_validation);
}

}  // namespace

ReportIntake::ReportIntake(Transaction& transaction, TaskBook& book,
                           const ArtifactFolder& artifacts, MissingFiles& missing, Time now,
                           Milliseconds lease_time, const MetricCatalog& metrics)
    : transaction_(transaction),
      book_(book),
      artifacts_(artifacts),
      missing_(missing),
      now_(now),
      lease_time_(lease_time),
      pricer_(metrics) {}

absl::Status ReportIntake::Take(const std::string& worker, const TaskReport& report) {
  absl::StatusOr<TaskRow> found = transaction_.GetTask(report.task);
  if (absl::IsNotFound(found.status())) return absl::OkStatus();
  if (!found.ok()) return found.status();
  TaskRow& task = *found;
  if (task.state != TaskState::kLeased || task.attempt != report.attempt || task.worker != worker) {
    return absl::OkStatus();  // late or repeated
  }

  task.lease_until = now_ + lease_time_;
  if (report.epochs_planned > 0) task.epochs_planned = report.epochs_planned;
  if (std::isfinite(report.device_seconds) && report.device_seconds > 0) {
    task.device_seconds = report.device_seconds;
  }
  ASSIGN_OR_RETURN(bool goes_on, TakeMeasurement(task, report));
  if (!goes_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(goes_on, TakeEpochs(task, report));
  if (!goes_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(goes_on, TakeSnapshots(task, report));
  if (!goes_on) return absl::OkStatus();
  ASSIGN_OR_RETURN(const int64_t epochs_stored, transaction_.EpochsStored(task.id));
  TakeCheckpoint(task, report, epochs_stored);

  switch (report.state) {
    case ReportState::kRunning:
      return transaction_.UpdateTask(task);
    case ReportState::kSucceeded:
      return TakeSuccess(task, report);
    case ReportState::kFailed:
      return TakeFailure(task, report);
    case ReportState::kHandedBack:
      return book_.HandBack(task, absl::StrCat("worker ", worker, " handed it back"));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> ReportIntake::TakeMeasurement(TaskRow& task, const TaskReport& report) {
  if (!report.measurement.has_value()) return true;
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  ASSIGN_OR_RETURN(const JobRow job, transaction_.GetJob(task.job));
  if (const absl::Status check = CheckMeasurement(*report.measurement, candidate, job.data.set);
      !check.ok()) {
    RETURN_IF_ERROR(FailTask(task, std::string(check.message()), -1));
    return false;
  }
  RETURN_IF_ERROR(transaction_.PutMeasurement(task.id, task.attempt, *report.measurement));
  return true;
}

absl::StatusOr<bool> ReportIntake::TakeEpochs(TaskRow& task, const TaskReport& report) {
  for (const EpochReport& epoch : report.epochs) {
    if (const absl::Status check = CheckEpoch(epoch); !check.ok()) {
      RETURN_IF_ERROR(FailTask(task, std::string(check.message()), epoch.epoch));
      return false;
    }
  }
  ASSIGN_OR_RETURN(const std::vector<EpochReport> stored,
                   transaction_.StoreEpochs(task.id, task.attempt, now_, report.epochs));
  for (const EpochReport& epoch : stored) {
    RETURN_IF_ERROR(
        book_.Record(task, "epoch",
                     absl::StrCat(TaskText(task), ", epoch ", epoch.epoch, ": validation accuracy ",
                                  epoch.validation_accuracy, ", ", epoch.relus, " ReLUs")));
  }
  return true;
}

absl::StatusOr<bool> ReportIntake::TakeSnapshots(TaskRow& task, const TaskReport& report) {
  if (report.snapshots.empty()) return true;
  if (task.stage != Stage::kLinearize) {
    RETURN_IF_ERROR(FailTask(task, "reported a snapshot, which only a linearize does", -1));
    return false;
  }
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> stored,
                   transaction_.ListSnapshots(task.candidate));
  std::vector<int64_t> done;
  for (const SnapshotRow& row : stored) done.push_back(row.report.budget);
  for (const SnapshotReport& snapshot : report.snapshots) {
    if (const absl::Status check = CheckSnapshot(snapshot, candidate); !check.ok()) {
      RETURN_IF_ERROR(FailTask(task, std::string(check.message()), snapshot.epoch));
      return false;
    }
    if (std::find(done.begin(), done.end(), snapshot.budget) != done.end()) continue;
    if (!artifacts_.Has(snapshot.artifact)) {
      LogWarning(
          "task ", task.id.value, ": the snapshot for budget ", snapshot.budget,
          " is not (yet) in the artifact folder: ", artifacts_.PathOf(snapshot.artifact).string());
      continue;
    }
    RETURN_IF_ERROR(book_.AcceptSnapshot(task, snapshot));
    done.push_back(snapshot.budget);
  }
  return true;
}

void ReportIntake::TakeCheckpoint(TaskRow& task, const TaskReport& report, int64_t epochs_stored) {
  if (!report.checkpoint || report.checkpoint == task.checkpoint) return;
  if (!artifacts_.Has(report.checkpoint)) return;  // the Worker sends it again
  task.checkpoint = report.checkpoint;
  task.checkpoint_epochs = epochs_stored;
}

absl::Status ReportIntake::TakeSuccess(TaskRow& task, const TaskReport& report) {
  const absl::StatusOr<Measurement> measurement =
      transaction_.GetMeasurement(task.id, task.attempt);
  if (absl::IsNotFound(measurement.status())) {
    return FailTask(task, "reported a success without saying how it measured", -1);
  }
  if (!measurement.ok()) return measurement.status();
  switch (task.stage) {
    case Stage::kPretrain:
      return TakePretrained(task, report, *measurement);
    case Stage::kLinearize:
      return TakeDescent(task, report);
    case Stage::kFineTune:
      return TakeResult(task, report, *measurement);
  }
  return absl::OkStatus();
}

absl::Status ReportIntake::TakePretrained(TaskRow& task, const TaskReport& report,
                                          const Measurement& m) {
  ASSIGN_OR_RETURN(CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  if (candidate.role == CandidateRole::kWhole) return TakeResult(task, report, m);
  if (!report.weights) return FailTask(task, "reported a success without weights", -1);
  if (!artifacts_.Has(report.weights)) return WaitForFile(task, report.weights);
  if (candidate.role == CandidateRole::kStage) {
    ASSIGN_OR_RETURN(const int64_t epochs, transaction_.EpochsStored(task.id));
    if (epochs == 0) {
      return FailTask(task, "reported a success without an epoch, whose accuracy is needed", -1);
    }
  }
  candidate.data_hash = m.data_hash;
  candidate.split_hash = m.split_hash;
  RETURN_IF_ERROR(transaction_.UpdateCandidate(candidate));
  task.weights = report.weights;
  return book_.Succeed(task);
}

absl::Status ReportIntake::TakeDescent(TaskRow& task, const TaskReport& report) {
  for (const SnapshotReport& snapshot : report.snapshots) {
    if (!artifacts_.Has(snapshot.artifact)) return WaitForFile(task, snapshot.artifact);
  }
  // Where it goes on from for Budgets that are added later.
  if (report.checkpoint && !artifacts_.Has(report.checkpoint)) {
    return WaitForFile(task, report.checkpoint);
  }
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots,
                   transaction_.ListSnapshots(task.candidate));
  for (const int64_t budget : candidate.budgets) {
    const bool found = std::any_of(snapshots.begin(), snapshots.end(),
                                   [&](const SnapshotRow& s) { return s.report.budget == budget; });
    if (!found) {
      return FailTask(
          task, absl::StrCat("reported a success without a snapshot for budget ", budget), -1);
    }
  }
  return book_.Succeed(task);
}

absl::Status ReportIntake::TakeResult(TaskRow& task, const TaskReport& report,
                                      const Measurement& m) {
  if (!report.result.has_value()) return FailTask(task, "reported a success without a result", -1);
  const ResultReport& result = *report.result;
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(task.candidate));
  if (const absl::Status check = CheckResult(result, task, candidate); !check.ok()) {
    return FailTask(task, std::string(check.message()), -1);
  }
  if (!artifacts_.Has(result.artifact)) return WaitForFile(task, result.artifact);

  ResultRow row;
  row.job = task.job;
  row.candidate = task.candidate;
  row.task = task.id;
  row.attempt = task.attempt;
  row.worker = task.worker;
  row.report = result;
  row.data_hash = m.data_hash;
  row.split_hash = m.split_hash;
  ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction_.ListTasks(task.candidate));
  for (const TaskRow& other : tasks) {
    if (other.stage == Stage::kPretrain) row.seconds_pretrain = other.device_seconds;
  }
  if (task.stage == Stage::kPretrain) row.seconds_pretrain = task.device_seconds;
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots,
                   transaction_.ListSnapshots(task.candidate));
  for (const SnapshotRow& snapshot : snapshots) {
    if (snapshot.report.budget == task.budget) {
      row.seconds_linearize = snapshot.report.device_seconds;
    }
  }
  if (task.stage == Stage::kFineTune) row.seconds_fine_tune = task.device_seconds;
  row.created_at = now_;
  ASSIGN_OR_RETURN(const ResultId id, transaction_.InsertResult(row));

  ASSIGN_OR_RETURN(const JobRow job, transaction_.GetJob(task.job));
  RETURN_IF_ERROR(
      pricer_.Price(transaction_, job, id, candidate.network, result.relus, result.layers));
  EventRow event;
  event.kind = "result";
  event.job = task.job;
  event.candidate = task.candidate;
  event.task = task.id;
  event.result = id;
  event.worker = task.worker;
  event.detail = ResultText(result);
  RETURN_IF_ERROR(book_.Record(std::move(event)));
  return book_.Succeed(task);
}

absl::Status ReportIntake::TakeFailure(TaskRow& task, const TaskReport& report) {
  const Failure failure =
      report.failure.value_or(Failure{FailureKind::kTransient, "the worker gave no reason", -1});
  const std::string message = CutUtf8(failure.message, kMaxMessage);
  if (failure.kind == FailureKind::kTransient) {
    return book_.LoseAttempt(task, "task.retried", message);
  }
  return FailTask(task, absl::StrCat(FailureKindName(failure.kind), ": ", message), failure.epoch);
}

absl::Status ReportIntake::FailTask(TaskRow& task, const std::string& message, int64_t epoch) {
  return book_.Fail(task,
                    absl::StrCat(message, " (worker ", task.worker, ", attempt ", task.attempt,
                                 epoch >= 0 ? absl::StrCat(", epoch ", epoch) : "", ")"));
}

absl::Status ReportIntake::WaitForFile(TaskRow& task, const ArtifactRef& artifact) {
  const auto key = std::make_pair(task.id, task.attempt);
  const Time since = missing_.emplace(key, now_).first->second;
  const std::string path = artifacts_.PathOf(artifact).string();
  if (now_ - since < lease_time_) {
    LogWarning("task ", task.id.value, ": waiting for ", path, " of ", artifact.bytes, " bytes");
    return transaction_.UpdateTask(task);
  }
  missing_.erase(key);
  return book_.LoseAttempt(
      task, "task.retried",
      absl::StrCat("its file ", path, " of ", artifact.bytes, " bytes did not appear within ",
                   SecondsText(lease_time_), "; is the artifact folder shared?"));
}

}  // namespace reluscape
