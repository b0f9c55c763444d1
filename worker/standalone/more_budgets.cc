#include "worker/standalone/more_budgets.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

// The plan of the Job that `state` stands for, with its numbers.
absl::StatusOr<TrainPlan> PlanOf(const TrainState& state) {
  std::vector<std::string> jobs = state.earlier_jobs;
  jobs.push_back(state.job_json);
  absl::StatusOr<TrainPlan> plan;
  for (size_t i = 0; i < jobs.size(); ++i) {
    absl::StatusOr<TrainPlan> next = PlanTraining(jobs[i]);
    if (!next.ok()) {
      return absl::DataLossError(
          absl::StrCat("the folder's job file is not valid for this version: ",
                       std::string(next.status().message())));
    }
    if (i > 0) KeepNumbers(*plan, *next);
    plan = std::move(next);
  }
  return plan;
}

bool DiffersInBudgetsAlone(const TrainPlan& known, const TrainPlan& plan) {
  JobSpec same = plan.spec;
  same.budgets = known.spec.budgets;
  return same == known.spec && !(plan.spec.budgets == known.spec.budgets) &&
         plan.candidates.size() == known.candidates.size();
}

bool HasAll(const std::vector<int64_t>& budgets, const std::vector<int64_t>& some) {
  return std::all_of(some.begin(), some.end(), [&](int64_t budget) {
    return std::find(budgets.begin(), budgets.end(), budget) != budgets.end();
  });
}

bool Descends(LinearizeMethod method) {
  return method == LinearizeMethod::kSnl || method == LinearizeMethod::kAutorep ||
         method == LinearizeMethod::kSenet;
}

// Has the linearize of `known`, which may have begun, go on for the Budgets of `candidate`.
absl::Status Reopen(const TrainPlan& plan, const PlannedCandidate& candidate,
                    const PlannedCandidate& known, TrainState& state) {
  if (candidate.role != CandidateRole::kSearch || HasAll(known.budgets, candidate.budgets)) {
    return absl::OkStatus();
  }
  const auto begun = state.tasks.find(plan.tasks[candidate.tasks[1]].id);
  if (begun == state.tasks.end()) return absl::OkStatus();
  const int64_t smallest = known.budgets.back();
  for (const int64_t budget : candidate.budgets) {
    if (!Descends(plan.spec.stages.linearize.method) || budget < smallest ||
        HasAll(known.budgets, {budget})) {
      continue;
    }
    return absl::FailedPreconditionError(absl::StrCat(
        "budgets: found ", budget, " for ", candidate.name, "; allowed beside its budgets: 1 to ",
        smallest - 1, ", since its descent has begun and does not go back to larger counts; name ",
        "another folder with --out"));
  }
  TaskProgress& linearize = begun->second;
  if (linearize.succeeded()) {
    linearize.report.state = ReportState::kRunning;
    linearize.ended_at.reset();
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status TakeMoreBudgets(TrainPlan& plan, TrainState& state) {
  const absl::StatusOr<TrainPlan> found = PlanOf(state);
  // Without earlier jobs the numbers are those that the plan has.
  if (!found.ok()) return state.earlier_jobs.empty() ? absl::OkStatus() : found.status();
  const TrainPlan& known = *found;
  KeepNumbers(known, plan);
  if (known.Digest() != state.plan_sha256 || !DiffersInBudgetsAlone(known, plan)) {
    return absl::OkStatus();
  }
  for (size_t i = 0; i < plan.candidates.size(); ++i) {
    // Not the same networks, or a Budget less: another Job.
    if (plan.candidates[i].network_hash != known.candidates[i].network_hash ||
        !HasAll(plan.candidates[i].budgets, known.candidates[i].budgets)) {
      return absl::OkStatus();
    }
  }
  TrainState next = state;
  for (size_t i = 0; i < plan.candidates.size(); ++i) {
    RETURN_IF_ERROR(Reopen(plan, plan.candidates[i], known.candidates[i], next));
  }
  next.earlier_jobs.push_back(next.job_json);
  next.job_json = plan.job_json;
  next.plan_sha256 = plan.Digest();
  state = std::move(next);
  return absl::OkStatus();
}

}  // namespace reluscape
