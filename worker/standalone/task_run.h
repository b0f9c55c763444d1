#pragma once

// One Attempt of one Task: has a Trainer work on it and keeps what it leaves.

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "search/artifact_folder.h"
#include "worker/standalone/train_folder.h"
#include "worker/standalone/train_plan.h"
#include "worker/trainer.h"

namespace reluscape {

enum class AttemptEnd {
  kEnded,    // the Task has succeeded or failed
  kStopped,  // a stop was requested; a later Attempt goes on from the checkpoint
  kLost,     // an error that may pass; likewise
};

// Everything that the Trainer tells is called from the thread that runs the Task, which is the one
// that calls Run. Used once.
class TaskRun final : public TaskListener {
 public:
  // The references must outlive it. `task` has all that it starts from.
  TaskRun(const TrainPlan& plan, const PlannedTask& task, TrainFolder& folder,
          const ArtifactFolder& artifacts, const Clock& clock);
  TaskRun(const TaskRun&) = delete;
  TaskRun& operator=(const TaskRun&) = delete;

  // The state is saved at the beginning, whenever the Trainer leaves something, and at the end.
  // FAILED_PRECONDITION: data or threads are not those that the folder was begun with, or the Task
  // fails over the data set or a file of the folder and can go on when that is mended; other errors
  // are of the folder. The Task has not ended then, and has lost no Attempt.
  absl::StatusOr<AttemptEnd> Run(Trainer& trainer, const std::stop_token& stop);

  void OnMeasurement(const Measurement& measurement, int64_t epochs_planned) override;
  void OnEpoch(const EpochReport& epoch) override;
  void OnCheckpoint(const ArtifactRef& artifact, double device_seconds) override;
  void OnSnapshot(const SnapshotReport& snapshot) override;

 private:
  absl::Status Begin();
  TaskDescription Describe() const;
  // Keeps the first error and asks the Trainer to stop over it.
  void Note(const absl::Status& status);
  absl::Status CheckMeasurement(const Measurement& measurement) const;
  // Whether `check` is OK; else the Task is to fail with it.
  bool Believe(const absl::Status& check, int64_t epoch);
  absl::Status CheckEnd(const TaskReport& ended) const;
  absl::StatusOr<AttemptEnd> Take(const TaskOutcome& outcome);
  absl::StatusOr<AttemptEnd> Fail(const Failure& failure);
  absl::StatusOr<AttemptEnd> Lose(const std::string& reason);
  // With the error that the failure is here, where no other Worker could go on.
  absl::Status BreakOff(const Failure& failure);

  const TrainPlan& plan_;
  const PlannedTask& task_;
  const PlannedCandidate& candidate_;
  TrainFolder& folder_;
  const ArtifactFolder& artifacts_;
  const Clock& clock_;
  TaskProgress& progress_;
  const std::string text_;  // what it is called in messages
  std::stop_source stop_;
  absl::Status error_;
  std::optional<Failure> failure_;  // that the Trainer did not see
};

}  // namespace reluscape
