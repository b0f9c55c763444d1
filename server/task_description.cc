#include "server/task_description.h"

#include "base/status_macros.h"
#include "search/vocabulary/recipe.h"

namespace reluscape {

absl::StatusOr<v1::TaskDescription> DescribeTask(Transaction& transaction, const TaskRow& task) {
  ASSIGN_OR_RETURN(const JobRow job, transaction.GetJob(task.job));
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction.GetCandidate(task.candidate));
  v1::TaskDescription d;
  d.set_recipe(job.recipe);
  d.set_threads(job.spec.threads());
  d.set_task(task.id.value);
  d.set_attempt(task.attempt);
  d.set_job(task.job.value);
  d.set_candidate(task.candidate.value);
  d.set_stage(StageName(task.stage));
  d.set_network(candidate.network);
  *d.mutable_data() = job.spec.data();
  *d.mutable_settings() = job.spec.stages();
  // A search may choose it per network; the Job's recipe is that of all others.
  if (d.settings().has_linearize() &&
      d.settings().linearize().replacement() != candidate.replacement) {
    d.mutable_settings()->mutable_linearize()->set_replacement(candidate.replacement);
    d.set_recipe(RecipeHash(d.settings()));
  }
  d.set_seed(static_cast<int64_t>(task.seed));
  d.set_split_seed(static_cast<int64_t>(job.split_seed));
  if (IsSet(task.checkpoint)) *d.mutable_checkpoint() = task.checkpoint;
  if (IsSet(candidate.pretrained)) *d.mutable_pretrained() = candidate.pretrained;
  d.set_pretrained_file(candidate.pretrained_file);
  d.set_data_hash(candidate.data_hash);
  d.set_split_hash(candidate.split_hash);
  if (task.stage == Stage::kPretrain) {
    if (candidate.role == CandidateRole::kWhole) SetList(d.mutable_budgets(), candidate.budgets);
    if (!candidate.teacher) return d;
    ASSIGN_OR_RETURN(const CandidateRow teacher, transaction.GetCandidate(candidate.teacher));
    d.set_teacher_network(teacher.network);
    ASSIGN_OR_RETURN(const std::vector<TaskRow> lessons, transaction.ListTasks(candidate.teacher));
    for (const TaskRow& other : lessons) {
      if (other.stage == Stage::kPretrain) *d.mutable_teacher() = other.weights;
    }
    return d;
  }

  ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction.ListTasks(task.candidate));
  for (const TaskRow& other : tasks) {
    if (other.stage == Stage::kPretrain) *d.mutable_weights() = other.weights;
  }
  if (task.stage == Stage::kLinearize) {
    SetList(d.mutable_budgets(), candidate.budgets);
    return d;
  }
  d.add_budgets(task.budget);
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots,
                   transaction.ListSnapshots(task.candidate));
  for (const SnapshotRow& snapshot : snapshots) {
    if (snapshot.report.budget() == task.budget) *d.mutable_snapshot() = snapshot.report.artifact();
  }
  return d;
}

std::vector<v1::Artifact> InputsOf(const v1::TaskDescription& task) {
  std::vector<v1::Artifact> inputs;
  for (const v1::Artifact& input :
       {task.weights(), task.snapshot(), task.checkpoint(), task.teacher(), task.pretrained()}) {
    if (IsSet(input)) inputs.push_back(input);
  }
  return inputs;
}

}  // namespace reluscape
