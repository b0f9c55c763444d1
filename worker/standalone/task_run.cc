#include "worker/standalone/task_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "search/report_checks.h"
#include "worker/standalone/documents.h"

namespace reluscape {
namespace {

bool IsFinite(const EpochReport& epoch) {
  return std::isfinite(epoch.loss) && std::isfinite(epoch.train_accuracy) &&
         std::isfinite(epoch.validation_accuracy) && std::isfinite(epoch.learning_rate) &&
         std::isfinite(epoch.seconds) && std::isfinite(epoch.lambda.value_or(0));
}

std::string Percent(double fraction) { return absl::StrFormat("%.2f %%", 100 * fraction); }

absl::Status OtherData(const char* what, const std::string& old_hash, const std::string& new_hash) {
  return absl::FailedPreconditionError(
      absl::StrCat("data: the folder was begun with ", what, " ", old_hash, ", now it is ",
                   new_hash, "; give the same files (--data), or name another folder with --out"));
}

}  // namespace

TaskRun::TaskRun(const TrainPlan& plan, const PlannedTask& task, TrainFolder& folder,
                 const ArtifactFolder& artifacts, const Clock& clock)
    : plan_(plan),
      task_(task),
      candidate_(plan.candidates[task.candidate]),
      folder_(folder),
      artifacts_(artifacts),
      clock_(clock),
      progress_(folder.state().tasks[task.id]),
      text_(TaskText(plan, task)) {}

absl::Status TaskRun::Begin() {
  TaskReport& report = progress_.report;
  report.task = task_.id;
  report.state = ReportState::kRunning;
  ++report.attempt;
  if (!progress_.started_at) progress_.started_at = clock_.Now();
  // This Attempt goes on behind the checkpoint; what an earlier one did beyond it is lost.
  progress_.epochs_done = report.checkpoint ? progress_.checkpoint_epochs : 0;
  progress_.checkpoint_epochs = progress_.epochs_done;
  if (progress_.epochs_done == 0) report.epochs.clear();
  RETURN_IF_ERROR(folder_.curves().DropFrom(task_.id, progress_.epochs_done));
  return folder_.Save();
}

TaskDescription TaskRun::Describe() const {
  TaskDescription task;
  task.task = task_.id;
  task.attempt = progress_.report.attempt;
  task.candidate = candidate_.id;
  task.stage = task_.stage;
  task.network = candidate_.network;
  task.data = plan_.spec.data;
  task.settings = plan_.spec.stages;
  task.seed = task_.seed;
  task.split_seed = plan_.split_seed;
  // No data hash: OnMeasurement compares it, for pretrains too, and refuses the start, not the
  // Task.
  task.checkpoint = progress_.report.checkpoint;
  task.pretrained = candidate_.pretrained;
  task.pretrained_file = candidate_.pretrained_file;
  const TrainState& state = folder_.state();
  if (task_.stage == Stage::kPretrain) {
    if (candidate_.role == CandidateRole::kWhole) task.budgets = candidate_.budgets;
    if (!candidate_.teacher) return task;
    const PlannedCandidate& teacher = plan_.candidates[*candidate_.teacher];
    task.teacher_network = teacher.network;
    if (const TaskProgress* lesson = state.Find(plan_.tasks[teacher.tasks[0]].id)) {
      task.teacher = lesson->report.weights;
    }
    return task;
  }
  if (const TaskProgress* pretrain = state.Find(plan_.tasks[candidate_.tasks[0]].id)) {
    task.weights = pretrain->report.weights;
  }
  if (task_.stage == Stage::kLinearize) {
    task.budgets = candidate_.budgets;
    return task;
  }
  task.budgets = {task_.budget};
  if (const TaskProgress* linearize = state.Find(plan_.tasks[candidate_.tasks[1]].id)) {
    for (const SnapshotReport& snapshot : linearize->report.snapshots) {
      if (snapshot.budget == task_.budget) task.snapshot = snapshot.artifact;
    }
  }
  return task;
}

absl::StatusOr<AttemptEnd> TaskRun::Run(Trainer& trainer, const std::stop_token& stop) {
  RETURN_IF_ERROR(Begin());
  const std::stop_callback on_stop(stop, [this] { stop_.request_stop(); });
  LogInfo(text_, ", attempt ", progress_.report.attempt,
          progress_.epochs_done > 0 ? absl::StrCat(": goes on behind epoch ", progress_.epochs_done)
                                    : std::string(": begins"));
  const TaskOutcome outcome = trainer.Run(Describe(), *this, stop_.get_token());
  if (!error_.ok()) return error_;
  return Take(outcome);
}

void TaskRun::Note(const absl::Status& status) {
  if (status.ok() || !error_.ok()) return;
  error_ = status;
  stop_.request_stop();
}

absl::Status TaskRun::CheckMeasurement(const Measurement& measurement) const {
  const TrainState& state = folder_.state();
  if (state.threads > 0 && state.device == "cpu" && state.threads != measurement.threads) {
    return absl::FailedPreconditionError(
        absl::StrCat("threads: the folder was begun with ", state.threads, ", now there are ",
                     measurement.threads, "; give --threads ", state.threads,
                     ", or name another folder with "
                     "--out"));
  }
  for (const auto& [id, task] : state.tasks) {
    if (!task.report.measurement) continue;
    const Measurement& known = *task.report.measurement;
    if (known.data_hash != measurement.data_hash) {
      return OtherData("data hash", known.data_hash, measurement.data_hash);
    }
    if (known.split_hash != measurement.split_hash) {
      return OtherData("split hash", known.split_hash, measurement.split_hash);
    }
    break;  // all of them agree with the first
  }
  return absl::OkStatus();
}

void TaskRun::OnMeasurement(const Measurement& measurement, int64_t epochs_planned) {
  if (const absl::Status same = CheckMeasurement(measurement); !same.ok()) return Note(same);
  TrainState& state = folder_.state();
  if (state.threads == 0) state.threads = measurement.threads;
  progress_.report.measurement = measurement;
  progress_.report.epochs_planned = epochs_planned;
  Note(folder_.Save());
}

void TaskRun::OnEpoch(const EpochReport& epoch) {
  if (!IsFinite(epoch)) {
    if (failure_) return;
    failure_ = Failure{FailureKind::kDiverged,
                       absl::StrCat("epoch ", epoch.epoch,
                                    " ended with a number that is not finite; a lower learning "
                                    "rate may help"),
                       epoch.epoch};
    stop_.request_stop();
    return;
  }
  if (!Believe(CheckEpochReport(epoch), epoch.epoch)) return;
  Note(folder_.curves().Append({.task = task_.id,
                                .candidate = candidate_.id,
                                .name = candidate_.name,
                                .replicate = candidate_.replicate,
                                .stage = task_.stage,
                                .budget = task_.budget,
                                .attempt = progress_.report.attempt},
                               epoch));
  progress_.epochs_done = epoch.epoch + 1;
  progress_.report.epochs = {epoch};
  LogInfo(text_, ", epoch ", epoch.epoch + 1, " of ",
          task_.stage == Stage::kLinearize ? "at most " : "", progress_.report.epochs_planned,
          ": loss ", absl::StrFormat("%.4f", epoch.loss), ", validation accuracy ",
          Percent(epoch.validation_accuracy), ", ", epoch.relus, " ReLUs, ",
          absl::StrFormat("%.1f s", epoch.seconds));
}

void TaskRun::OnCheckpoint(const ArtifactRef& artifact, double device_seconds) {
  const ArtifactRef old = std::exchange(progress_.report.checkpoint, artifact);
  progress_.checkpoint_epochs = progress_.epochs_done;
  progress_.report.device_seconds = device_seconds;
  const absl::Status saved = folder_.Save();
  if (saved.ok() && old && !(old == artifact)) artifacts_.Remove(old);
  Note(saved);
}

void TaskRun::OnSnapshot(const SnapshotReport& snapshot) {
  std::vector<SnapshotReport>& known = progress_.report.snapshots;
  const bool is_known = std::any_of(known.begin(), known.end(), [&](const SnapshotReport& one) {
    return one.budget == snapshot.budget;
  });
  if (is_known) return;  // told again after a restart
  if (!Believe(CheckSnapshotReport(snapshot, candidate_.budgets, candidate_.relus),
               snapshot.epoch)) {
    return;
  }
  known.push_back(snapshot);
  LogInfo(text_, ": snapshot for ", snapshot.budget, " ReLUs in epoch ", snapshot.epoch + 1);
  Note(folder_.Save());
}

bool TaskRun::Believe(const absl::Status& check, int64_t epoch) {
  if (check.ok()) return true;
  if (!failure_) failure_ = Failure{FailureKind::kRefused, std::string(check.message()), epoch};
  stop_.request_stop();
  return false;
}

// As a coordinator checks a success.
absl::Status TaskRun::CheckEnd(const TaskReport& ended) const {
  RETURN_IF_ERROR(CheckReport(ended));
  if (!ended.measurement) {
    return absl::InvalidArgumentError("reported a success without saying how it measured");
  }
  const bool whole = candidate_.role == CandidateRole::kWhole;
  switch (task_.stage) {
    case Stage::kPretrain:
      if (whole) break;
      if (artifacts_.Has(ended.weights)) return absl::OkStatus();
      return absl::InvalidArgumentError("reported a success without weights");
    case Stage::kLinearize:
      for (const int64_t budget : candidate_.budgets) {
        const auto& known = ended.snapshots;
        if (std::none_of(known.begin(), known.end(),
                         [&](const SnapshotReport& one) { return one.budget == budget; })) {
          return absl::InvalidArgumentError(
              absl::StrCat("reported a success without a snapshot for budget ", budget));
        }
      }
      return absl::OkStatus();
    case Stage::kFineTune:
      break;
  }
  if (!ended.result) return absl::InvalidArgumentError("reported a success without a result");
  return CheckResultReport(*ended.result, whole ? candidate_.relus : task_.budget, candidate_.relus,
                           whole);
}

absl::StatusOr<AttemptEnd> TaskRun::Take(const TaskOutcome& outcome) {
  TaskReport& report = progress_.report;
  report.device_seconds = std::max(report.device_seconds, outcome.device_seconds);
  if (failure_) return Fail(*failure_);
  if (outcome.failure) {
    switch (outcome.failure->kind) {
      case FailureKind::kTransient:
        return Lose(outcome.failure->message);
      case FailureKind::kData:
      case FailureKind::kStorage:
      case FailureKind::kArtifact:
        return BreakOff(*outcome.failure);
      case FailureKind::kRefused:
      case FailureKind::kDiverged:
      case FailureKind::kInfeasible:
        return Fail(*outcome.failure);
    }
  }
  if (outcome.stopped) {
    if (!stop_.stop_requested()) return Lose("the trainer stopped without being asked to");
    report.state = ReportState::kHandedBack;
    RETURN_IF_ERROR(folder_.Save());
    LogInfo(text_, ": stopped behind epoch ", progress_.checkpoint_epochs,
            ", from where the same command goes on");
    return AttemptEnd::kStopped;
  }
  TaskReport ended = report;
  ended.state = ReportState::kSucceeded;
  ended.weights = outcome.weights;
  ended.result = outcome.result;
  if (const absl::Status check = CheckEnd(ended); !check.ok()) {
    return Fail({FailureKind::kRefused, std::string(check.message()), -1});
  }
  report = std::move(ended);
  // A linearize goes on from its last one where the Job gets Budgets more.
  ArtifactRef checkpoint;
  if (task_.stage != Stage::kLinearize) {
    checkpoint = std::exchange(report.checkpoint, ArtifactRef());
    progress_.checkpoint_epochs = 0;
  }
  progress_.ended_at = clock_.Now();
  RETURN_IF_ERROR(folder_.Save());
  if (checkpoint) artifacts_.Remove(checkpoint);
  LogInfo(text_, ": done",
          report.result
              ? absl::StrCat(", validation accuracy ", Percent(report.result->accuracy_validation),
                             " (soft ", Percent(report.result->accuracy_soft), ", trimmed ",
                             Percent(report.result->accuracy_trimmed), ")")
              : std::string());
  return AttemptEnd::kEnded;
}

absl::StatusOr<AttemptEnd> TaskRun::Fail(const Failure& failure) {
  progress_.report.state = ReportState::kFailed;
  progress_.report.failure = failure;
  progress_.ended_at = clock_.Now();
  LogError(text_, " failed: ", FailureKindName(failure.kind), ": ", failure.message);
  // Its checkpoint stays: the last good state is what one looks at.
  RETURN_IF_ERROR(folder_.Save());
  return AttemptEnd::kEnded;
}

absl::Status TaskRun::BreakOff(const Failure& failure) {
  progress_.report.state = ReportState::kHandedBack;
  if (const absl::Status saved = folder_.Save(); !saved.ok()) {
    // On a disk that is full, say; the state before says as much.
    LogWarning(text_, ": ", std::string(saved.message()));
  }
  return absl::FailedPreconditionError(
      absl::StrCat(text_, ": ", FailureKindName(failure.kind), ": ", failure.message,
                   "; the same command goes on when this is mended"));
}

absl::StatusOr<AttemptEnd> TaskRun::Lose(const std::string& reason) {
  ++progress_.attempts_lost;
  const std::string message =
      absl::StrCat("attempt ", progress_.report.attempt, " was lost: ", reason);
  if (progress_.attempts_lost >= plan_.spec.limits.max_attempts) {
    return Fail({FailureKind::kTransient,
                 absl::StrCat(message, " (", progress_.attempts_lost, " of ",
                              plan_.spec.limits.max_attempts,
                              " allowed attempts were lost; limits.max_attempts)"),
                 -1});
  }
  LogWarning(text_, ": ", message);
  progress_.report.state = ReportState::kHandedBack;
  RETURN_IF_ERROR(folder_.Save());
  return AttemptEnd::kLost;
}

}  // namespace reluscape
