#pragma once

// What the stages minimise. Thread-safe.

#include <ATen/ATen.h>

#include "reluscape/v1/job.pb.h"

namespace reluscape {

// cross_entropy_weight * cross_entropy
//   + weight * T^2 * KL(softmax(teacher / T) || softmax(student / T)), both means over the batch.
// Logits are N x classes, float32; `cross_entropy` is the student's. No gradient reaches `teacher`.
at::Tensor DistillationLoss(const at::Tensor& cross_entropy, const at::Tensor& student,
                            const at::Tensor& teacher, const v1::DistillationSpec& settings);

}  // namespace reluscape
