#include "worker/torch/kernels/gated_relu_reference.h"

namespace reluscape {
namespace {

// Calls element(index of x, index of the mask) for every element.
template <typename Element>
void ForEach(const GatedReluShape& shape, const Element& element) {
  for (int64_t outer = 0; outer < shape.outer; ++outer) {
    for (int64_t value = 0; value < shape.values; ++value) {
      for (int64_t i = 0; i < shape.run; ++i) {
        element((outer * shape.values + value) * shape.run + i, value);
      }
    }
  }
}

// max(-x, 0), and not a number where x is not.
double NegativePart(double x) { return x > 0 ? 0 : -x; }

}  // namespace

void GatedReluReference(const GatedReluShape& shape, const double* x, const double* mask,
                        double* y) {
  ForEach(shape, [&](int64_t i, int64_t value) { y[i] = x[i] + mask[value] * NegativePart(x[i]); });
}

void GatedReluBackwardReference(const GatedReluShape& shape, const double* gradient,
                                const double* x, const double* mask, double* x_gradient,
                                double* mask_gradient) {
  for (int64_t value = 0; value < shape.values; ++value) mask_gradient[value] = 0;
  ForEach(shape, [&](int64_t i, int64_t value) {
    x_gradient[i] = x[i] > 0 ? gradient[i] : gradient[i] * (1 - mask[value]);
    mask_gradient[value] += gradient[i] * NegativePart(x[i]);
  });
}

}  // namespace reluscape
