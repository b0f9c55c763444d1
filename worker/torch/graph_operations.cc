#include "worker/torch/graph_operations.h"

#include <algorithm>

#include "worker/torch/gated_relu.h"
#include "worker/torch/polynomial_relu.h"

namespace reluscape {
namespace {

constexpr double kSmallestNorm = 1e-12;  // as torch.nn.functional.normalize has it

}  // namespace

at::Tensor IdentityKernel(int64_t out, int64_t in, int64_t kernel) {
  at::Tensor delta = at::zeros({out, in, kernel, kernel}, at::kFloat);
  const int64_t centre = kernel / 2;
  delta.select(3, centre).select(2, centre).diagonal().narrow(0, 0, std::min(out, in)).fill_(1);
  return delta;
}

at::Tensor DiracWeight(const at::Tensor& weight, const at::Tensor& a, const at::Tensor& b,
                       const at::Tensor& delta) {
  const at::Tensor norm =
      weight.square().sum({1, 2, 3}, /*keepdim=*/true).sqrt().clamp_min(kSmallestNorm);
  return a.view({-1, 1, 1, 1}) * delta + b.view({-1, 1, 1, 1}) * (weight / norm);
}

at::Tensor Downsample(const at::Tensor& x, int64_t stride, int64_t channels) {
  const at::Tensor picked = x.slice(2, 0, x.size(2), stride).slice(3, 0, x.size(3), stride);
  const int64_t added = channels - x.size(1);
  return added == 0 ? picked : at::constant_pad_nd(picked, {0, 0, 0, 0, 0, added}, 0);
}

at::Tensor ReluOnChannels(const at::Tensor& x, int64_t channels, const at::Tensor& mask,
                          bool in_place, const at::Tensor& coefficients) {
  if (mask.defined() && !coefficients.defined()) return GatedRelu(x, mask);
  const auto relu = [&](const at::Tensor& part) {
    return coefficients.defined() ? PolynomialRelu(part, mask, coefficients) : at::relu(part);
  };
  if (channels == x.size(1)) return in_place && !mask.defined() ? x.relu_() : relu(x);
  return at::cat({relu(x.narrow(1, 0, channels)), x.narrow(1, channels, x.size(1) - channels)}, 1);
}

}  // namespace reluscape
