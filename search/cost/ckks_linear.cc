#include "search/cost/ckks_linear.h"

#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "search/cost/whole_numbers.h"
#include "search/network/checked_math.h"

namespace reluscape {
namespace {

class Packer {
 public:
  Packer(const Network& network, const CkksPacking& packing, int64_t slots)
      : network_(network), packing_(packing), slots_(slots) {
    users_.resize(network.ops.size());
    for (size_t i = 0; i < network.ops.size(); ++i) {
      for (const int input : network.ops[i].inputs) {
        users_[static_cast<size_t>(input)].push_back(static_cast<int>(i));
      }
    }
  }

  absl::StatusOr<CkksLayers> Run() {
    for (size_t i = 0; i < network_.ops.size(); ++i) {
      const Op& op = network_.ops[i];
      CkksLayer layer;
      const absl::Status status = Pack(i, layer);
      if (!status.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat(op.name, ": ", std::string(status.message())));
      }
      NoteExtrapolation(i, layer);
      result_.layers.push_back(layer);
    }
    if (!packing_.CountsTheOperationItself()) {
      result_.extrapolated.assign(notes_.begin(), notes_.end());
    }
    if (!projections_.empty()) {
      result_.notes.push_back(absl::StrCat(
          absl::StrJoin(projections_, ", "),
          ": multiplexed packing down-samples without parameters only where its number of maps is "
          "a multiple of 8; a 1x1 convolution is priced instead"));
    }
    return result_;
  }

 private:
  const CkksLayout& LayoutOf(int op) const {
    return result_.layers[static_cast<size_t>(op)].layout;
  }

  absl::Status Pack(size_t index, CkksLayer& layer) {
    const Op& op = network_.ops[index];
    const std::optional<int64_t> elements =
        CheckedProduct({op.output.channels, op.output.height, op.output.width});
    if (!elements) return absl::InvalidArgumentError("its elements do not fit 63 bits");
    layer.ciphertexts = *elements / slots_ + (*elements % slots_ == 0 ? 0 : 1);
    switch (op.kind) {
      case OpKind::kInput:
        layer.layout = {.channels = op.output.channels,
                        .height = op.output.height,
                        .width = op.output.width,
                        .gap = 1};
        return absl::OkStatus();
      case OpKind::kConv:
        return PackConvolution(op, layer);
      case OpKind::kBatchNorm:
      case OpKind::kRelu:
      case OpKind::kScale:
        layer.layout = LayoutOf(op.inputs[0]);
        return absl::OkStatus();
      case OpKind::kAveragePool:
        return PackAveragePool(index, layer);
      case OpKind::kMaxPool:
        return absl::InvalidArgumentError(
            "found a max pool; allowed under CKKS: an average pool, since a maximum is no "
            "polynomial and none that stands in for it is modelled");
      case OpKind::kDownsample:
        return PackDownsample(op, layer);
      case OpKind::kAdd:
        return PackAdd(op, layer);
      case OpKind::kLinear:
        return PackLinear(index, layer);
    }
    return absl::InvalidArgumentError("unknown operation");
  }

  absl::Status CheckStride(int64_t stride) {
    if (stride < 1 || !IsPowerOfTwo(stride)) {
      return absl::InvalidArgumentError(
          absl::StrCat("found stride ", stride, "; allowed by the packing: powers of two"));
    }
    if (stride > 2) notes_.insert("strides above 2");
    return absl::OkStatus();
  }

  absl::Status PackConvolution(const Op& op, CkksLayer& layer) {
    const CkksLayout& in = LayoutOf(op.inputs[0]);
    RETURN_IF_ERROR(CheckStride(op.stride));
    if (op.kernel % 2 == 0 || op.padding != op.kernel / 2) {
      return absl::InvalidArgumentError(
          absl::StrCat("found kernel ", op.kernel, " with padding ", op.padding,
                       "; allowed by the packing: an odd kernel with padding (kernel - 1) / 2"));
    }
    ASSIGN_OR_RETURN(layer.layout, StridedLayout(in, op.output.channels, op.stride));
    const auto key = std::tuple(in.channels, in.height, in.width, in.gap, op.output.channels,
                                op.kernel, op.stride);
    const auto known = convolutions_.find(key);
    if (known != convolutions_.end()) {
      layer.ops = known->second;
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(layer.ops, packing_.Convolution(in, op.output.channels, op.kernel, op.stride));
    convolutions_[key] = layer.ops;
    return absl::OkStatus();
  }

  // Whether only fully connected layers use it.
  bool EndsInLinear(size_t index) const {
    for (const int user : users_[index]) {
      if (network_.ops[static_cast<size_t>(user)].kind != OpKind::kLinear) return false;
    }
    return !users_[index].empty();
  }

  absl::Status PackAveragePool(size_t index, CkksLayer& layer) {
    const Op& op = network_.ops[index];
    const CkksLayout& in = LayoutOf(op.inputs[0]);
    if (packing_.NeedsVector() && EndsInLinear(index) && op.stride == op.kernel &&
        op.padding == 0) {
      layer.layout = {.channels = op.output.channels * op.output.height * op.output.width,
                      .height = 1,
                      .width = 1,
                      .gap = 1};
      ASSIGN_OR_RETURN(layer.ops, packing_.Collect(in, op.kernel));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(layer.layout, StridedLayout(in, in.channels, op.stride));
    if (layer.layout.height != op.output.height || layer.layout.width != op.output.width) {
      return absl::InvalidArgumentError(
          absl::StrCat("found an output of ", op.output.height, "x", op.output.width,
                       "; allowed by the packing: ", layer.layout.height, "x", layer.layout.width,
                       ", the input's sides divided by the stride"));
    }
    ASSIGN_OR_RETURN(layer.ops, packing_.AveragePool(in, op.kernel, op.stride, op.padding));
    notes_.insert("an average pool before another convolution is derived, not validated");
    return absl::OkStatus();
  }

  absl::Status PackDownsample(const Op& op, CkksLayer& layer) {
    const CkksLayout& in = LayoutOf(op.inputs[0]);
    RETURN_IF_ERROR(CheckStride(op.stride));
    ASSIGN_OR_RETURN(layer.layout, StridedLayout(in, op.output.channels, op.stride));
    ASSIGN_OR_RETURN(const CkksDownsample down,
                     packing_.Downsample(in, op.output.channels, op.stride));
    layer.ops = down.ops;
    layer.projected = down.projected;
    if (down.projected) projections_.insert(op.name);
    return absl::OkStatus();
  }

  absl::Status PackAdd(const Op& op, CkksLayer& layer) {
    layer.layout = LayoutOf(op.inputs[0]);
    if (op.join == Join::kNone) {
      return absl::InvalidArgumentError(
          "found an addition that joins nothing; allowed: one that "
          "joins a residual or a shared source");
    }
    if (!(LayoutOf(op.inputs[1]) == layer.layout)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "found gap ", layer.layout.gap, " on the main path and ", LayoutOf(op.inputs[1]).gap,
          " on the skip; allowed: equal packings, since an addition works slot by slot"));
    }
    return absl::OkStatus();
  }

  absl::Status PackLinear(size_t index, CkksLayer& layer) {
    const Op& op = network_.ops[index];
    CkksLayout in = LayoutOf(op.inputs[0]);
    if (packing_.NeedsVector() && (in.height != 1 || in.width != 1 || in.gap != 1)) {
      ASSIGN_OR_RETURN(layer.collect_ops, packing_.Collect(in, /*kernel=*/1));
      layer.collects = true;
      in = {.channels = in.channels * in.height * in.width, .height = 1, .width = 1, .gap = 1};
    }
    layer.layout = {.channels = op.output.channels, .height = 1, .width = 1, .gap = 1};
    ASSIGN_OR_RETURN(layer.ops, packing_.FullyConnected(in, op.output.channels,
                                                        /*last=*/index + 1 == network_.ops.size()));
    return absl::OkStatus();
  }

  void NoteExtrapolation(size_t index, const CkksLayer& layer) {
    const Op& op = network_.ops[index];
    if (op.kind != OpKind::kConv) return;
    if (!IsPowerOfTwo(op.output.channels)) notes_.insert("widths that are no powers of two");
    if (!IsPowerOfTwo(op.output.height) || !IsPowerOfTwo(op.output.width)) {
      notes_.insert("sides that are no powers of two");
    }
    if (layer.ciphertexts > 1) {
      notes_.insert(
          "tensors of several ciphertexts: every pair of an input and an output group is charged, "
          "which is derived and not validated");
    }
  }

  const Network& network_;
  const CkksPacking& packing_;
  const int64_t slots_;
  std::vector<std::vector<int>> users_;
  CkksLayers result_;
  // Of one shape each: networks repeat them, and single-shot packing takes a while.
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t>, LinearOps>
      convolutions_;
  std::set<std::string> notes_;
  std::set<std::string> projections_;
};

}  // namespace

absl::StatusOr<CkksLayers> PackNetwork(const Network& network, const CkksPacking& packing,
                                       int64_t slots) {
  return Packer(network, packing, slots).Run();
}

}  // namespace reluscape
