#include "server/task_graph.h"

#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace reluscape {
namespace {

TaskRow PlanTask(const CandidateRow& candidate, uint64_t job_seed, Stage stage, int64_t budget) {
  TaskRow task;
  task.job = candidate.job;
  task.candidate = candidate.id;
  task.stage = stage;
  task.budget = budget;
  // By network and replicate, not by position: adding a network to a Job changes no other's seed.
  // All Budgets share the fine-tune's seed: what differs between them is the Budget.
  task.seed = DeriveSeed(job_seed, absl::StrCat(StageName(stage), "/", candidate.network_hash),
                         static_cast<uint64_t>(candidate.replicate));
  task.state = stage == Stage::kPretrain ? TaskState::kQueued : TaskState::kBlocked;
  return task;
}

}  // namespace

std::vector<TaskRow> PlanTasks(const CandidateRow& candidate, uint64_t job_seed) {
  std::vector<TaskRow> tasks = {PlanTask(candidate, job_seed, Stage::kPretrain, 0),
                                PlanTask(candidate, job_seed, Stage::kLinearize, 0)};
  for (const int64_t budget : candidate.budgets) {
    tasks.push_back(PlanTask(candidate, job_seed, Stage::kFineTune, budget));
  }
  return tasks;
}

bool IsFreedBy(const TaskRow& task, const TaskRow& ended) {
  return task.state == TaskState::kBlocked && task.candidate == ended.candidate &&
         ended.stage == Stage::kPretrain && task.stage == Stage::kLinearize;
}

bool IsFreedBySnapshot(const TaskRow& task, int64_t budget) {
  return task.state == TaskState::kBlocked && task.stage == Stage::kFineTune &&
         task.budget == budget;
}

}  // namespace reluscape
