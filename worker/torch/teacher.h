#pragma once

// Where the targets of a distillation come from.

#include <ATen/ATen.h>

#include "worker/torch/batches.h"
#include "worker/torch/graph_network.h"

namespace reluscape {

// Not thread-safe.
class Teacher {
 public:
  // `network` is folded and outlives this.
  explicit Teacher(const GraphNetwork& network) : network_(network) {}

  // N x classes, float32, without gradient.
  at::Tensor Logits(const Batch& batch) const;

 private:
  const GraphNetwork& network_;
};

}  // namespace reluscape
