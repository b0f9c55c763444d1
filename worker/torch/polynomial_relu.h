#pragma once

// The activation of a network whose removed ReLUs become polynomials of degree 2.

#include <ATen/ATen.h>

namespace reluscape {

// y = a * relu(x) + (1 - a) * p(x) with p(x) = c2 x^2 + c1 x + c0, element by element; a = 1 is the
// ReLU and a = 0 the polynomial, both exactly. `x` is N x C x H x W, float32 or bfloat16; `mask`
// (the a) C x H x W, or C x 1 x 1 for one value per channel; `coefficients` 3 x C, its rows c0, c1
// and c2: both float32. All are on one device. Computed in float32; y has the type of x.
//
// With g = dL/dy, summed over the batch, and over the channel's pixels where one value serves them:
//   dL/dx   = g * (a * [x > 0] + (1 - a) * (2 c2 x + c1))
//   dL/da   = sum of g * (relu(x) - p(x))
//   dL/dc_k = sum of g * (1 - a) * x^k
// Gradients are computed for those that ask for them; there is no second derivative. Keeps x for
// the backward pass. Thread-safe.
//
// Source: AutoReP (Peng et al., ICCV 2023) puts channel-wise polynomials of degree 2 in place of
// removed ReLUs; the mixture with a soft mask is that of SNL.
at::Tensor PolynomialRelu(const at::Tensor& x, const at::Tensor& mask,
                          const at::Tensor& coefficients);

// p(x) alone.
at::Tensor Polynomial(const at::Tensor& x, const at::Tensor& coefficients);

}  // namespace reluscape
