#pragma once

// What the three stages have in common: where they find things, how an epoch is walked through and
// how they resume.

#include <ATen/ATen.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "search/network/network.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/data/data_set.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/batches.h"
#include "worker/torch/logit_cache.h"
#include "worker/torch/step_graph.h"
#include "worker/torch/teacher.h"
#include "worker/trainer.h"

namespace reluscape {

// Borrows everything for the length of one Trainer::Run. A stage returns CANCELLED when stopped,
// and an error status where something cannot be used: it carries whose fault that is
// (worker/task_error.h), else another Attempt may cure it. Other ends are in the TaskOutcome.
struct StageContext {
  const v1::TaskDescription& task;
  const Network& network;
  const DataSet& data;
  at::Device device;
  const ArtifactFolder& artifacts;
  TaskListener& listener;
  std::stop_token stop;
  Milliseconds checkpoint_interval;
  // Of the Task's teacher; null where the recipe has none.
  LogitCache* teacher_cache = nullptr;
  // Whether steps are recorded where the device can do so.
  bool cuda_graphs = true;

  // The Task's network at the recipe's precision, as new (worker/torch/graph_network.h).
  GraphNetwork MakeNetwork(
      MaskMode mask_mode, v1::LinearizeSpec::MaskShape mask_shape = v1::LinearizeSpec::PIXEL,
      v1::LinearizeSpec::Replacement replacement = v1::LinearizeSpec::IDENTITY) const;
  TrainingImages MakeTrainingImages() const;
  EvaluationImages MakeEvaluationImages(const ImageSet& images) const;
  // Takes `step`s that train `trained`, which outlives it.
  StepGraph MakeStepGraph(const GraphNetwork& trained, StepGraph::Step step) const;
  // The targets that `teacher` gives, which is folded and outlives them.
  Teacher MakeTeacher(const GraphNetwork& teacher) const;
};

absl::Status StoppedError();

TaskOutcome FailedOutcome(v1::Failure::Kind kind, const std::string& message, int64_t epoch);

struct EpochTotals {
  double loss = 0;      // mean over the steps; not finite where that of any step was not
  double accuracy = 0;  // of the batches, as they were when they trained
};

// How far an epoch has come and what its totals are made of. Exact, so that an epoch that is broken
// off and gone on with ends with the same totals.
struct EpochPart {
  int64_t steps = 0;    // taken
  double loss = 0;      // sum over these steps
  int64_t correct = 0;  // images that were classified right when they trained
  int64_t seen = 0;     // images
};

// Draws the epoch's order and calls `step` with every batch and its 0-based number. CANCELLED where
// a stop was requested, which is looked at after every step. Reads nothing back from the device
// before the epoch's end.
absl::StatusOr<EpochTotals> RunEpoch(
    const StageContext& context, TrainingImages& images, int64_t batch, int64_t epoch,
    const std::function<StepResult(const Batch& batch, int64_t step)>& step);

// The same for an epoch of which `part` has been taken already; its totals are of the whole of it.
// Afterwards `part` says how far it came.
absl::StatusOr<EpochTotals> FinishEpoch(
    const StageContext& context, TrainingImages& images, int64_t batch, int64_t epoch,
    const std::function<StepResult(const Batch& batch, int64_t step)>& step, EpochPart& part);

// Seconds since an event.
class Stopwatch {
 public:
  double Seconds() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Checkpoints of one Task, made at ends of epochs. Not thread-safe.
class Checkpoints {
 public:
  // `state` is everything that training changes, `epochs` the most that the stage takes.
  Checkpoints(const StageContext& context, std::vector<NamedTensor> state, int64_t epochs);

  struct Resumed {
    int64_t epochs_done = 0;
  };
  // Restores the state from the Task's checkpoint. std::nullopt where the Task has none, or one
  // that is lost, that cannot be used or that `accept` (if given) refuses: that is logged, and the
  // stage starts anew rather than failing for ever. kStorage where it cannot be read at present: a
  // long training is not begun anew for a file system that is away. `accept` takes out the tensors
  // that SaveEnd was given.
  absl::StatusOr<std::optional<Resumed>> Restore(
      const std::function<absl::Status(SafetensorsFile& file)>& accept = nullptr);

  // Saves a checkpoint where the last one is at least the interval old, and tells the listener.
  // `stage_metadata` is called only then. A state that is not finite is not saved: the epoch after
  // it will say so.
  absl::Status SaveIfDue(int64_t epochs_done, const std::function<Metadata()>& stage_metadata);

  // Saves the state in which the stage has ended, whatever the interval, with tensors beside it:
  // the Task goes on from there where it gets a Budget more. Here the epochs done may be 0 or all.
  // A state that is not finite is not saved.
  absl::Status SaveEnd(int64_t epochs_done, const Metadata& stage_metadata,
                       const TensorMap& beside);

  // The newest one that this Task has, restored or saved; empty where there is none.
  const v1::Artifact& newest() const { return newest_; }
  int64_t newest_epochs() const { return newest_epochs_; }

  // Spent in this Attempt and in those before it that the restored checkpoint came from.
  double DeviceSeconds() const { return earlier_seconds_ + total_.Seconds(); }

 private:
  absl::Status Save(int64_t epochs_done, const Metadata& stage_metadata, const TensorMap& beside);

  const StageContext& context_;
  std::vector<NamedTensor> state_;
  int64_t epochs_;
  Metadata origin_;
  v1::Artifact newest_;
  int64_t newest_epochs_ = 0;
  double earlier_seconds_ = 0;
  Stopwatch total_;
  Stopwatch since_last_;
};

// Whether every number in them is.
bool AllFinite(const std::vector<NamedTensor>& tensors);

// The failure of an epoch whose mean loss was not finite, or which left a network that is not;
// the message names the last good checkpoint.
TaskOutcome DivergedOutcome(const StageContext& context, int64_t epoch, double loss,
                            const Checkpoints& checkpoints);

}  // namespace reluscape
