#include "server/task_description.h"

#include "base/status_macros.h"

namespace reluscape {

absl::StatusOr<TaskDescription> DescribeTask(Transaction& transaction, const TaskRow& task) {
  ASSIGN_OR_RETURN(const JobRow job, transaction.GetJob(task.job));
  ASSIGN_OR_RETURN(const CandidateRow candidate, transaction.GetCandidate(task.candidate));
  TaskDescription d;
  d.recipe = job.recipe;
  d.task = task.id;
  d.attempt = task.attempt;
  d.job = task.job;
  d.candidate = task.candidate;
  d.stage = task.stage;
  d.network = candidate.network;
  d.data = job.data;
  d.settings = job.stages;
  d.seed = task.seed;
  d.split_seed = job.split_seed;
  d.checkpoint = task.checkpoint;
  d.pretrained = candidate.pretrained;
  d.pretrained_file = candidate.pretrained_file;
  d.data_hash = candidate.data_hash;
  d.split_hash = candidate.split_hash;
  if (task.stage == Stage::kPretrain) {
    if (candidate.role == CandidateRole::kWhole) d.budgets = candidate.budgets;
    if (!candidate.teacher) return d;
    ASSIGN_OR_RETURN(const CandidateRow teacher, transaction.GetCandidate(candidate.teacher));
    d.teacher_network = teacher.network;
    ASSIGN_OR_RETURN(const std::vector<TaskRow> lessons, transaction.ListTasks(candidate.teacher));
    for (const TaskRow& other : lessons) {
      if (other.stage == Stage::kPretrain) d.teacher = other.weights;
    }
    return d;
  }

  ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, transaction.ListTasks(task.candidate));
  for (const TaskRow& other : tasks) {
    if (other.stage == Stage::kPretrain) d.weights = other.weights;
  }
  if (task.stage == Stage::kLinearize) {
    d.budgets = candidate.budgets;
    return d;
  }
  d.budgets = {task.budget};
  ASSIGN_OR_RETURN(const std::vector<SnapshotRow> snapshots,
                   transaction.ListSnapshots(task.candidate));
  for (const SnapshotRow& snapshot : snapshots) {
    if (snapshot.report.budget == task.budget) d.snapshot = snapshot.report.artifact;
  }
  return d;
}

std::vector<ArtifactRef> InputsOf(const TaskDescription& task) {
  std::vector<ArtifactRef> inputs;
  for (const ArtifactRef& input :
       {task.weights, task.snapshot, task.checkpoint, task.teacher, task.pretrained}) {
    if (input) inputs.push_back(input);
  }
  return inputs;
}

}  // namespace reluscape
