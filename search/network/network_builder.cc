#include "search/network/network_builder.h"

#include <utility>

namespace reluscape {
namespace {

Shape Windowed(const Shape& in, int64_t channels, int64_t kernel, int64_t stride, int64_t padding) {
  return {channels, (in.height + 2 * padding - kernel) / stride + 1,
          (in.width + 2 * padding - kernel) / stride + 1};
}

}  // namespace

void NetworkBuilder::SetSection(int section) {
  section_ = section;
  block_ = 0;
}

void NetworkBuilder::SetBlock(int64_t block) { block_ = static_cast<int>(block); }

void NetworkBuilder::SetShortcut(bool shortcut) { shortcut_ = shortcut; }

int NetworkBuilder::Input(int64_t side) {
  constexpr int64_t kColours = 3;
  return Append(
      {.kind = OpKind::kInput, .name = "input", .inputs = {}, .output = {kColours, side, side}});
}

int NetworkBuilder::Conv(const std::string& name, int input, const ConvSpec& spec) {
  const int64_t padding = spec.kernel / 2;
  return Append(
      {.kind = OpKind::kConv,
       .name = name,
       .inputs = {input},
       .output = Windowed(ShapeOf(input), spec.channels, spec.kernel, spec.stride, padding),
       .kernel = spec.kernel,
       .stride = spec.stride,
       .padding = padding,
       .dirac = spec.dirac});
}

int NetworkBuilder::BatchNorm(const std::string& name, int input) {
  return Append(
      {.kind = OpKind::kBatchNorm, .name = name, .inputs = {input}, .output = ShapeOf(input)});
}

int NetworkBuilder::Relu(const std::string& name, int input, int64_t channels) {
  return Append({.kind = OpKind::kRelu,
                 .name = name,
                 .inputs = {input},
                 .output = ShapeOf(input),
                 .relu_channels = channels});
}

int NetworkBuilder::AveragePool(const std::string& name, int input, int64_t kernel,
                                int64_t stride) {
  const Shape& in = ShapeOf(input);
  return Append({.kind = OpKind::kAveragePool,
                 .name = name,
                 .inputs = {input},
                 .output = Windowed(in, in.channels, kernel, stride, /*padding=*/0),
                 .kernel = kernel,
                 .stride = stride});
}

int NetworkBuilder::MaxPool(const std::string& name, int input, int64_t kernel, int64_t stride,
                            int64_t padding) {
  const Shape& in = ShapeOf(input);
  return Append({.kind = OpKind::kMaxPool,
                 .name = name,
                 .inputs = {input},
                 .output = Windowed(in, in.channels, kernel, stride, padding),
                 .kernel = kernel,
                 .stride = stride,
                 .padding = padding});
}

int NetworkBuilder::Downsample(const std::string& name, int input, int64_t channels,
                               int64_t stride) {
  const Shape& in = ShapeOf(input);
  return Append({.kind = OpKind::kDownsample,
                 .name = name,
                 .inputs = {input},
                 .output = {channels, (in.height - 1) / stride + 1, (in.width - 1) / stride + 1},
                 .stride = stride});
}

int NetworkBuilder::Scale(const std::string& name, int input) {
  return Append(
      {.kind = OpKind::kScale, .name = name, .inputs = {input}, .output = ShapeOf(input)});
}

int NetworkBuilder::Add(const std::string& name, int main, int added, Join join) {
  return Append({.kind = OpKind::kAdd,
                 .name = name,
                 .inputs = {main, added},
                 .output = ShapeOf(main),
                 .join = join});
}

int NetworkBuilder::Linear(const std::string& name, int input, int64_t outputs) {
  return Append(
      {.kind = OpKind::kLinear, .name = name, .inputs = {input}, .output = {outputs, 1, 1}});
}

Network NetworkBuilder::Take() { return std::exchange(network_, {}); }

int NetworkBuilder::Append(Op op) {
  op.section = section_;
  op.block = block_;
  op.shortcut = shortcut_;
  network_.ops.push_back(std::move(op));
  return static_cast<int>(network_.ops.size()) - 1;
}

}  // namespace reluscape
