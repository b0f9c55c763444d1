#include "search/network/folding.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr double kSmallestNorm = 1e-12;  // DiracNets' public code normalises with PyTorch's default

// A tensor taken out of the map.
absl::StatusOr<std::vector<float>> Take(FloatTensors& tensors, const std::string& name,
                                        size_t elements) {
  const auto found = tensors.find(name);
  if (found == tensors.end()) {
    return absl::FailedPreconditionError(absl::StrCat("tensor ", name, " is missing"));
  }
  if (found->second.size() != elements) {
    return absl::FailedPreconditionError(absl::StrCat(
        "tensor ", name, ": found ", found->second.size(), " elements; expected ", elements));
  }
  std::vector<float> values = std::move(found->second);
  tensors.erase(found);
  return values;
}

// a * delta + b * w / ||w||, in place.
void AddIdentity(const std::vector<float>& a, const std::vector<float>& b, size_t in_channels,
                 size_t kernel, std::vector<float>& weight) {
  const size_t filter = in_channels * kernel * kernel;
  const size_t centre = (kernel / 2) * kernel + kernel / 2;
  for (size_t o = 0; o < a.size(); ++o) {
    float* const w = weight.data() + o * filter;
    double square = 0;
    for (size_t i = 0; i < filter; ++i) square += double{w[i]} * w[i];
    const double factor = b[o] / std::max(std::sqrt(square), kSmallestNorm);
    for (size_t i = 0; i < filter; ++i) w[i] = static_cast<float>(factor * w[i]);
    if (o < in_channels) w[o * kernel * kernel + centre] += a[o];
  }
}

// Takes batch norm `name` into `weight` and returns the bias.
absl::StatusOr<std::vector<float>> TakeBatchNorm(const std::string& name, size_t channels,
                                                 FloatTensors& tensors,
                                                 std::vector<float>& weight) {
  ASSIGN_OR_RETURN(const std::vector<float> gain, Take(tensors, name + ".weight", channels));
  ASSIGN_OR_RETURN(const std::vector<float> shift, Take(tensors, name + ".bias", channels));
  ASSIGN_OR_RETURN(const std::vector<float> mean, Take(tensors, name + ".running_mean", channels));
  ASSIGN_OR_RETURN(const std::vector<float> variance,
                   Take(tensors, name + ".running_var", channels));
  const size_t filter = weight.size() / channels;
  std::vector<float> bias(channels);
  for (size_t o = 0; o < channels; ++o) {
    const double g = gain[o] / std::sqrt(variance[o] + kBatchNormEpsilon);
    for (size_t i = o * filter; i < (o + 1) * filter; ++i) {
      weight[i] = static_cast<float>(g * weight[i]);
    }
    bias[o] = static_cast<float>(shift[o] - mean[o] * g);
  }
  return bias;
}

absl::Status FoldConvolution(const Op& op, const Shape& input, const Op* batch_norm,
                             FloatTensors& tensors) {
  const auto channels = static_cast<size_t>(op.output.channels);
  const auto in_channels = static_cast<size_t>(input.channels);
  const auto kernel = static_cast<size_t>(op.kernel);
  ASSIGN_OR_RETURN(std::vector<float> weight,
                   Take(tensors, op.name + ".weight", channels * in_channels * kernel * kernel));
  if (op.dirac) {
    ASSIGN_OR_RETURN(const std::vector<float> a, Take(tensors, op.name + ".dirac_a", channels));
    ASSIGN_OR_RETURN(const std::vector<float> b, Take(tensors, op.name + ".dirac_b", channels));
    AddIdentity(a, b, in_channels, kernel, weight);
  }
  if (batch_norm != nullptr) {
    ASSIGN_OR_RETURN(tensors[op.name + ".bias"],
                     TakeBatchNorm(batch_norm->name, channels, tensors, weight));
  }
  tensors[op.name + ".weight"] = std::move(weight);
  return absl::OkStatus();
}

}  // namespace

std::vector<int> FoldableBatchNorms(const Network& network) {
  std::vector<int> readers(network.ops.size(), 0);
  for (const Op& op : network.ops) {
    for (const int input : op.inputs) ++readers[static_cast<size_t>(input)];
  }
  std::vector<int> batch_norms(network.ops.size(), -1);
  for (size_t i = 0; i < network.ops.size(); ++i) {
    const Op& op = network.ops[i];
    if (op.kind != OpKind::kBatchNorm) continue;
    const auto before = static_cast<size_t>(op.inputs.front());
    if (network.ops[before].kind == OpKind::kConv && readers[before] == 1) {
      batch_norms[before] = static_cast<int>(i);
    }
  }
  return batch_norms;
}

absl::StatusOr<FoldedNetwork> FoldNetwork(const Network& network, FloatTensors tensors) {
  const std::vector<int> batch_norms = FoldableBatchNorms(network);
  std::vector<bool> gone(network.ops.size(), false);
  for (const int norm : batch_norms) {
    if (norm >= 0) gone[static_cast<size_t>(norm)] = true;
  }
  FoldedNetwork folded;
  std::vector<int> now(network.ops.size(), 0);  // where an operation's value comes from
  for (size_t i = 0; i < network.ops.size(); ++i) {
    const Op& op = network.ops[i];
    if (gone[i]) {
      now[i] = now[static_cast<size_t>(op.inputs.front())];
      continue;
    }
    now[i] = static_cast<int>(folded.network.ops.size());
    if (op.kind == OpKind::kConv) {
      const int norm = batch_norms[i];
      RETURN_IF_ERROR(
          FoldConvolution(op, network.ops[static_cast<size_t>(op.inputs.front())].output,
                          norm < 0 ? nullptr : &network.ops[static_cast<size_t>(norm)], tensors));
    }
    Op kept = op;
    kept.dirac = false;
    for (int& input : kept.inputs) input = now[static_cast<size_t>(input)];
    folded.network.ops.push_back(std::move(kept));
    folded.biased.push_back(batch_norms[i] >= 0);
  }
  folded.tensors = std::move(tensors);
  return folded;
}

}  // namespace reluscape
