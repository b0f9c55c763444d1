#pragma once

// Works on all Tasks of a Job in one process: Candidate after Candidate, stage after stage. What a
// Task leaves is kept in the Job's folder, so that the next process goes on where this one stops.

#include <stop_token>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "search/artifact_folder.h"
#include "search/views.h"
#include "worker/standalone/result_costs.h"
#include "worker/standalone/results_folder.h"
#include "worker/standalone/train_folder.h"
#include "worker/standalone/train_plan.h"
#include "worker/trainer.h"

namespace reluscape {

class TrainJob {
 public:
  // The references must outlive it. `folder` was opened for `plan`; `trainer` writes to
  // `artifacts`, the folder's.
  TrainJob(const TrainPlan& plan, TrainFolder& folder, const ArtifactFolder& artifacts,
           Trainer& trainer, const Clock& clock);

  // Until every Task has ended (kFinished, or kFailed where one failed: the others went on) or
  // `stop` is requested (kRunning, as soon as the Trainer returns). The errors are those of
  // TaskRun::Run and ResultsFolder::Write.
  absl::StatusOr<JobState> Run(const std::stop_token& stop);

 private:
  // Until the Task has ended or `stop` is requested; whether to go on with the next.
  absl::StatusOr<bool> Work(const PlannedTask& task, const std::stop_token& stop);
  absl::Status WriteResults();

  const TrainPlan& plan_;
  TrainFolder& folder_;
  const ArtifactFolder& artifacts_;
  Trainer& trainer_;
  const Clock& clock_;
  ResultCosts costs_;
  ResultsFolder results_;
};

}  // namespace reluscape
