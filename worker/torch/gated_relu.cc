#include "worker/torch/gated_relu.h"

#include <ATen/ops/_prelu_kernel.h>
#include <ATen/ops/_prelu_kernel_backward.h>
#include <torch/csrc/autograd/custom_function.h>

namespace reluscape {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// A gated ReLU is a PReLU with one slope, 1 - a, per location; ATen's kernels take any slope that
// broadcasts and go over the activations once in each direction.
class GatedReluFunction : public torch::autograd::Function<GatedReluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& mask) {
    const at::Tensor slope = 1 - mask.unsqueeze(0);
    context->save_for_backward({x, slope});
    return at::_prelu_kernel(x, slope);
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const auto [x_gradient, slope_gradient] =
        at::_prelu_kernel_backward(gradients[0], saved[0], saved[1]);
    at::Tensor mask_gradient;
    if (context->needs_input_grad(1)) {
      mask_gradient = slope_gradient.sum(0);
      if (saved[1].size(2) != saved[0].size(2) || saved[1].size(3) != saved[0].size(3)) {
        mask_gradient = mask_gradient.sum({1, 2}, /*keepdim=*/true);
      }
      mask_gradient.neg_();
    }
    return {x_gradient, mask_gradient};
  }
};

}  // namespace

at::Tensor GatedRelu(const at::Tensor& x, const at::Tensor& mask) {
  return GatedReluFunction::apply(x, mask);
}

}  // namespace reluscape
