#pragma once

// What a network with polynomials in place of ReLUs needs beside its activation: first
// coefficients, a penalty that keeps inputs in range, and the ranges that a Result states.
// Functions are thread-safe as long as nobody else uses the network.

#include <ATen/ATen.h>

#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/vocabulary/stage.h"
#include "search/vocabulary/synchronize.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// The polynomial of degree 2 that is nearest to a ReLU in the mean square for inputs that are
// normal with `mean` and `variance` (1-dimensional, one value per channel, float32): 3 x C, rows
// c0, c1 and c2. With s the standard deviation, t = mean / s, and the standard normal density phi
// and distribution Phi:
//   c2 = phi(t) / (2 s)    c1 = Phi(t) - t phi(t)    c0 = s phi(t) (1 + t^2) / 2
// (by Hermite expansion, derived). Variances below 0.5 count as 0.5, as in the public code of
// AutoReP (Peng et al., ICCV 2023), whose polynomials are fitted to mean and variance too.
at::Tensor FittedPolynomials(const at::Tensor& mean, const at::Tensor& variance);

// Fits every polynomial of `network` to the mean and variance of its channel's inputs in the
// pretrained network: in evaluation mode, on the first settings.score_batches training batches.
// `network` holds the pretrained weights and masks of 1. Nothing where it has no polynomials.
// CANCELLED where a stop was requested.
absl::Status FitPolynomials(const StageContext& context, GraphNetwork& network);

// A penalty on inputs of polynomials that leave their range.
struct RangePenalty {
  double weight = 0;  // 0: none
  double limit = 0;
};
// That of the settings; none where removed ReLUs become the identity.
RangePenalty RangePenaltyOf(const v1::LinearizeSpec& settings);

// A forward pass and its penalty: weight times the sum over an image's units of
// (1 - a) max(|x| - limit, 0)^2, mean over the batch, with 1 - a brought into [0, 1]. The masks get
// no gradient from it.
struct RangedOutput {
  at::Tensor logits;   // N x classes
  at::Tensor penalty;  // scalar; undefined where there is none

  at::Tensor AddTo(const at::Tensor& loss) const {
    return penalty.defined() ? loss + penalty : loss;
  }
};
RangedOutput ForwardInRange(const GraphNetwork& network, const at::Tensor& images,
                            const RangePenalty& penalty,
                            const OperationObserver& observer = nullptr);

// The smallest and the largest input of each ReLU layer's polynomials, the units where the mask is
// 0, over all training images as they are, in evaluation mode: one entry per layer, empty where it
// has no such unit. Values may be infinite or not numbers. std::nullopt where a stop was requested.
struct InputRange {
  double min = 0;
  double max = 0;
};
std::optional<std::vector<std::optional<InputRange>>> MeasureInputRanges(
    const StageContext& context, GraphNetwork& network);

}  // namespace reluscape
