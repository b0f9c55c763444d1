#include "worker/torch/teacher.h"

#include <c10/core/GradMode.h>

namespace reluscape {

at::Tensor Teacher::Logits(const Batch& batch) const {
  const c10::NoGradGuard no_grad;
  return network_.Forward(batch.images);
}

}  // namespace reluscape
