#include "worker/torch/polynomial_relu.h"

#include <torch/csrc/autograd/custom_function.h>

namespace reluscape {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// c_k as 1 x C x 1 x 1.
at::Tensor Coefficient(const at::Tensor& coefficients, int64_t k) {
  return coefficients.select(0, k).view({1, -1, 1, 1});
}

class PolynomialReluFunction : public torch::autograd::Function<PolynomialReluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& mask,
                            const at::Tensor& coefficients) {
    context->save_for_backward({x, mask, coefficients});
    const at::Tensor wide = x.to(at::kFloat);
    const at::Tensor a = mask.unsqueeze(0);
    at::Tensor y = Polynomial(wide, coefficients).mul_(1 - a);
    y.addcmul_(wide.relu(), a);
    return y.to(x.scalar_type());
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor g = gradients[0].to(at::kFloat);
    const at::Tensor x = saved[0].to(at::kFloat);
    const at::Tensor a = saved[1].unsqueeze(0);
    const at::Tensor& coefficients = saved[2];
    const at::Tensor removed = g * (1 - a);
    at::Tensor x_gradient;
    at::Tensor mask_gradient;
    at::Tensor coefficient_gradient;
    if (context->needs_input_grad(0)) {
      const at::Tensor slope = 2 * Coefficient(coefficients, 2) * x + Coefficient(coefficients, 1);
      x_gradient = (g * a * (x > 0)).addcmul_(removed, slope).to(saved[0].scalar_type());
    }
    if (context->needs_input_grad(1)) {
      const at::Tensor change = x.relu().sub_(Polynomial(x, coefficients));
      mask_gradient = at::sum_to(change.mul_(g).sum(0), saved[1].sizes());
    }
    if (context->needs_input_grad(2)) {
      const at::Tensor first = removed * x;
      coefficient_gradient =
          at::stack({removed.sum({0, 2, 3}), first.sum({0, 2, 3}), (first * x).sum({0, 2, 3})});
    }
    return {x_gradient, mask_gradient, coefficient_gradient};
  }
};

}  // namespace

at::Tensor Polynomial(const at::Tensor& x, const at::Tensor& coefficients) {
  return (Coefficient(coefficients, 2) * x + Coefficient(coefficients, 1)) * x +
         Coefficient(coefficients, 0);
}

at::Tensor PolynomialRelu(const at::Tensor& x, const at::Tensor& mask,
                          const at::Tensor& coefficients) {
  return PolynomialReluFunction::apply(x, mask, coefficients);
}

}  // namespace reluscape
