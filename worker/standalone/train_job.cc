#include "worker/standalone/train_job.h"

#include "base/fault_point.h"
#include "base/status_macros.h"
#include "worker/standalone/documents.h"
#include "worker/standalone/task_run.h"

namespace reluscape {

TrainJob::TrainJob(const TrainPlan& plan, TrainFolder& folder, const ArtifactFolder& artifacts,
                   Trainer& trainer, const Clock& clock)
    : plan_(plan),
      folder_(folder),
      artifacts_(artifacts),
      trainer_(trainer),
      clock_(clock),
      costs_(plan),
      results_(folder.path(), artifacts) {}

absl::StatusOr<JobState> TrainJob::Run(const std::stop_token& stop) {
  RETURN_IF_ERROR(WriteResults());
  for (const PlannedTask& task : plan_.tasks) {
    if (stop.stop_requested()) break;
    const TaskProgress* progress = folder_.state().Find(task.id);
    if (progress != nullptr && (progress->succeeded() || progress->failed())) continue;
    if (FailedBefore(plan_, folder_.state(), task)) continue;
    ASSIGN_OR_RETURN(const bool goes_on, Work(task, stop));
    RETURN_IF_ERROR(WriteResults());
    if (!goes_on) break;
  }
  return StateOf(plan_, folder_.state());
}

absl::StatusOr<bool> TrainJob::Work(const PlannedTask& task, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    TaskRun run(plan_, task, folder_, artifacts_, clock_);
    ASSIGN_OR_RETURN(const AttemptEnd end, run.Run(trainer_, stop));
    switch (end) {
      case AttemptEnd::kEnded:
        return true;
      case AttemptEnd::kStopped:
        return false;
      case AttemptEnd::kLost:
        break;
    }
  }
  return false;
}

absl::Status TrainJob::WriteResults() {
  FaultPoint("train.before_results");
  return results_.Write(ResultsDocument(plan_, folder_.state(), costs_));
}

}  // namespace reluscape
