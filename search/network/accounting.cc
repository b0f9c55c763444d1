#include "search/network/accounting.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/network/checked_math.h"

namespace reluscape {
namespace {

// Not a limit of any architecture: it bounds what a hand-made list may cost.
constexpr size_t kMaxOps = 100'000;
constexpr int kMaxStageNumber = 100;

// What the serialization calls a kind; never changes, since hashes of stored networks hold it.
const char* KindName(OpKind kind) {
  switch (kind) {
    case OpKind::kInput:
      return "input";
    case OpKind::kConv:
      return "conv";
    case OpKind::kBatchNorm:
      return "batchnorm";
    case OpKind::kRelu:
      return "relu";
    case OpKind::kAveragePool:
      return "avgpool";
    case OpKind::kAdd:
      return "add";
    case OpKind::kLinear:
      return "linear";
  }
  return "";
}

absl::Status Wrong(const Op& op, size_t index, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("operation ", index, " (", op.name, ", ", KindName(op.kind), "): ", what));
}

std::string ShapeText(const Shape& shape) {
  return absl::StrCat(shape.channels, "x", shape.height, "x", shape.width);
}

std::optional<int64_t> Elements(const Shape& shape) {
  return CheckedProduct({shape.channels, shape.height, shape.width});
}

// Output side of a window that moves over `side` pixels; 0 where it does not fit.
int64_t WindowSide(int64_t side, int64_t kernel, int64_t stride, int64_t padding) {
  const std::optional<int64_t> padded = CheckedSum({side, padding, padding});
  if (!padded || *padded < kernel) return 0;
  return (*padded - kernel) / stride + 1;
}

size_t InputsOf(OpKind kind) { return kind == OpKind::kInput ? 0 : kind == OpKind::kAdd ? 2 : 1; }

// Whether the operation fits its inputs, whose own shapes have been checked.
absl::Status CheckOp(const Network& network, size_t index) {
  const Op& op = network.ops[index];
  if (op.inputs.size() != InputsOf(op.kind)) {
    return Wrong(op, index,
                 absl::StrCat(op.inputs.size(), " inputs instead of ", InputsOf(op.kind)));
  }
  for (const int input : op.inputs) {
    if (input < 0 || static_cast<size_t>(input) >= index) {
      return Wrong(op, index, absl::StrCat("input ", input, " is not an earlier operation"));
    }
  }
  if ((op.kind == OpKind::kInput) != (index == 0)) {
    return Wrong(op, index, "the input stands first, and only there");
  }
  if ((op.kind == OpKind::kLinear) != (index + 1 == network.ops.size())) {
    return Wrong(op, index, "the classifier stands last, and only there");
  }
  if (op.output.channels < 1 || op.output.height < 1 || op.output.width < 1 ||
      !Elements(op.output)) {
    return Wrong(
        op, index,
        absl::StrCat("output ", ShapeText(op.output), " is empty or does not fit 63 bits"));
  }
  const int previous_stage = index == 0 ? 0 : network.ops[index - 1].stage;
  if (op.stage < previous_stage || op.stage > previous_stage + 1 || op.stage > kMaxStageNumber ||
      (index == 0 && op.stage != 0)) {
    return Wrong(op, index, absl::StrCat("stage ", op.stage, " behind stage ", previous_stage));
  }
  if (op.kind == OpKind::kInput) return absl::OkStatus();

  const Shape& in = network.ops[static_cast<size_t>(op.inputs[0])].output;
  Shape expected = in;
  switch (op.kind) {
    case OpKind::kConv:
      if (op.kernel < 1 || op.stride < 1 || op.padding < 0) {
        return Wrong(op, index, "kernel and stride are at least 1, padding is not negative");
      }
      expected = {op.output.channels, WindowSide(in.height, op.kernel, op.stride, op.padding),
                  WindowSide(in.width, op.kernel, op.stride, op.padding)};
      break;
    case OpKind::kAveragePool:
      if (op.kernel < 1) return Wrong(op, index, "the kernel is at least 1");
      expected = {in.channels, WindowSide(in.height, op.kernel, op.kernel, 0),
                  WindowSide(in.width, op.kernel, op.kernel, 0)};
      break;
    case OpKind::kAdd:
      if (network.ops[static_cast<size_t>(op.inputs[1])].output != in) {
        return Wrong(op, index, "its two inputs differ in shape");
      }
      break;
    case OpKind::kLinear:
      expected = {op.output.channels, 1, 1};
      break;
    case OpKind::kInput:
    case OpKind::kBatchNorm:
    case OpKind::kRelu:
      break;
  }
  if (op.output != expected) {
    return Wrong(
        op, index,
        absl::StrCat("output ", ShapeText(op.output), " instead of ", ShapeText(expected)));
  }
  return absl::OkStatus();
}

absl::Status CheckNetwork(const Network& network) {
  if (network.ops.empty() || network.ops.size() > kMaxOps) {
    return absl::InvalidArgumentError(
        absl::StrCat("network of ", network.ops.size(), " operations; allowed: 1 to ", kMaxOps));
  }
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < network.ops.size(); ++i) {
    if (network.ops[i].name.empty() || !names.insert(network.ops[i].name).second) {
      return Wrong(network.ops[i], i, "its name is empty or used twice");
    }
    RETURN_IF_ERROR(CheckOp(network, i));
  }
  return absl::OkStatus();
}

// Parameters and MACs of one operation; std::nullopt in either where it does not fit.
struct OpCost {
  std::optional<int64_t> parameters = 0;
  std::optional<int64_t> macs = 0;
};

OpCost CostOf(const Op& op, const Shape& in) {
  switch (op.kind) {
    case OpKind::kConv: {
      const std::optional<int64_t> weights =
          CheckedProduct({in.channels, op.output.channels, op.kernel, op.kernel});
      if (!weights) return {std::nullopt, std::nullopt};
      return {weights, CheckedProduct({*weights, op.output.height, op.output.width})};
    }
    case OpKind::kBatchNorm:
      return {CheckedProduct({2, op.output.channels}), 0};
    case OpKind::kLinear: {
      const std::optional<int64_t> weights =
          CheckedProduct({in.channels, in.height, in.width, op.output.channels});
      return {CheckedSum({weights, op.output.channels}), weights};
    }
    case OpKind::kInput:
    case OpKind::kRelu:
    case OpKind::kAveragePool:
    case OpKind::kAdd:
      return {};
  }
  return {};
}

absl::Status AddTo(int64_t& total, std::optional<int64_t> summand, const std::string& what) {
  const std::optional<int64_t> sum = CheckedSum({total, summand});
  if (!sum)
    return absl::InvalidArgumentError(absl::StrCat("the network's ", what, " overflow 63 bits"));
  total = *sum;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<NetworkCounts> CountNetwork(const Network& network) {
  RETURN_IF_ERROR(CheckNetwork(network));
  NetworkCounts counts;
  // The tail is the last stage number; the stages lie between stem and tail.
  counts.stages.resize(static_cast<size_t>(std::max(0, network.ops.back().stage - 1)));
  bool has_stem_relu = false;
  const Op* stem_end = nullptr;
  for (const Op& op : network.ops) {
    LayerCounts layer = {.name = op.name, .stage = op.stage, .output = op.output};
    const Shape in =
        op.inputs.empty() ? Shape{} : network.ops[static_cast<size_t>(op.inputs[0])].output;
    if (op.kind == OpKind::kRelu) {
      RETURN_IF_ERROR(AddTo(layer.relus, Elements(op.output), "ReLUs"));
    }
    const OpCost cost = CostOf(op, in);
    RETURN_IF_ERROR(AddTo(layer.parameters, cost.parameters, "parameters"));
    RETURN_IF_ERROR(AddTo(layer.macs, cost.macs, "MACs"));
    RETURN_IF_ERROR(AddTo(counts.parameters, layer.parameters, "parameters"));
    RETURN_IF_ERROR(AddTo(counts.macs, layer.macs, "MACs"));
    RETURN_IF_ERROR(AddTo(counts.relus, layer.relus, "ReLUs"));
    if (op.stage == 0) {
      has_stem_relu |= op.kind == OpKind::kRelu;
      if (op.kind != OpKind::kInput) stem_end = &op;
    } else if (static_cast<size_t>(op.stage) <= counts.stages.size()) {
      StageCounts& stage = counts.stages[static_cast<size_t>(op.stage) - 1];
      stage.relus += layer.relus;  // at most the total, which fits
      stage.width = op.output.channels;
      stage.side = op.output.height;
      stage.blocks += op.kind == OpKind::kAdd ? 1 : 0;
    }
    counts.layers.push_back(std::move(layer));
  }
  counts.relus_with_stem = counts.relus;
  if (!has_stem_relu && stem_end != nullptr) {
    RETURN_IF_ERROR(AddTo(counts.relus_with_stem, Elements(stem_end->output), "ReLUs"));
  }
  return counts;
}

std::string NetworkHash(const Network& network) {
  Sha256 hash;
  hash.Update("reluscape network 1\n");
  for (const Op& op : network.ops) {
    hash.Update(absl::StrCat(KindName(op.kind), " in=", absl::StrJoin(op.inputs, ","),
                             " out=", ShapeText(op.output), " stage=", op.stage,
                             " kernel=", op.kernel, " stride=", op.stride, " padding=", op.padding,
                             " shortcut=", op.shortcut ? 1 : 0, "\n"));
  }
  return hash.HexDigest();
}

}  // namespace reluscape
