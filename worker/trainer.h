#pragma once

// How the Agent has a Task worked on, without knowing LibTorch.

#include <cstdint>
#include <optional>
#include <stop_token>

#include "search/vocabulary/synchronize.h"

namespace reluscape {

// Receives what a Task leaves as it goes. Called from the thread that runs the Task; must return
// quickly and be thread-safe against the Agent's own thread.
class TaskListener {
 public:
  virtual ~TaskListener() = default;
  // Once, when the data is loaded, before the first epoch.
  virtual void OnProvenance(const v1::Provenance& provenance, int64_t epochs_planned) = 0;
  virtual void OnEpoch(const v1::Epoch& epoch) = 0;
  // `artifact` is stored; a later Attempt resumes from it.
  virtual void OnCheckpoint(const v1::Artifact& artifact, double device_seconds) = 0;
  virtual void OnSnapshot(const v1::Snapshot& snapshot) = 0;
};

// How a Task ended. A success sets either `weights` or `result`, that of a linearize neither.
struct TaskOutcome {
  bool stopped = false;                    // `stop` was requested; nothing else is set
  v1::Artifact weights;                    // pretrain without a Budget
  std::optional<v1::ResultReport> result;  // fine-tune, or pretrain with a Budget
  double accuracy_test = 0;                // with a result: of the test images, evaluated once
  std::optional<v1::Failure> failure;
  double device_seconds = 0;
  int64_t unstored_bytes = 0;  // of the file that could not be stored, where that is the failure
};

class Trainer {
 public:
  virtual ~Trainer() = default;
  // What WorkerInfo says of this process: device, fast_precisions, torch_version, data_sets.
  virtual void Describe(v1::WorkerInfo& info) const = 0;
  // Opens and hashes what a Job needs, and may keep it in memory for the Tasks that follow.
  // Whatever is wrong comes back as the state's problem; no exception leaves. Looks at `stop` every
  // few images and answers an empty problem without hashes then. Never while Run or another call of
  // it runs.
  virtual v1::DataState OpenData(const v1::DataRequest& request, std::stop_token stop) = 0;
  // Works on `task` until it ends or `stop` is requested (looked at after every step: returns
  // within 2 s). Every error is a Failure whose kind says whose fault it is; no exception
  // leaves. One call at a time.
  virtual TaskOutcome Run(const v1::TaskDescription& task, TaskListener& listener,
                          std::stop_token stop) = 0;
};

}  // namespace reluscape
