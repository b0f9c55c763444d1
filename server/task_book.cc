#include "server/task_book.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/archive.h"
#include "server/criticality_scores.h"
#include "server/lease_policy.h"
#include "server/task_state.h"

namespace reluscape {

std::string TaskText(const TaskRow& task) {
  return task.stage == Stage::kFineTune
             ? absl::StrCat(StageName(task.stage), " of ", task.budget, " ReLUs")
             : StageName(task.stage);
}

absl::Status TaskBook::Record(EventRow event) {
  event.at = now_;
  return transaction_.AppendEvent(event);
}

absl::Status TaskBook::Record(const TaskRow& task, const std::string& kind,
                              const std::string& detail) {
  EventRow event;
  event.kind = kind;
  event.job = task.job;
  event.candidate = task.candidate;
  event.task = task.id;
  event.worker = task.worker;
  event.detail = detail;
  return Record(std::move(event));
}

absl::Status TaskBook::Lease(TaskRow& task, const std::string& worker, Time until) {
  RETURN_IF_ERROR(LeaseTo(task, worker, now_, until));
  // This Attempt goes on behind the checkpoint; what an earlier one did beyond it is lost.
  RETURN_IF_ERROR(
      transaction_.DropEpochs(task.id, IsSet(task.checkpoint) ? task.checkpoint_epochs : 0));
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  return Record(task, "task.leased", absl::StrCat(TaskText(task), ", attempt ", task.attempt));
}

absl::Status TaskBook::HandBack(TaskRow& task, const std::string& reason) {
  RETURN_IF_ERROR(Requeue(task, reason));
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  return Record(task, "task.handed_back", absl::StrCat(TaskText(task), ": ", reason));
}

absl::Status TaskBook::Readopt(TaskRow& task, Time until) {
  RETURN_IF_ERROR(reluscape::Readopt(task, until));
  RETURN_IF_ERROR(transaction_.ForgetLostAttempts(task.id, task.attempt));
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  return Record(task, "lease.found",
                absl::StrCat(TaskText(task), ", attempt ", task.attempt, ": worker ", task.worker,
                             " is heard of again"));
}

absl::Status TaskBook::LoseAttempt(TaskRow& task, Loss loss, const std::string& reason,
                                   const std::string& useless_input) {
  ASSIGN_OR_RETURN(const JobRow job, transaction_.GetJob(task.job));
  const bool expired = loss == Loss::kExpired;
  RETURN_IF_ERROR(transaction_.PutLostAttempt(
      {task.id, task.attempt, task.worker, expired, useless_input, now_, reason}));
  ASSIGN_OR_RETURN(const std::vector<LostAttempt> lost, transaction_.ListLostAttempts(task.id));
  task.attempts_lost = static_cast<int64_t>(lost.size());
  RETURN_IF_ERROR(Record(task, expired ? "lease.expired" : "task.retried",
                         absl::StrCat(TaskText(task), ", attempt ", task.attempt, ": ", reason)));
  RETURN_IF_ERROR(
      reluscape::LoseAttempt(task, job.spec.limits().max_attempts(), reason, now_, steady_now_));
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  if (task.state == TaskState::kFailed) return AfterFailure(task);
  return Record(task, "task.queued", TaskText(task));
}

absl::Status TaskBook::RunAgain(TaskRow& task, const std::string& reason) {
  RETURN_IF_ERROR(reluscape::Block(task));
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  RETURN_IF_ERROR(transaction_.ForgetLostAttempts(task.id));
  return Record(task, "task.again", absl::StrCat(TaskText(task), ": ", reason));
}

absl::Status TaskBook::Remake(const ArtifactMaker& maker, const std::string& reason, bool blame) {
  ASSIGN_OR_RETURN(TaskRow task, transaction_.GetTask(maker.task));
  if (maker.budget > 0) {
    RETURN_IF_ERROR(transaction_.RemoveSnapshot(task.candidate, maker.budget));
  } else {
    task.weights = {};
  }
  // A checkpoint lies behind what is to be made: it would not be made again from there.
  task.checkpoint = {};
  task.checkpoint_epochs = 0;
  if (blame && maker.attempt == task.attempt) {
    RETURN_IF_ERROR(transaction_.PutLostAttempt(
        {task.id, task.attempt, task.worker, /*expired=*/false, /*artifact=*/"", now_, reason}));
  }
  if (task.state != TaskState::kBlocked) RETURN_IF_ERROR(reluscape::Block(task));
  task.message = reason;
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  RETURN_IF_ERROR(Record(task, "task.again", absl::StrCat(TaskText(task), ": ", reason)));
  RETURN_IF_ERROR(BlockWaiting(task.candidate));
  if (task.stage == Stage::kPretrain) {
    ASSIGN_OR_RETURN(const std::vector<CandidateId> students,
                     transaction_.ListStudents(task.candidate));
    for (const CandidateId student : students) RETURN_IF_ERROR(BlockWaiting(student));
  }
  return Settle(task.candidate);
}

absl::Status TaskBook::BlockWaiting(CandidateId candidate) {
  ASSIGN_OR_RETURN(const Inputs inputs, InputsOf(candidate));
  ASSIGN_OR_RETURN(std::vector<TaskRow> tasks, transaction_.ListTasks(candidate));
  for (TaskRow& task : tasks) {
    const bool waits = task.state == TaskState::kQueued || task.state == TaskState::kLeased;
    if (!waits || IsReady(task, inputs)) continue;
    RETURN_IF_ERROR(reluscape::Block(task));
    RETURN_IF_ERROR(transaction_.UpdateTask(task));
  }
  return absl::OkStatus();
}

absl::StatusOr<Inputs> TaskBook::InputsOf(CandidateId id) {
  const auto pretrained = [this](CandidateId candidate) -> absl::StatusOr<bool> {
    ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction_.ListTasks(candidate));
    return std::any_of(tasks.begin(), tasks.end(), [](const TaskRow& task) {
      return task.stage == Stage::kPretrain && task.state == TaskState::kSucceeded;
    });
  };
  Inputs inputs;
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction_.GetCandidate(id));
  if (candidate.teacher) {
    ASSIGN_OR_RETURN(inputs.teacher, pretrained(candidate.teacher));
  }
  ASSIGN_OR_RETURN(inputs.pretrained, pretrained(id));
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots, transaction_.ListSnapshots(id));
  for (const SnapshotRow& snapshot : snapshots) inputs.budgets.insert(snapshot.report.budget());
  return inputs;
}

absl::Status TaskBook::Settle(CandidateId candidate) {
  ASSIGN_OR_RETURN(const Inputs inputs, InputsOf(candidate));
  ASSIGN_OR_RETURN(std::vector<TaskRow> tasks, transaction_.ListTasks(candidate));
  for (TaskRow& task : tasks) {
    if (task.state != TaskState::kBlocked || !IsReady(task, inputs)) continue;
    RETURN_IF_ERROR(Unblock(task));
    RETURN_IF_ERROR(transaction_.UpdateTask(task));
    RETURN_IF_ERROR(Record(task, "task.queued", TaskText(task)));
  }
  return absl::OkStatus();
}

absl::Status TaskBook::Fail(TaskRow& task, const std::string& message) {
  RETURN_IF_ERROR(reluscape::Fail(task, now_, message));
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  return AfterFailure(task);
}

absl::Status TaskBook::AfterFailure(const TaskRow& task) {
  RETURN_IF_ERROR(Record(task, "task.failed", absl::StrCat(TaskText(task), ": ", task.message)));
  ASSIGN_OR_RETURN(std::vector<TaskRow> others, transaction_.ListTasks(task.candidate));
  for (TaskRow& other : others) {
    if (!IsBarredBy(other, task)) continue;
    const std::string reason =
        absl::StrCat(TaskText(task), " (task ", task.id.value, ") failed: ", task.message);
    RETURN_IF_ERROR(CancelTask(other, now_, reason));
    RETURN_IF_ERROR(transaction_.UpdateTask(other));
    RETURN_IF_ERROR(Record(other, "task.cancelled", TaskText(other)));
  }
  RETURN_IF_ERROR(CancelStudents(task));
  return FinishJobIfDone(task.job);
}

absl::Status TaskBook::CancelStudents(const TaskRow& task) {
  if (task.stage != Stage::kPretrain) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<CandidateId> students,
                   transaction_.ListStudents(task.candidate));
  for (const CandidateId student : students) {
    ASSIGN_OR_RETURN(std::vector<TaskRow> waiting, transaction_.ListTasks(student));
    for (TaskRow& other : waiting) {
      if (other.state != TaskState::kBlocked) continue;
      const std::string reason =
          absl::StrCat("the pretrain of its teacher, candidate ", task.candidate.value, " (task ",
                       task.id.value, "), failed: ", task.message);
      RETURN_IF_ERROR(CancelTask(other, now_, reason));
      RETURN_IF_ERROR(transaction_.UpdateTask(other));
      RETURN_IF_ERROR(Record(other, "task.cancelled", TaskText(other)));
    }
  }
  return absl::OkStatus();
}

absl::Status TaskBook::FreeStudents(const TaskRow& task) {
  if (task.stage != Stage::kPretrain) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<CandidateId> students,
                   transaction_.ListStudents(task.candidate));
  if (students.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const CandidateRow teacher, transaction_.GetCandidate(task.candidate));
  for (const CandidateId student : students) {
    // The teacher's answers hold for its own images and split alone.
    CandidateRow row;
    row.id = student;
    row.data_hash = teacher.data_hash;
    row.split_hash = teacher.split_hash;
    RETURN_IF_ERROR(transaction_.UpdateCandidate(row));
    RETURN_IF_ERROR(Settle(student));
  }
  return absl::OkStatus();
}

absl::Status TaskBook::Succeed(TaskRow& task) {
  RETURN_IF_ERROR(reluscape::Succeed(task, now_));
  RETURN_IF_ERROR(transaction_.UpdateTask(task));
  // Where it is to run again one day, it begins with all its Attempts.
  RETURN_IF_ERROR(transaction_.ForgetLostAttempts(task.id));
  RETURN_IF_ERROR(Record(task, "task.succeeded", TaskText(task)));
  RETURN_IF_ERROR(Settle(task.candidate));
  RETURN_IF_ERROR(FreeStudents(task));
  RETURN_IF_ERROR(ScoreSectionsIfMeasured(transaction_, *this, task));
  return FinishJobIfDone(task.job);
}

absl::Status TaskBook::AcceptSnapshot(const TaskRow& task, const v1::Snapshot& snapshot) {
  SnapshotRow row;
  row.candidate = task.candidate;
  row.task = task.id;
  row.attempt = task.attempt;
  row.report = snapshot;
  row.created_at = now_;
  RETURN_IF_ERROR(transaction_.InsertSnapshot(row));
  RETURN_IF_ERROR(Record(task, "snapshot",
                         absl::StrCat("budget ", snapshot.budget(), ": ", snapshot.relus(),
                                      " ReLUs in epoch ", snapshot.epoch())));
  return Settle(task.candidate);
}

absl::Status TaskBook::CancelJob(JobRow& job) {
  ASSIGN_OR_RETURN(std::vector<TaskRow> live, transaction_.ListLiveTasks(job.id));
  for (TaskRow& task : live) {
    RETURN_IF_ERROR(CancelTask(task, now_, "the job was cancelled"));
    RETURN_IF_ERROR(transaction_.UpdateTask(task));
  }
  job.state = JobState::kCancelled;
  job.finished_at = now_;
  RETURN_IF_ERROR(transaction_.UpdateJob(job));
  EventRow event;
  event.kind = "job.cancelled";
  event.job = job.id;
  event.detail = absl::StrCat(live.size(), live.size() == 1 ? " task" : " tasks", " cancelled");
  RETURN_IF_ERROR(Record(std::move(event)));
  return ArchiveEnded(job, transaction_, *this);
}

absl::Status TaskBook::FinishJobIfDone(JobId id) {
  std::map<TaskState, int64_t> counts;
  ASSIGN_OR_RETURN(counts, transaction_.CountTasks(id));
  int64_t all = 0;
  for (const auto& [state, count] : counts) {
    if (!HasEnded(state) && count > 0) return absl::OkStatus();
    all += count;
  }
  ASSIGN_OR_RETURN(JobRow job, transaction_.GetJob(id));
  if (job.state != JobState::kRunning || IsSearching(job)) return absl::OkStatus();
  const int64_t failed = counts[TaskState::kFailed];
  job.state = failed > 0 ? JobState::kFailed : JobState::kFinished;
  job.finished_at = now_;
  RETURN_IF_ERROR(transaction_.UpdateJob(job));
  EventRow event;
  event.kind = "job.finished";
  event.job = id;
  event.detail = failed > 0 ? absl::StrCat(failed, " of ", all, " tasks failed")
                            : absl::StrCat("all ", all, " tasks succeeded");
  RETURN_IF_ERROR(Record(std::move(event)));
  return ArchiveEnded(job, transaction_, *this);
}

}  // namespace reluscape
