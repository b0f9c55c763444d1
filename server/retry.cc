#include "server/retry.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/vocabulary/check.h"
#include "server/archive.h"

namespace reluscape {
namespace {

std::string ScopeText(const RetryScope& scope) {
  if (const auto* job = std::get_if<JobId>(&scope)) return absl::StrCat("job ", job->value);
  if (const auto* candidate = std::get_if<CandidateId>(&scope)) {
    return absl::StrCat("candidate ", candidate->value);
  }
  return absl::StrCat("task ", std::get<TaskId>(scope).value);
}

// The Tasks of `scope` that have failed.
absl::StatusOr<std::vector<TaskRow>> FailedTasks(const RetryScope& scope, JobId job,
                                                 Transaction& transaction) {
  std::vector<CandidateId> candidates;
  if (const auto* candidate = std::get_if<CandidateId>(&scope)) {
    candidates.push_back(*candidate);
  } else if (const auto* task = std::get_if<TaskId>(&scope)) {
    ASSIGN_OR_RETURN(const TaskRow row, transaction.GetTask(*task));
    candidates.push_back(row.candidate);
  } else {
    ASSIGN_OR_RETURN(candidates, transaction.ListCandidates(job));
  }
  std::vector<TaskRow> failed;
  for (const CandidateId candidate : candidates) {
    ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction.ListTasks(candidate));
    for (const TaskRow& task : tasks) {
      const auto* one = std::get_if<TaskId>(&scope);
      if (task.state == TaskState::kFailed && (one == nullptr || *one == task.id)) {
        failed.push_back(task);
      }
    }
  }
  return failed;
}

// What has failed of that which `task` needs: its own pretrain, its teacher's, and the linearize of
// a fine-tune without a Snapshot.
absl::StatusOr<std::vector<TaskRow>> FailedNeeds(const TaskRow& task, Transaction& transaction) {
  std::vector<TaskRow> needs;
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction.GetCandidate(task.candidate));
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots,
                   transaction.ListSnapshots(task.candidate));
  const bool has_snapshot =
      std::any_of(snapshots.begin(), snapshots.end(),
                  [&](const SnapshotRow& one) { return one.report.budget() == task.budget; });
  std::vector<CandidateId> owners = {task.candidate};
  if (candidate.teacher) owners.push_back(candidate.teacher);
  for (const CandidateId owner : owners) {
    ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction.ListTasks(owner));
    for (const TaskRow& other : tasks) {
      if (other.state != TaskState::kFailed || other.id == task.id) continue;
      const bool descent = other.stage == Stage::kLinearize && owner == task.candidate &&
                           task.stage == Stage::kFineTune && !has_snapshot;
      if (other.stage == Stage::kPretrain || descent) needs.push_back(other);
    }
  }
  return needs;
}

// What was cancelled because `failed` did, of its own Candidate and of those that learn from it.
// No other cause cancels Tasks of a Job that is not cancelled itself.
absl::StatusOr<std::vector<TaskRow>> CancelledBy(const TaskRow& failed, Transaction& transaction) {
  std::vector<TaskRow> cancelled;
  if (failed.stage == Stage::kFineTune) return cancelled;
  std::vector<CandidateId> candidates = {failed.candidate};
  if (failed.stage == Stage::kPretrain) {
    ASSIGN_OR_RETURN(const std::vector<CandidateId> students,
                     transaction.ListStudents(failed.candidate));
    candidates.insert(candidates.end(), students.begin(), students.end());
  }
  for (const CandidateId candidate : candidates) {
    ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction.ListTasks(candidate));
    std::copy_if(tasks.begin(), tasks.end(), std::back_inserter(cancelled),
                 [](const TaskRow& task) { return task.state == TaskState::kCancelled; });
  }
  return cancelled;
}

absl::Status RaiseCap(int64_t max_epochs, JobRow& job) {
  v1::LinearizeSpec& linearize = *job.spec.mutable_stages()->mutable_linearize();
  if (max_epochs < linearize.max_epochs()) {
    return absl::InvalidArgumentError(absl::StrCat("max_epochs: found ", max_epochs,
                                                   "; allowed: at least the job's own, ",
                                                   linearize.max_epochs()));
  }
  linearize.set_max_epochs(max_epochs);
  FieldErrors errors;
  CheckMessage(job.spec.stages(), "stages", errors);
  return errors.ToStatus();
}

}  // namespace

absl::StatusOr<JobId> JobOf(const RetryScope& scope, Transaction& transaction) {
  if (const auto* candidate = std::get_if<CandidateId>(&scope)) {
    ASSIGN_OR_RETURN(const CandidateRow row, transaction.GetCandidate(*candidate));
    return row.job;
  }
  if (const auto* task = std::get_if<TaskId>(&scope)) {
    ASSIGN_OR_RETURN(const TaskRow row, transaction.GetTask(*task));
    return row.job;
  }
  ASSIGN_OR_RETURN(const JobRow row, transaction.GetJob(std::get<JobId>(scope)));
  return row.id;
}

absl::StatusOr<int64_t> RetryTasks(const RetryScope& scope, std::optional<int64_t> max_epochs,
                                   Transaction& transaction, TaskBook& book) {
  ASSIGN_OR_RETURN(const JobId id, JobOf(scope, transaction));
  ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
  if (job.state == JobState::kCancelled) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id.value, " was cancelled; submit it again to run it"));
  }
  RETURN_IF_ERROR(CheckGoesOn(job));
  if (max_epochs.has_value()) RETURN_IF_ERROR(RaiseCap(*max_epochs, job));
  ASSIGN_OR_RETURN(std::vector<TaskRow> failed, FailedTasks(scope, id, transaction));
  if (failed.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("nothing of ", ScopeText(scope), " has failed: there is nothing to retry"));
  }
  job.state = JobState::kRunning;
  job.finished_at.reset();
  RETURN_IF_ERROR(transaction.UpdateJob(job));

  // And what has failed of that which they need.
  for (size_t i = 0; i < failed.size(); ++i) {
    ASSIGN_OR_RETURN(const std::vector<TaskRow> needs, FailedNeeds(failed[i], transaction));
    for (const TaskRow& need : needs) {
      const bool known = std::any_of(failed.begin(), failed.end(),
                                     [&](const TaskRow& one) { return one.id == need.id; });
      if (!known) failed.push_back(need);
    }
  }
  int64_t count = 0;
  std::set<CandidateId> candidates;
  std::set<TaskId> retried;
  for (const TaskRow& one : failed) {
    ASSIGN_OR_RETURN(std::vector<TaskRow> again, CancelledBy(one, transaction));
    again.insert(again.begin(), one);
    for (TaskRow& task : again) {
      if (!retried.insert(task.id).second) continue;
      RETURN_IF_ERROR(book.RunAgain(task, "retried"));
      candidates.insert(task.candidate);
      ++count;
    }
  }
  for (const CandidateId candidate : candidates) RETURN_IF_ERROR(book.Settle(candidate));
  EventRow event;
  event.kind = "job.retried";
  event.job = id;
  event.detail = absl::StrCat(count, count == 1 ? " task" : " tasks", " of ", ScopeText(scope));
  RETURN_IF_ERROR(book.Record(std::move(event)));
  return count;
}

}  // namespace reluscape
