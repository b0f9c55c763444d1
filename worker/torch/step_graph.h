#pragma once

// One step of training that is handed to a GPU as a whole: recorded once as a CUDA graph and then
// replayed, so that the host does not launch its hundreds of kernels one by one.

#include <ATen/ATen.h>

#include <functional>
#include <memory>

#include "worker/torch/step_recorder.h"

namespace reluscape {

// What a step reads that differs from batch to batch. All on the network's device.
struct StepInput {
  at::Tensor images;          // Batch::images
  at::Tensor targets;         // Batch::targets
  at::Tensor teacher_logits;  // as Teacher::Kept has them; may be undefined
};

// What a step found, both without gradient.
struct StepResult {
  at::Tensor loss;    // scalar; undefined of a step that has none
  at::Tensor logits;  // N x classes
  bool last = false;  // the epoch ends here
};

// Takes steps. The first few are taken as they are, on the recorder's terms; the next one is
// recorded; from then on it is replayed with the input copied to where the recorded one lay. A step
// whose input has other shapes (the last, smaller batch of an epoch) is always taken as it is.
// Where recording fails, that is logged once and every step is taken as it is.
//
// Not thread-safe.
class StepGraph {
 public:
  // Trains on one batch. It must do the same work on the device for every batch of one shape and
  // read nothing back from it: a number that changes from step to step (a learning rate, lambda) is
  // a tensor, set before Take. Tensors that it changes keep their memory.
  using Step = std::function<StepResult(const StepInput& input)>;

  // `recorder` null: every step is taken as it is. `drop_gradients` releases the gradients that a
  // failed recording may have left behind.
  StepGraph(Step step, std::function<void()> drop_gradients,
            std::unique_ptr<StepRecorder> recorder);

  // What it returns is overwritten by the next call.
  StepResult Take(const StepInput& input);

  bool recorded() const { return recorded_; }

 private:
  StepResult Plain(const StepInput& input) const;
  // False where it failed.
  bool Record(const StepInput& input);

  const Step step_;
  const std::function<void()> drop_gradients_;
  std::unique_ptr<StepRecorder> recorder_;
  int warm_ups_ = 0;
  bool recorded_ = false;
  // Of the first batch until the step is recorded, then what the recorded step reads and writes.
  StepInput input_;
  StepResult result_;
};

}  // namespace reluscape
