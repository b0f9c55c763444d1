#include "server/data_choice.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/foreign_text.h"
#include "base/status_macros.h"
#include "server/archive.h"

namespace reluscape {
namespace {

constexpr size_t kFewestDigits = 8;

// The one copy that is meant.
absl::StatusOr<std::string> FindCopy(JobId job, const std::string& start,
                                     Transaction& transaction) {
  ASSIGN_OR_RETURN(const std::vector<v1::DataCopy> copies, transaction.ListDataCopies(job));
  std::vector<std::string> all;
  std::vector<std::string> meant;
  for (const v1::DataCopy& copy : copies) {
    all.push_back(copy.data_hash());
    if (start.size() >= kFewestDigits && copy.data_hash().starts_with(start)) {
      meant.push_back(copy.data_hash());
    }
  }
  if (meant.size() == 1) return meant[0];
  return absl::InvalidArgumentError(
      absl::StrCat("data_hash: found \"", CutUtf8(start, 100), "\"; allowed: ", kFewestDigits,
                   " digits or more of one of the copies of job ", job.value, ": ",
                   all.empty() ? "none is known yet" : absl::StrJoin(all, ", ")));
}

// Whether a Task of the Candidate ran, or runs, on other images than those of `data_hash`.
absl::StatusOr<bool> RanOnAnother(const CandidateRow& candidate, const std::vector<TaskRow>& tasks,
                                  const std::string& data_hash, Transaction& transaction) {
  if (!candidate.data_hash.empty()) return candidate.data_hash != data_hash;
  for (const TaskRow& task : tasks) {
    const absl::StatusOr<v1::Provenance> measured =
        transaction.GetProvenance(task.id, task.attempt);
    if (absl::IsNotFound(measured.status())) continue;
    if (!measured.ok()) return measured.status();
    if (measured->data_hash() != data_hash) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<int64_t> ChooseData(JobId id, const std::string& data_hash, Transaction& transaction,
                                   TaskBook& book) {
  ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
  if (job.state == JobState::kCancelled) {
    return absl::FailedPreconditionError(absl::StrCat("job ", id.value, " was cancelled"));
  }
  RETURN_IF_ERROR(CheckGoesOn(job));
  if (!job.spec.data().hash().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id.value, " states the data hash ", job.spec.data().hash(),
                     " in its file and goes by that; submit another job for another copy"));
  }
  ASSIGN_OR_RETURN(const std::string chosen, FindCopy(id, data_hash, transaction));
  if (chosen == job.chosen_data_hash) return 0;
  job.chosen_data_hash = chosen;

  std::vector<CandidateId> anew;
  ASSIGN_OR_RETURN(const std::vector<CandidateId> candidates, transaction.ListCandidates(id));
  for (const CandidateId candidate : candidates) {
    ASSIGN_OR_RETURN(const CandidateRow row, transaction.GetCandidate(candidate));
    ASSIGN_OR_RETURN(std::vector<TaskRow> tasks, transaction.ListTasks(candidate));
    ASSIGN_OR_RETURN(const bool other, RanOnAnother(row, tasks, chosen, transaction));
    if (!other) continue;
    anew.push_back(candidate);
    RETURN_IF_ERROR(transaction.ForgetFindings(candidate));
    for (TaskRow& task : tasks) {
      task.checkpoint = {};
      task.checkpoint_epochs = 0;
      task.weights = {};
      task.device_seconds = 0;
      if (task.state == TaskState::kBlocked) {
        RETURN_IF_ERROR(transaction.UpdateTask(task));
      } else {
        RETURN_IF_ERROR(book.RunAgain(task, "its data set was another copy"));
      }
    }
  }
  if (!anew.empty()) {
    job.state = JobState::kRunning;
    job.finished_at.reset();
  }
  RETURN_IF_ERROR(transaction.UpdateJob(job));
  for (const CandidateId candidate : anew) RETURN_IF_ERROR(book.Settle(candidate));
  // What has not said yet on which copy it runs may run on another one.
  for (const CandidateId candidate : candidates) {
    ASSIGN_OR_RETURN(std::vector<TaskRow> tasks, transaction.ListTasks(candidate));
    for (TaskRow& task : tasks) {
      if (task.state != TaskState::kLeased) continue;
      ASSIGN_OR_RETURN(const std::string obstacle, transaction.ObstacleOf(task.worker, id));
      if (!obstacle.empty()) RETURN_IF_ERROR(book.HandBack(task, obstacle));
    }
  }
  EventRow event;
  event.kind = "job.data_chosen";
  event.job = id;
  event.detail = absl::StrCat(chosen, "; ", anew.size(), " candidates begin anew");
  RETURN_IF_ERROR(book.Record(std::move(event)));
  return static_cast<int64_t>(anew.size());
}

}  // namespace reluscape
