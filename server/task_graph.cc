#include "server/task_graph.h"

#include "search/strategy/seeds.h"

namespace reluscape {
namespace {

TaskRow PlanTask(const CandidateRow& candidate, uint64_t job_seed, Stage stage, int64_t budget) {
  TaskRow task;
  task.job = candidate.job;
  task.candidate = candidate.id;
  task.stage = stage;
  task.budget = budget;
  task.seed = TaskSeed(job_seed, stage, candidate.network_hash, candidate.replicate);
  task.state =
      stage == Stage::kPretrain && !candidate.teacher ? TaskState::kQueued : TaskState::kBlocked;
  return task;
}

}  // namespace

std::vector<TaskRow> PlanTasks(const CandidateRow& candidate, uint64_t job_seed) {
  std::vector<TaskRow> tasks = {PlanTask(candidate, job_seed, Stage::kPretrain, 0)};
  if (candidate.role != CandidateRole::kSearch) return tasks;
  tasks.push_back(PlanTask(candidate, job_seed, Stage::kLinearize, 0));
  for (const int64_t budget : candidate.budgets) {
    tasks.push_back(PlanTask(candidate, job_seed, Stage::kFineTune, budget));
  }
  return tasks;
}

bool IsReady(const TaskRow& task, const Inputs& inputs) {
  switch (task.stage) {
    case Stage::kPretrain:
      return inputs.teacher;
    case Stage::kLinearize:
      return inputs.pretrained;
    case Stage::kFineTune:
      return inputs.pretrained && inputs.budgets.contains(task.budget);
  }
  return false;
}

bool IsBarredBy(const TaskRow& task, const TaskRow& failed) {
  // A Snapshot that arrived has freed its own fine-tune: it is BLOCKED no more.
  if (task.state != TaskState::kBlocked || task.candidate != failed.candidate) return false;
  switch (failed.stage) {
    case Stage::kPretrain:
      return task.stage != Stage::kPretrain;
    case Stage::kLinearize:
      return task.stage == Stage::kFineTune;
    case Stage::kFineTune:
      return false;
  }
  return false;
}

}  // namespace reluscape
