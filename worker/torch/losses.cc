#include "worker/torch/losses.h"

#include <ATen/core/Reduction.h>

namespace reluscape {

at::Tensor DistillationLoss(const at::Tensor& cross_entropy, const at::Tensor& student,
                            const at::Tensor& teacher, const v1::DistillationSpec& settings) {
  const double temperature = settings.temperature();
  at::Tensor loss = settings.cross_entropy_weight() * cross_entropy;
  if (settings.weight() == 0) return loss;
  const at::Tensor divergence =
      at::kl_div(at::log_softmax(student / temperature, 1),
                 at::log_softmax(teacher.detach() / temperature, 1), at::Reduction::Sum,
                 /*log_target=*/true) /
      student.size(0);
  return loss + settings.weight() * temperature * temperature * divergence;
}

}  // namespace reluscape
