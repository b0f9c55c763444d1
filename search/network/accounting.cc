#include "search/network/accounting.h"

#include <algorithm>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/network/check_network.h"
#include "search/network/checked_math.h"

namespace reluscape {
namespace {

// Of one operation; std::nullopt in a count that does not fit.
struct OpCost {
  std::optional<int64_t> parameters = 0;
  std::optional<int64_t> macs = 0;
};

OpCost ConvCost(const Op& op, const Shape& in) {
  const std::optional<int64_t> weights =
      CheckedProduct({in.channels, op.output.channels, op.kernel, op.kernel});
  if (!weights) return {std::nullopt, std::nullopt};
  // A Dirac convolution has two factors per output channel; its kernel is folded before it runs.
  const std::optional<int64_t> factors =
      op.dirac ? CheckedProduct({2, op.output.channels}) : std::optional<int64_t>(0);
  return {CheckedSum({weights, factors}),
          CheckedProduct({*weights, op.output.height, op.output.width})};
}

OpCost CostOf(const Op& op, const Shape& in) {
  switch (op.kind) {
    case OpKind::kConv:
      return ConvCost(op, in);
    case OpKind::kBatchNorm:
      return {CheckedProduct({2, op.output.channels}), 0};
    case OpKind::kScale:
      return {1, 0};
    case OpKind::kLinear: {
      const std::optional<int64_t> weights =
          CheckedProduct({in.channels, in.height, in.width, op.output.channels});
      return {CheckedSum({weights, op.output.channels}), weights};
    }
    case OpKind::kInput:
    case OpKind::kRelu:
    case OpKind::kAveragePool:
    case OpKind::kMaxPool:
    case OpKind::kDownsample:
    case OpKind::kAdd:
      return {};
  }
  return {};
}

absl::Status AddTo(int64_t& total, std::optional<int64_t> summand, const std::string& what) {
  const std::optional<int64_t> sum = CheckedSum({total, summand});
  if (!sum) {
    return absl::InvalidArgumentError(absl::StrCat("the network's ", what, " overflow 63 bits"));
  }
  total = *sum;
  return absl::OkStatus();
}

// Which of the three parts of the MACs an operation belongs to.
int64_t& MacsPart(NetworkCounts& counts, const Op& op) {
  if (op.kind == OpKind::kLinear) return counts.classifier_macs;
  return op.shortcut ? counts.shortcut_macs : counts.conv_macs;
}

// Follows the added side of `join` back to where it leaves the main path.
SkipEdge EdgeOf(const Network& network, size_t join) {
  SkipEdge edge = {.from = network.ops[join].inputs[1],
                   .to = static_cast<int>(join),
                   .join = network.ops[join].join};
  while (network.ops[static_cast<size_t>(edge.from)].shortcut) {
    edge.identity = false;
    edge.from = network.ops[static_cast<size_t>(edge.from)].inputs[0];
  }
  return edge;
}

// Output of the batch norm behind which other texts count ReLUs that the network does not have:
// that of the stem, or in a pre-activation network, whose stem has none, that of the tail. Null
// where there is no such batch norm, or a ReLU stands there.
const Shape* AbsentRelu(const Network& network) {
  for (const int section : {0, network.ops.back().section}) {
    const Shape* open = nullptr;
    bool found = false;
    for (const Op& op : network.ops) {
      if (op.section != section) continue;
      if (op.kind == OpKind::kBatchNorm) {
        found = true;
        open = &op.output;
      } else if (op.kind == OpKind::kRelu) {
        open = nullptr;
      }
    }
    if (found) return open;
  }
  return nullptr;
}

std::optional<int64_t> ReluUnits(const Op& op) {
  return CheckedProduct({op.relu_channels, op.output.height, op.output.width});
}

}  // namespace

absl::StatusOr<NetworkCounts> CountNetwork(const Network& network) {
  RETURN_IF_ERROR(CheckNetwork(network));
  NetworkCounts counts;
  // The tail is the last section number; the sections lie between stem and tail.
  counts.sections.resize(static_cast<size_t>(std::max(0, network.ops.back().section - 1)));
  for (size_t i = 0; i < network.ops.size(); ++i) {
    const Op& op = network.ops[i];
    LayerCounts layer = {
        .name = op.name, .section = op.section, .block = op.block, .output = op.output};
    const Shape in =
        op.inputs.empty() ? Shape{} : network.ops[static_cast<size_t>(op.inputs[0])].output;
    if (op.kind == OpKind::kRelu) RETURN_IF_ERROR(AddTo(layer.relus, ReluUnits(op), "ReLUs"));
    if (op.kind == OpKind::kAdd) counts.skip_edges.push_back(EdgeOf(network, i));
    const OpCost cost = CostOf(op, in);
    RETURN_IF_ERROR(AddTo(layer.parameters, cost.parameters, "parameters"));
    RETURN_IF_ERROR(AddTo(layer.macs, cost.macs, "MACs"));
    RETURN_IF_ERROR(AddTo(counts.parameters, layer.parameters, "parameters"));
    RETURN_IF_ERROR(AddTo(counts.macs, layer.macs, "MACs"));
    MacsPart(counts, op) += layer.macs;  // at most the total, which fits
    RETURN_IF_ERROR(AddTo(counts.relus, layer.relus, "ReLUs"));
    if (op.section > 0 && static_cast<size_t>(op.section) <= counts.sections.size()) {
      SectionCounts& section = counts.sections[static_cast<size_t>(op.section) - 1];
      section.relus += layer.relus;  // at most the total, which fits
      section.width = op.output.channels;
      section.side = op.output.height;
      section.blocks = std::max<int64_t>(section.blocks, op.block);
    }
    counts.layers.push_back(std::move(layer));
  }
  counts.relus_with_stem = counts.relus;
  if (const Shape* absent = AbsentRelu(network); absent != nullptr) {
    RETURN_IF_ERROR(AddTo(counts.relus_with_stem,
                          CheckedProduct({absent->channels, absent->height, absent->width}),
                          "ReLUs"));
  }
  return counts;
}

}  // namespace reluscape
