#pragma once

// What the stages minimise. Thread-safe.

#include <ATen/ATen.h>

#include "search/stage.h"

namespace reluscape {

// cross_entropy_weight * CE(student, targets)
//   + weight * T^2 * KL(softmax(teacher / T) || softmax(student / T)), both means over the batch.
// Logits are N x classes, float32; `targets` are Batch::targets. No gradient reaches `teacher`.
at::Tensor DistillationLoss(const at::Tensor& student, const at::Tensor& teacher,
                            const at::Tensor& targets, const DistillationSettings& settings);

}  // namespace reluscape
