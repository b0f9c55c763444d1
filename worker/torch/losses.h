#pragma once

// What the stages minimise. Thread-safe.

#include <ATen/ATen.h>

#include "search/stage.h"

namespace reluscape {

// cross_entropy_weight * CE(student, labels)
//   + weight * T^2 * KL(softmax(teacher / T) || softmax(student / T)), both means over the batch.
// Logits are N x classes, float32; `labels` int64. No gradient reaches `teacher`.
at::Tensor DistillationLoss(const at::Tensor& student, const at::Tensor& teacher,
                            const at::Tensor& labels, const DistillationSettings& settings);

}  // namespace reluscape
