#pragma once

// How the Agent has a Task worked on, without knowing LibTorch.

#include <cstdint>
#include <optional>
#include <stop_token>

#include "search/sync.h"

namespace reluscape {

// Receives what a Task leaves as it goes. Called from the thread that runs the Task; must return
// quickly and be thread-safe against the Agent's own thread.
class TaskListener {
 public:
  virtual ~TaskListener() = default;
  // Once, when the data is loaded, before the first epoch.
  virtual void OnMeasurement(const Measurement& measurement, int64_t epochs_planned) = 0;
  virtual void OnEpoch(const EpochReport& epoch) = 0;
  // `artifact` is stored; a later Attempt resumes from it.
  virtual void OnCheckpoint(const ArtifactRef& artifact, double device_seconds) = 0;
  virtual void OnSnapshot(const SnapshotReport& snapshot) = 0;
};

// How a Task ended. A success sets either `weights` or `result`, that of a linearize neither.
struct TaskOutcome {
  bool stopped = false;                // `stop` was requested; nothing else is set
  ArtifactRef weights;                 // pretrain without a Budget
  std::optional<ResultReport> result;  // fine-tune, or pretrain with a Budget
  std::optional<Failure> failure;
  double device_seconds = 0;
  int64_t unstored_bytes = 0;  // of the file that could not be stored, where that is the failure
};

// The images that `task` needs.
inline DataRequest DataRequestOf(const TaskDescription& task) {
  DataRequest request{.data = task.data, .split_seed = task.split_seed};
  request.data.hash.clear();
  return request;
}

class Trainer {
 public:
  virtual ~Trainer() = default;
  // What WorkerInfo says of this process: device, torch_version, data_sets.
  virtual void Describe(WorkerInfo& info) const = 0;
  // Opens and hashes what a Job needs, and may keep it in memory for the Tasks that follow.
  // Whatever is wrong comes back as the state's problem; no exception leaves. Looks at `stop` every
  // few images and answers an empty problem without hashes then. Never while Run or another call of
  // it runs.
  virtual DataState OpenData(const DataRequest& request, std::stop_token stop) = 0;
  // Works on `task` until it ends or `stop` is requested (looked at after every step: returns
  // within 2 s). Every error is a Failure whose kind says whose fault it is; no exception leaves.
  // One call at a time.
  virtual TaskOutcome Run(const TaskDescription& task, TaskListener& listener,
                          std::stop_token stop) = 0;
};

}  // namespace reluscape
