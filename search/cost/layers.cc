#include "search/cost/layers.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/cost/whole_numbers.h"
#include "search/network/accounting.h"

namespace reluscape {
namespace {

absl::Status TooMuch(const std::string& what, int64_t found, int64_t limit) {
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": found ", found, "; allowed for pricing: at most ", limit));
}

absl::Status CheckShape(const Op& op) {
  if (op.output.channels > kMaxPricedChannels) {
    return TooMuch(absl::StrCat(op.name, ", channels"), op.output.channels, kMaxPricedChannels);
  }
  if (op.output.height > kMaxPricedSide || op.output.width > kMaxPricedSide) {
    return TooMuch(absl::StrCat(op.name, ", side in pixels"),
                   std::max(op.output.height, op.output.width), kMaxPricedSide);
  }
  if (op.kernel > kMaxPricedKernel) {
    return TooMuch(absl::StrCat(op.name, ", kernel in pixels"), op.kernel, kMaxPricedKernel);
  }
  return absl::OkStatus();
}

// Adds with the limit on totals; `elements` itself is below 2^44 by CheckShape.
absl::Status AddUpTo(int64_t& total, int64_t elements, int64_t limit, const std::string& what) {
  total += elements;
  return total > limit ? TooMuch(what, total, limit) : absl::OkStatus();
}

LinearLayer LinearLayerOf(const Network& network, int index, const LayerCounts& counts) {
  const Op& op = network.ops[static_cast<size_t>(index)];
  const Shape& in = network.ops[static_cast<size_t>(op.inputs[0])].output;
  LinearLayer layer = {.name = op.name, .op = index, .macs = counts.macs};
  layer.out_channels = op.output.channels;
  if (op.kind == OpKind::kLinear) {
    layer.fully_connected = true;
    layer.in_channels = in.channels * in.height * in.width;
    return layer;
  }
  layer.height = in.height;
  layer.width = in.width;
  layer.in_channels = in.channels;
  layer.out_height = op.output.height;
  layer.out_width = op.output.width;
  layer.kernel = op.kernel;
  layer.stride = op.stride;
  layer.padding = op.padding;
  return layer;
}

NonlinearLayer MaxPoolLayerOf(const Op& op, int index) {
  const int64_t window = op.kernel * op.kernel;
  NonlinearLayer layer = {.name = op.name, .op = index, .kind = NonlinearKind::kMaxPool};
  layer.units = (window - 1) * op.output.channels * op.output.height * op.output.width;
  layer.depth = CeilLog2(window);
  return layer;
}

}  // namespace

absl::StatusOr<NetworkLayers> LayersOf(const Network& network) {
  ASSIGN_OR_RETURN(const NetworkCounts counts, CountNetwork(network));
  NetworkLayers layers = {.network = network};
  const Shape& image = network.ops.front().output;
  int64_t comparisons = 0;
  int64_t elements = 0;
  for (size_t i = 0; i < network.ops.size(); ++i) {
    const Op& op = network.ops[i];
    const int index = static_cast<int>(i);
    RETURN_IF_ERROR(CheckShape(op));
    RETURN_IF_ERROR(AddUpTo(elements, op.output.channels * op.output.height * op.output.width,
                            kMaxPricedElements, "elements of all operations"));
    if (op.kind == OpKind::kConv || op.kind == OpKind::kLinear) {
      layers.linear.push_back(LinearLayerOf(network, index, counts.layers[i]));
      const LinearLayer& layer = layers.linear.back();
      layers.linear_elements += layer.InElements();
      if (op.kind == OpKind::kConv) {
        const bool image_layer = op.inputs[0] == 0;
        layers.power_of_two_widths &=
            (image_layer || IsPowerOfTwo(layer.in_channels)) && IsPowerOfTwo(layer.out_channels);
      }
    } else if (op.kind == OpKind::kRelu && counts.layers[i].relus > 0) {
      layers.nonlinear.push_back(
          {.name = op.name, .op = index, .units = counts.layers[i].relus, .depth = 1});
    } else if (op.kind == OpKind::kMaxPool && op.kernel > 1) {
      layers.nonlinear.push_back(MaxPoolLayerOf(op, index));
    } else {
      continue;
    }
    if (!layers.nonlinear.empty() && layers.nonlinear.back().op == index) {
      RETURN_IF_ERROR(AddUpTo(comparisons, layers.nonlinear.back().units, kMaxPricedComparisons,
                              "ReLUs and comparisons of max pools"));
    }
  }
  if (std::max(layers.linear.size(), layers.nonlinear.size()) > kMaxPricedLayers) {
    return TooMuch("layers",
                   static_cast<int64_t>(std::max(layers.linear.size(), layers.nonlinear.size())),
                   kMaxPricedLayers);
  }
  if (counts.macs > kMaxPricedMacs) return TooMuch("MACs", counts.macs, kMaxPricedMacs);
  layers.image_elements = image.channels * image.height * image.width;
  layers.classes = network.ops.back().output.channels;
  layers.macs = counts.macs;
  layers.relus = counts.relus;
  return layers;
}

int64_t KeptRelus(const PricedNetwork& network) {
  int64_t relus = 0;
  for (size_t i = 0; i < network.kept.size(); ++i) {
    if (network.layers->nonlinear[i].kind == NonlinearKind::kRelu) relus += network.kept[i];
  }
  return relus;
}

int64_t CountPolynomials(const PricedNetwork& network) {
  int64_t polynomials = 0;
  for (const int64_t units : network.polynomials) polynomials += units;
  return polynomials;
}

int64_t Comparisons(const PricedNetwork& network) {
  int64_t comparisons = 0;
  for (const int64_t kept : network.kept) comparisons += kept;
  return comparisons;
}

}  // namespace reluscape
