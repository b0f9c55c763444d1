#pragma once

// Operations of a network that LibTorch has no single function for. Thread-safe.

#include <ATen/ATen.h>

#include <cstdint>

#include "search/network/network.h"

namespace reluscape {

// The kernel that hands every input channel on to the output channel of the same number, as far as
// both exist: `out` x `in` x `kernel` x `kernel`, float32, 1 at the centre.
at::Tensor IdentityKernel(int64_t out, int64_t in, int64_t kernel);

// a * delta + b * w / ||w||, filter by filter; the norm is taken over the whole filter, at least
// 1e-12 (DiracNets, public code). `a` and `b` hold one value per output channel.
at::Tensor DiracWeight(const at::Tensor& weight, const at::Tensor& a, const at::Tensor& b,
                       const at::Tensor& delta);

// Every stride-th row and column of `x` from the first on, then zero channels behind the last one
// up to `channels`.
at::Tensor Downsample(const at::Tensor& x, int64_t stride, int64_t channels);

// A ReLU on the first `channels` channels; the others pass unchanged. With `mask` (defined, of that
// many channels) a gated one, and with `coefficients` (defined) too one that fades into polynomials
// (polynomial_relu.h); else a plain one, written into the memory of `x` where `in_place`.
at::Tensor ReluOnChannels(const at::Tensor& x, int64_t channels, const at::Tensor& mask,
                          bool in_place, const at::Tensor& coefficients = {});

}  // namespace reluscape
