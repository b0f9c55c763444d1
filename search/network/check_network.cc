#include "search/network/check_network.h"

#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/network/checked_math.h"
#include "search/network/describe.h"

namespace reluscape {
namespace {

// Not a limit of any architecture: it bounds what a hand-made list may cost.
constexpr size_t kMaxOps = 100'000;
constexpr int kMaxSectionNumber = 100;

absl::Status Wrong(const Op& op, size_t index, const std::string& what) {
  return absl::InvalidArgumentError(
      absl::StrCat("operation ", index, " (", op.name, ", ", KindName(op.kind), "): ", what));
}

// Output side of a window that moves over `side` pixels; 0 where it does not fit.
int64_t WindowSide(int64_t side, int64_t kernel, int64_t stride, int64_t padding) {
  const std::optional<int64_t> padded = CheckedSum({side, padding, padding});
  if (!padded || *padded < kernel) return 0;
  return (*padded - kernel) / stride + 1;
}

size_t InputsOf(OpKind kind) { return kind == OpKind::kInput ? 0 : kind == OpKind::kAdd ? 2 : 1; }

// Place, number of inputs and section of an operation, and what only some kinds may state.
absl::Status CheckPlace(const Network& network, size_t index) {
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
  if (index + 1 == network.ops.size() && op.kind != OpKind::kLinear) {
    return Wrong(op, index, "the classifier stands last");
  }
  if (op.output.channels < 1 || op.output.height < 1 || op.output.width < 1 ||
      !CheckedProduct({op.output.channels, op.output.height, op.output.width})) {
    return Wrong(
        op, index,
        absl::StrCat("output ", ShapeText(op.output), " is empty or does not fit 63 bits"));
  }
  const int previous_section = index == 0 ? 0 : network.ops[index - 1].section;
  if (op.section < previous_section || op.section > previous_section + 1 ||
      op.section > kMaxSectionNumber || (index == 0 && op.section != 0)) {
    return Wrong(op, index,
                 absl::StrCat("section ", op.section, " behind section ", previous_section));
  }
  if (op.block < 0) return Wrong(op, index, absl::StrCat("block ", op.block, " is negative"));
  if ((op.kind == OpKind::kAdd) != (op.join != Join::kNone)) {
    return Wrong(op, index, "an addition states what it joins, and nothing else does");
  }
  if (op.kind == OpKind::kRelu ? op.relu_channels < 1 || op.relu_channels > op.output.channels
                               : op.relu_channels != 0) {
    return Wrong(op, index,
                 absl::StrCat(op.relu_channels, " channels of ReLUs; a ReLU has 1 to ",
                              op.output.channels, " here, any other operation 0"));
  }
  if (op.dirac && (op.kind != OpKind::kConv || op.stride != 1 || op.kernel % 2 == 0)) {
    return Wrong(op, index, "only a convolution of stride 1 and odd kernel can be a Dirac one");
  }
  return absl::OkStatus();
}

// Kernel, stride and padding, where a kind has them.
absl::Status CheckWindow(const Op& op, size_t index) {
  const bool conv = op.kind == OpKind::kConv;
  const bool pool = op.kind == OpKind::kAveragePool || op.kind == OpKind::kMaxPool;
  if ((conv || pool) && (op.kernel < 1 || op.stride < 1 || op.padding < 0)) {
    return Wrong(op, index, "kernel and stride are at least 1, padding is not negative");
  }
  if (pool && op.padding > op.kernel / 2) {
    return Wrong(op, index, "a pool is padded by at most half its kernel");
  }
  if (op.kind == OpKind::kDownsample && op.stride < 1) {
    return Wrong(op, index, "the stride is at least 1");
  }
  return absl::OkStatus();
}

// Whether the operation fits its inputs, whose own shapes have been checked.
absl::Status CheckOp(const Network& network, size_t index) {
  RETURN_IF_ERROR(CheckPlace(network, index));
  const Op& op = network.ops[index];
  if (op.kind == OpKind::kInput) return absl::OkStatus();
  RETURN_IF_ERROR(CheckWindow(op, index));

  const Shape& in = network.ops[static_cast<size_t>(op.inputs[0])].output;
  Shape expected = in;
  switch (op.kind) {
    case OpKind::kConv:
    case OpKind::kAveragePool:
    case OpKind::kMaxPool:
      expected = {op.kind == OpKind::kConv ? op.output.channels : in.channels,
                  WindowSide(in.height, op.kernel, op.stride, op.padding),
                  WindowSide(in.width, op.kernel, op.stride, op.padding)};
      break;
    case OpKind::kDownsample:
      if (op.output.channels < in.channels) {
        return Wrong(op, index,
                     absl::StrCat(op.output.channels, " channels out of ", in.channels,
                                  ": it adds channels and removes none"));
      }
      expected = {op.output.channels, (in.height - 1) / op.stride + 1,
                  (in.width - 1) / op.stride + 1};
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
    case OpKind::kScale:
      break;
  }
  if (op.output != expected) {
    return Wrong(
        op, index,
        absl::StrCat("output ", ShapeText(op.output), " instead of ", ShapeText(expected)));
  }
  return absl::OkStatus();
}

}  // namespace

const char* KindName(OpKind kind) {
  switch (kind) {
    case OpKind::kInput:
      return "input";
    case OpKind::kConv:
      return "conv";
    case OpKind::kBatchNorm:
      return "batch_norm";
    case OpKind::kRelu:
      return "relu";
    case OpKind::kAveragePool:
      return "average_pool";
    case OpKind::kMaxPool:
      return "max_pool";
    case OpKind::kDownsample:
      return "downsample";
    case OpKind::kScale:
      return "scale";
    case OpKind::kAdd:
      return "add";
    case OpKind::kLinear:
      return "linear";
  }
  return "";
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

}  // namespace reluscape
