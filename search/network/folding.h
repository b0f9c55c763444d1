#pragma once

// A trained network for inference alone: Dirac convolutions become plain ones (DiracNets: the
// identity is part of the weight), and batch norms go into the convolutions before them.
// Thread-safe.
//
//   w'[o] = g[o] * w[o]        g[o] = gain[o] / sqrt(variance[o] + 1e-5)
//   bias[o] = shift[o] - mean[o] * g[o]
// where w of a Dirac convolution is a[o] * delta[o] + b[o] * v[o] / ||v[o]||_2.

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/network/network.h"

namespace reluscape {

inline constexpr double kBatchNormEpsilon = 1e-5;  // LibTorch's default, which all training uses

// Per operation: the index of the batch norm that can go into it, or -1. That is one behind a
// convolution that nothing else reads; a batch norm behind a sum stays.
std::vector<int> FoldableBatchNorms(const Network& network);

// By name, row-major: "<op>.weight", "<op>.bias", "<op>.running_mean", "<op>.running_var",
// "<op>.dirac_a", "<op>.dirac_b", "<op>.mask".
using FloatTensors = std::map<std::string, std::vector<float>>;

struct FoldedNetwork {
  Network network;           // without the batch norms that were folded; no Dirac convolution
  std::vector<bool> biased;  // per operation: a convolution with "<op>.bias"
  FloatTensors tensors;      // with those of operations that stay as they are
};

// `network` must be one that CountNetwork accepts. FAILED_PRECONDITION names a tensor that is
// missing or has another number of elements. Sums in double precision.
absl::StatusOr<FoldedNetwork> FoldNetwork(const Network& network, FloatTensors tensors);

}  // namespace reluscape
