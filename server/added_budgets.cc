#include "server/added_budgets.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/field_errors.h"
#include "base/status_macros.h"
#include "server/archive.h"
#include "server/task_graph.h"
#include "server/task_state.h"

namespace reluscape {
namespace {

// Whether the method goes from Budget to Budget, so that it cannot go back to a larger one.
bool Descends(v1::LinearizeSpec::Method method) {
  return method == v1::LinearizeSpec::SNL || method == v1::LinearizeSpec::AUTOREP ||
         method == v1::LinearizeSpec::SENET;
}

// What one Candidate gets.
struct Addition {
  CandidateRow candidate;
  TaskRow linearize;
  std::vector<int64_t> budgets;  // largest first
};

std::vector<int64_t> Without(const std::vector<int64_t>& all, const std::vector<int64_t>& known) {
  std::vector<int64_t> rest;
  std::copy_if(all.begin(), all.end(), std::back_inserter(rest), [&](int64_t budget) {
    return std::find(known.begin(), known.end(), budget) == known.end();
  });
  return rest;
}

std::string Named(const CandidateRow& candidate) {
  return absl::StrCat(candidate.name, " (candidate ", candidate.id.value, ")");
}

void CheckBelow(const Addition& addition, v1::LinearizeSpec::Method method, FieldErrors& errors) {
  const std::vector<int64_t>& known = addition.candidate.budgets;
  if (!Descends(method) || known.empty()) return;
  const int64_t smallest = *std::min_element(known.begin(), known.end());
  for (const int64_t budget : addition.budgets) {
    if (budget < smallest) continue;
    errors.Add("budgets", absl::StrCat(budget, " for ", Named(addition.candidate)),
               absl::StrCat("1 to ", smallest - 1, ": its descent has passed its smallest budget, ",
                            smallest, ", and does not go back to larger counts"));
  }
}

// What `candidate` is to get; no Budgets where it has them all or is left out, with a note then.
absl::StatusOr<Addition> AdditionFor(CandidateRow candidate, const std::vector<int64_t>& planned,
                                     Transaction& transaction, std::vector<std::string>& notes) {
  Addition addition;
  addition.budgets = Without(planned, candidate.budgets);
  addition.candidate = std::move(candidate);
  if (addition.budgets.empty()) return addition;
  ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction.ListTasks(addition.candidate.id));
  for (const TaskRow& task : tasks) {
    if (task.stage == Stage::kLinearize) addition.linearize = task;
  }
  const TaskRow& linearize = addition.linearize;
  if (!HasEnded(linearize.state)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the linearize of ", Named(addition.candidate), " (task ", linearize.id.value, ") is ",
        TaskStateName(linearize.state), " and has its budgets; add more once it has ended"));
  }
  if (linearize.state != TaskState::kSucceeded) {
    notes.push_back(
        absl::StrCat(Named(addition.candidate), " gets none: its linearize (task ",
                     linearize.id.value, ") is ", TaskStateName(linearize.state),
                     ": `reluscape retry` it and add them when it has ended, or submit another "
                     "job."));
    addition.budgets.clear();
  }
  return addition;
}

absl::Status Apply(Addition addition, uint64_t job_seed, Transaction& transaction, TaskBook& book) {
  CandidateRow& candidate = addition.candidate;
  RETURN_IF_ERROR(transaction.InsertBudgets(candidate.id, addition.budgets));
  candidate.budgets = addition.budgets;
  // Those of a new Candidate with these Budgets alone, but for the two that are there.
  for (TaskRow& task : PlanTasks(candidate, job_seed)) {
    if (task.stage != Stage::kFineTune) continue;
    RETURN_IF_ERROR(transaction.InsertTask(task).status());
  }
  RETURN_IF_ERROR(
      book.RunAgain(addition.linearize,
                    absl::StrCat("budgets ", absl::StrJoin(addition.budgets, ", "), " added")));
  return book.Settle(candidate.id);
}

}  // namespace

absl::StatusOr<AddedBudgets> AddBudgets(const JobPlan& plan, JobRow job, Transaction& transaction,
                                        TaskBook& book) {
  if (job.state == JobState::kCancelled) {
    return absl::FailedPreconditionError(
        absl::StrCat("job ", job.id.value, " was cancelled; submit another with these budgets"));
  }
  RETURN_IF_ERROR(CheckGoesOn(job));
  std::map<std::pair<std::string, int64_t>, const CandidateRow*> planned;
  for (const CandidateRow& one : plan.candidates) planned[{one.network_hash, one.replicate}] = &one;
  AddedBudgets outcome;
  std::vector<Addition> additions;
  FieldErrors errors;
  ASSIGN_OR_RETURN(const std::vector<CandidateId> ids, transaction.ListCandidates(job.id));
  for (const CandidateId id : ids) {
    ASSIGN_OR_RETURN(CandidateRow candidate, transaction.GetCandidate(id));
    if (candidate.role != CandidateRole::kSearch) continue;
    const auto found = planned.find({candidate.network_hash, candidate.replicate});
    if (found == planned.end()) {
      return absl::FailedPreconditionError(absl::StrCat("this version makes other networks of job ",
                                                        job.id.value, ": ", Named(candidate),
                                                        " is none of them; submit another job"));
    }
    ASSIGN_OR_RETURN(Addition addition, AdditionFor(std::move(candidate), found->second->budgets,
                                                    transaction, outcome.notes));
    if (addition.budgets.empty()) continue;
    CheckBelow(addition, job.spec.stages().linearize().method(), errors);
    outcome.added += static_cast<int64_t>(addition.budgets.size());
    additions.push_back(std::move(addition));
  }
  if (!errors.empty()) return errors.ToStatus();
  if (additions.empty()) return outcome;
  for (Addition& addition : additions) {
    RETURN_IF_ERROR(
        Apply(std::move(addition), static_cast<uint64_t>(job.spec.seed()), transaction, book));
  }
  job.spec = plan.job.spec;
  job.state = JobState::kRunning;
  job.finished_at.reset();
  RETURN_IF_ERROR(transaction.UpdateJob(job));
  EventRow event;
  event.kind = "job.budgets_added";
  event.job = job.id;
  event.detail = absl::StrCat(outcome.added, outcome.added == 1 ? " budget" : " budgets");
  RETURN_IF_ERROR(book.Record(std::move(event)));
  return outcome;
}

}  // namespace reluscape
