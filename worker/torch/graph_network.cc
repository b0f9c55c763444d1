#include "worker/torch/graph_network.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "worker/torch/gated_relu.h"

namespace reluscape {
namespace {

constexpr double kBatchNormMomentum = 0.1;
constexpr double kBatchNormEpsilon = 1e-5;

int64_t Elements(const Shape& shape) { return shape.channels * shape.height * shape.width; }

}  // namespace

GraphNetwork::GraphNetwork(const Network& network, MaskMode mask_mode, at::Device device)
    : mask_mode_(mask_mode),
      device_(device),
      // On CUDA, cuDNN's convolutions are fastest with channels last. On the CPU they are not
      // safe: oneDNN's backward pass of LibTorch 2.13 writes outside its buffers for 4 channels.
      memory_format_(device.is_cuda() ? at::MemoryFormat::ChannelsLast
                                      : at::MemoryFormat::Contiguous) {
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(device);
  std::vector<int> consumers(network.ops.size(), 0);
  std::vector<int> last_use(network.ops.size(), -1);
  for (size_t i = 0; i < network.ops.size(); ++i) {
    for (const int input : network.ops[i].inputs) {
      ++consumers[static_cast<size_t>(input)];
      last_use[static_cast<size_t>(input)] = static_cast<int>(i);
    }
  }
  for (const Op& op : network.ops) {
    Layer layer;
    layer.op = op;
    const Shape input =
        op.inputs.empty() ? Shape{} : network.ops[static_cast<size_t>(op.inputs.front())].output;
    switch (op.kind) {
      case OpKind::kConv:
        layer.weight = at::empty({op.output.channels, input.channels, op.kernel, op.kernel},
                                 options.memory_format(memory_format_))
                           .zero_();
        break;
      case OpKind::kBatchNorm:
        layer.weight = at::ones({op.output.channels}, options);
        layer.bias = at::zeros({op.output.channels}, options);
        layer.running_mean = at::zeros({op.output.channels}, options);
        layer.running_variance = at::ones({op.output.channels}, options);
        break;
      case OpKind::kLinear:
        layer.weight = at::zeros({op.output.channels, Elements(input)}, options);
        layer.bias = at::zeros({op.output.channels}, options);
        break;
      case OpKind::kRelu:
        relu_names_.push_back(op.name);
        relu_units_.push_back(Elements(op.output));
        if (mask_mode != MaskMode::kNone) {
          layer.mask = at::empty({1, op.output.channels, op.output.height, op.output.width},
                                 options.memory_format(memory_format_))
                           .fill_(1)
                           .select(0, 0);
        }
        break;
      case OpKind::kInput:
      case OpKind::kAveragePool:
      case OpKind::kMaxPool:
      case OpKind::kDownsample:
      case OpKind::kScale:
      case OpKind::kAdd:
        break;
    }
    if (!op.inputs.empty()) {
      const auto first = static_cast<size_t>(op.inputs.front());
      const OpKind producer = network.ops[first].kind;
      // The gradients of batch norm and of a sum do not need their outputs.
      const bool overwritable =
          consumers[first] == 1 && (producer == OpKind::kBatchNorm || producer == OpKind::kAdd);
      const bool writes =
          op.kind == OpKind::kAdd || (op.kind == OpKind::kRelu && mask_mode == MaskMode::kNone);
      const bool twice = op.inputs.size() == 2 && op.inputs[0] == op.inputs[1];
      layer.in_place = overwritable && writes && !twice;
    }
    const int index = static_cast<int>(layers_.size());
    for (const int value : op.inputs) {
      if (last_use[static_cast<size_t>(value)] == index) layer.release.push_back(value);
    }
    if (layer.weight.defined()) weights_.push_back({op.name + ".weight", layer.weight});
    if (layer.bias.defined()) weights_.push_back({op.name + ".bias", layer.bias});
    if (layer.running_mean.defined()) {
      statistics_.push_back({op.name + ".running_mean", layer.running_mean});
      statistics_.push_back({op.name + ".running_var", layer.running_variance});
    }
    if (layer.mask.defined()) masks_.push_back({op.name + ".mask", layer.mask});
    layers_.push_back(std::move(layer));
  }
  SetRequiresGrad(true);
}

void GraphNetwork::SetRequiresGrad(bool requires_grad) {
  for (const NamedTensor& weight : weights_) weight.tensor.set_requires_grad(requires_grad);
  if (mask_mode_ != MaskMode::kSoft) return;
  for (const NamedTensor& mask : masks_) mask.tensor.set_requires_grad(requires_grad);
}

int64_t GraphNetwork::units() const {
  return std::accumulate(relu_units_.begin(), relu_units_.end(), int64_t{0});
}

void GraphNetwork::Initialize(uint64_t seed) {
  const c10::NoGradGuard no_grad;
  // Always drawn on the CPU, so that a seed means the same weights on every device.
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  for (Layer& layer : layers_) {
    if (layer.op.kind != OpKind::kConv && layer.op.kind != OpKind::kLinear) continue;
    const int64_t inputs = layer.weight.numel() / layer.weight.size(0);
    const auto fan_in = static_cast<double>(inputs);
    at::Tensor drawn = at::empty(layer.weight.sizes(), at::kFloat);
    layer.weight.copy_(drawn.normal_(0, std::sqrt(2 / fan_in), generator));
    if (!layer.bias.defined()) continue;
    const double bound = 1 / std::sqrt(fan_in);
    drawn = at::empty(layer.bias.sizes(), at::kFloat);
    layer.bias.copy_(drawn.uniform_(-bound, bound, generator));
  }
}

at::Tensor GraphNetwork::Apply(const Layer& layer, std::vector<at::Tensor>& values) const {
  const Op& op = layer.op;
  at::Tensor& x = values[static_cast<size_t>(op.inputs[0])];
  switch (op.kind) {
    case OpKind::kConv:
      return at::conv2d(x, layer.weight, /*bias=*/{}, op.stride, op.padding);
    case OpKind::kBatchNorm:
      return at::batch_norm(x, layer.weight, layer.bias, layer.running_mean, layer.running_variance,
                            training_, kBatchNormMomentum, kBatchNormEpsilon,
                            /*cudnn_enabled=*/true);
    case OpKind::kRelu:
      if (layer.mask.defined()) return GatedRelu(x, layer.mask);
      return layer.in_place ? at::relu_(x) : at::relu(x);
    case OpKind::kAveragePool:
      return at::avg_pool2d(x, {op.kernel, op.kernel}, {op.stride, op.stride},
                            {op.padding, op.padding});
    case OpKind::kAdd: {
      const at::Tensor& y = values[static_cast<size_t>(op.inputs[1])];
      return layer.in_place ? x.add_(y) : at::add(x, y);
    }
    case OpKind::kLinear:
      return at::linear(x.flatten(1), layer.weight, layer.bias);
    case OpKind::kInput:
      break;
    case OpKind::kMaxPool:
    case OpKind::kDownsample:
    case OpKind::kScale:
      TORCH_CHECK_NOT_IMPLEMENTED(false, "operation ", op.name, " cannot be run");
  }
  return x;
}

at::Tensor GraphNetwork::Forward(const at::Tensor& images) const {
  std::vector<at::Tensor> values(layers_.size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    values[i] =
        layer.op.kind == OpKind::kInput ? images.contiguous(memory_format_) : Apply(layer, values);
    for (const int value : layer.release) values[static_cast<size_t>(value)].reset();
  }
  return values.back();
}

}  // namespace reluscape
