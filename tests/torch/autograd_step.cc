#include "tests/torch/autograd_step.h"

#include <ATen/ATen.h>

namespace reluscape {

double GradientOfACubeAtTwo() {
  const at::Tensor x = at::full({}, 2.0).requires_grad_();
  (x * x * x).backward();
  return x.grad().item<double>();
}

}  // namespace reluscape
