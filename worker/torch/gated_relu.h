#pragma once

// The activation that selective network linearization trains: a ReLU whose strength is a number.

#include <ATen/ATen.h>

namespace reluscape {

// y = a * relu(x) + (1 - a) * x = x + a * max(-x, 0), element by element; a = 1 is the ReLU and
// a = 0 the identity, both exactly for every finite x. With g = dL/dy:
//   dL/dx = g where x > 0, else g * (1 - a)
//   dL/da = sum over the batch (and the channel's pixels) of g * max(-x, 0)
// (Cho et al., "Selective Network Linearization for Efficient Private Inference", ICML 2022.)
//
// `x` is N x C x H x W, float32 or bfloat16, and y has its type and layout. `mask` (the a) is
// K x H x W, or K x 1 x 1 for one value per channel, float32, on the device of `x`; it governs the
// first K <= C channels and the others pass unchanged. Everything is computed in float32.
//
// One pass over memory forward, one backward; both are fastest where `x` and `mask` are contiguous
// in the same memory format (contiguous or channels last): another layout is copied first. On CUDA
// one value per channel is computed, and y returned, with channels last. Keeps `x` and `mask` for
// the backward pass. Gradients are computed for those of the two that ask for them; there is no
// second derivative. On the CPU the number of threads changes no bit; a CUDA device repeats its
// results bit for bit. A value that is not a number stays one. Throws c10::Error for another type,
// shape or device. Thread-safe.
at::Tensor GatedRelu(const at::Tensor& x, const at::Tensor& mask);

}  // namespace reluscape
