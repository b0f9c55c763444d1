#pragma once

// Where the targets of a distillation come from.

#include <ATen/ATen.h>

#include <memory>

#include "worker/torch/batches.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/logit_cache.h"
#include "worker/torch/step_graph.h"

namespace reluscape {

// Not thread-safe.
class Teacher {
 public:
  // `network` is folded. With a `cache` (which may be null, and like `network` outlives this) its
  // logits come from there where they are kept; those that are not are computed by a recorded
  // forward pass where there is a `recorder`.
  explicit Teacher(const GraphNetwork& network, LogitCache* cache = nullptr,
                   std::unique_ptr<StepRecorder> recorder = nullptr);

  // The logits of `batch` where a cache keeps them; undefined without a cache. Looks things up on
  // the host, so it is no part of a recorded step (step_graph.h).
  //
  // With a cache an image's logits must not depend on which others were missing beside it: a
  // resumed Task has an empty cache and must go on with the same targets. Convolutions work image
  // by image, but which kernel they use depends on how many there are. So images go through the
  // network in groups of one fixed size, the last one filled up with black. On a CPU the targets
  // are then the same bit for bit (teacher_test.cc); on CUDA up to what float16 rounds away.
  at::Tensor Kept(const Batch& batch) const;

  // Of `images`, by the network: N x classes, float32, without gradient.
  at::Tensor Logits(const at::Tensor& images) const;

 private:
  at::Tensor InGroups(const at::Tensor& images) const;

  const GraphNetwork& network_;
  LogitCache* cache_;
  std::unique_ptr<StepGraph> forward_;  // of one group
};

}  // namespace reluscape
