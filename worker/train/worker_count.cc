#include "worker/train/worker_count.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/machine.h"
#include "search/vocabulary/stage.h"
#include "search/vocabulary/states.h"
#include "server/task_state.h"

namespace reluscape {

int64_t TasksBeside(const v1::JobDetail& job) {
  int64_t tasks = 0;
  for (const v1::Candidate& candidate : job.candidates()) {
    int64_t others = 0;
    int64_t fine_tunes = 0;
    for (const v1::Task& task : candidate.tasks()) {
      if (HasEnded(*ParseTaskState(task.state()))) continue;
      ++(task.stage() == StageName(Stage::kFineTune) ? fine_tunes : others);
    }
    tasks += std::max(fine_tunes, std::min<int64_t>(others, 1));
  }
  return tasks;
}

absl::StatusOr<int64_t> CountWorkers(const v1::JobDetail& job, int64_t cores, int64_t asked) {
  if (cores == 0) {
    if (asked <= 1) return 1;
    return absl::InvalidArgumentError(
        absl::StrCat("--workers: found ", asked,
                     "; allowed on a GPU: 1. `reluscape up` starts one worker per GPU"));
  }
  if (asked > 0) return asked;
  return std::clamp<int64_t>(TasksBeside(job), 1, WorkersThatFit(cores));
}

}  // namespace reluscape
