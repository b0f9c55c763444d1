#pragma once

// The folder of a Job without a coordinator:
//   job.json       the job file with every default filled in
//   results.json   train.proto's TrainResults; rewritten at every end of a Task
//   epochs.csv     learning curves
//   results/       one folder per Result, see results_folder.h
//   artifacts/     what Tasks leave, see search/artifact_folder.h
//   state.pb       train.proto's TrainState: what a restart goes on from
//   lock           held while a process works here
// The state is written before anything that follows from it, so a process may be killed at any
// moment: the others are made anew of the state. Not thread-safe.

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_lock.h"
#include "worker/standalone/learning_curves.h"
#include "worker/standalone/train_plan.h"
#include "worker/standalone/train_state.h"

namespace reluscape {

// With what a Job is to be worked on.
struct TrainSettings {
  std::string device;   // as the Trainer names it
  int64_t threads = 0;  // CPU threads that were asked for; 0 = LibTorch's choice
  std::string torch_version;
  std::string build_commit;
};

class TrainFolder {
 public:
  // Creates `path` or goes on where the last process stopped; writes job.json. A job whose only
  // difference are more Budgets is taken too: a linearize that has begun goes on for them, which
  // needs each to be below its smallest one (methods that descend) and `plan` gets the numbers that
  // Tasks and Results have there. Tasks that failed
  // over their input or for reasons that may have passed are to be tried again; DIVERGED and
  // INFEASIBLE ones stay, for they would come to the same. Artifacts that the state does not name
  // are removed: a kill may have come between them and the state.
  //
  // FAILED_PRECONDITION: another process works in it; it holds something else; or it was begun with
  // another job or other settings, one line per difference. DATA_LOSS: a file of it is broken.
  static absl::StatusOr<std::unique_ptr<TrainFolder>> Open(const std::filesystem::path& path,
                                                           TrainPlan& plan,
                                                           const TrainSettings& settings,
                                                           const Clock& clock);
  TrainFolder(const TrainFolder&) = delete;
  TrainFolder& operator=(const TrainFolder&) = delete;

  // Writes the state; what the learning curves have is on the disk before it.
  absl::Status Save();

  const std::filesystem::path& path() const { return path_; }
  TrainState& state() { return state_; }
  const TrainState& state() const { return state_; }
  LearningCurves& curves() { return curves_; }
  // Whether another process had begun the Job.
  bool resumed() const { return resumed_; }

 private:
  TrainFolder(std::filesystem::path path, std::unique_ptr<FileLock> lock, TrainState state,
              LearningCurves curves, bool resumed);

  const std::filesystem::path path_;
  const std::unique_ptr<FileLock> lock_;
  TrainState state_;
  LearningCurves curves_;
  const bool resumed_;
};

}  // namespace reluscape
