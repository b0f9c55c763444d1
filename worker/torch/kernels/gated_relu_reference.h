#pragma once

// The slow gated ReLU: one element after the other in float64. What the fast ones are compared
// with.

#include "worker/torch/kernels/gated_relu_shape.h"

namespace reluscape {

// y = x + a * max(-x, 0). Writes shape.elements() values of `y`. Thread-safe.
void GatedReluReference(const GatedReluShape& shape, const double* x, const double* mask,
                        double* y);

// With g = dL/dy: dL/dx = g where x > 0, else g * (1 - a); dL/da = the sum of g * max(-x, 0) over
// all elements that share the value. Writes shape.elements() and shape.values numbers. Thread-safe.
void GatedReluBackwardReference(const GatedReluShape& shape, const double* gradient,
                                const double* x, const double* mask, double* x_gradient,
                                double* mask_gradient);

}  // namespace reluscape
