#pragma once

// The activation that selective network linearization trains: a ReLU whose strength is a number.

#include <ATen/ATen.h>

namespace reluscape {

// y = a * relu(x) + (1 - a) * x = x + a * max(-x, 0), element by element; a = 1 is the ReLU and
// a = 0 the identity, both exactly. `x` is N x C x H x W and `mask` (the a) C x H x W, or
// C x 1 x 1 for one value per channel; both are float32 and on one device. With g = dL/dy:
//   dL/dx = g where x > 0, else g * (1 - a)
//   dL/da = sum over the batch (and the channel's pixels) of g * max(-x, 0), in float32
// (Cho et al., "Selective Network Linearization for Efficient Private Inference", ICML 2022.)
// Gradients are computed for those of the two that ask for them; there is no second derivative.
// Keeps x for the backward pass. Thread-safe.
at::Tensor GatedRelu(const at::Tensor& x, const at::Tensor& mask);

}  // namespace reluscape
