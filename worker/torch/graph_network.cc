#include "worker/torch/graph_network.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <numeric>
#include <utility>

#include "search/network/folding.h"
#include "worker/torch/graph_operations.h"

namespace reluscape {
namespace {

constexpr double kBatchNormMomentum = 0.1;
constexpr double kDiracB = 0.1;  // the first value of b (DiracNets, public code)

// Convolutions are fastest with channels last: cuDNN's, and on the CPU oneDNN's, which then need
// not reorder what they read and write (docs/benchmarks.md). But oneDNN's backward pass of
// LibTorch 2.13 goes wrong with channels last for some narrow convolutions: it writes outside its
// buffers (1x1 with stride 2 from 4 to 8 channels) or computes a wrong gradient (1x1 with stride 2
// from 3 channels). So on the CPU a network has them where all its convolutions are whole multiples
// of 16 channels wide, but for the image's, which then must be wider than one pixel: for these
// shapes no such write was found with a guard page behind every buffer, and gradients agree with
// float64 (ChannelsLastTest in precision_test.cc).
at::MemoryFormat MemoryFormatFor(const Network& network, at::Device device) {
  constexpr int64_t kSafeMultiple = 16;
  if (device.is_cuda()) return at::MemoryFormat::ChannelsLast;
  for (const Op& op : network.ops) {
    if (op.kind != OpKind::kConv) continue;
    const Op& input = network.ops[static_cast<size_t>(op.inputs.front())];
    const bool image = input.kind == OpKind::kInput;
    const bool safe_input = image ? op.kernel > 1 : input.output.channels % kSafeMultiple == 0;
    if (!safe_input || op.output.channels % kSafeMultiple != 0) return at::MemoryFormat::Contiguous;
  }
  return at::MemoryFormat::ChannelsLast;
}

int64_t Elements(const Shape& shape) { return shape.channels * shape.height * shape.width; }

}  // namespace

GraphNetwork::GraphNetwork(const Network& network, MaskMode mask_mode, at::Device device,
                           v1::LinearizeSpec::MaskShape mask_shape,
                           v1::LinearizeSpec::Replacement replacement,
                           v1::StagesSpec::Precision precision)
    : mask_mode_(mask_mode),
      mask_shape_(mask_shape),
      replacement_(replacement),
      device_(device),
      memory_format_(MemoryFormatFor(network, device)),
      compute_type_(precision == v1::StagesSpec::BFLOAT16 ? at::kBFloat16 : at::kFloat) {
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
    MakeTensors(input, layer);
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
    layers_.push_back(std::move(layer));
  }
  ListTensors();
  SetRequiresGrad(true);
}

at::Tensor GraphNetwork::Computed(const at::Tensor& tensor) const {
  return tensor.defined() ? tensor.to(compute_type_) : tensor;
}

void GraphNetwork::MakeTensors(const Shape& input, Layer& layer) {
  const Op& op = layer.op;
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(device_);
  const int64_t channels = op.output.channels;
  switch (op.kind) {
    case OpKind::kConv:
      layer.weight = at::empty({channels, input.channels, op.kernel, op.kernel},
                               options.memory_format(memory_format_))
                         .zero_();
      if (op.dirac) {
        layer.dirac_a = at::ones({channels}, options);
        layer.dirac_b = at::full({channels}, kDiracB, options);
        layer.delta = IdentityKernel(channels, input.channels, op.kernel)
                          .to(device_)
                          .contiguous(memory_format_);
      }
      break;
    case OpKind::kBatchNorm:
      layer.weight = at::ones({channels}, options);
      layer.bias = at::zeros({channels}, options);
      layer.running_mean = at::zeros({channels}, options);
      layer.running_variance = at::ones({channels}, options);
      break;
    case OpKind::kLinear:
      layer.weight = at::zeros({channels, Elements(input)}, options);
      layer.bias = at::zeros({channels}, options);
      break;
    case OpKind::kScale:
      layer.weight = at::ones({1}, options);
      break;
    case OpKind::kRelu: {
      const int64_t area = op.output.height * op.output.width;
      relu_names_.push_back(op.name);
      relu_units_.push_back(op.relu_channels * area);
      if (mask_mode_ == MaskMode::kNone) break;
      const bool pixels = mask_shape_ == v1::LinearizeSpec::PIXEL;
      units_per_value_.push_back(pixels ? 1 : area);
      layer.mask = at::empty({1, op.relu_channels, pixels ? op.output.height : 1,
                              pixels ? op.output.width : 1},
                             options.memory_format(memory_format_))
                       .fill_(1)
                       .select(0, 0);
      if (replacement_ == v1::LinearizeSpec::POLYNOMIAL) {
        layer.polynomial = at::zeros({3, op.relu_channels}, options);
        layer.polynomial.select(0, 1).fill_(1);
      }
      break;
    }
    case OpKind::kInput:
    case OpKind::kAveragePool:
    case OpKind::kMaxPool:
    case OpKind::kDownsample:
    case OpKind::kAdd:
      break;
  }
}

void GraphNetwork::ListTensors() {
  weights_.clear();
  statistics_.clear();
  masks_.clear();
  coefficients_.clear();
  for (const Layer& layer : layers_) {
    const auto list = [&](const char* suffix, const at::Tensor& tensor,
                          std::vector<NamedTensor>& tensors) {
      if (tensor.defined()) tensors.push_back({layer.op.name + suffix, tensor});
    };
    list(".weight", layer.weight, weights_);
    list(".bias", layer.bias, weights_);
    list(kDiracIdentitySuffix, layer.dirac_a, weights_);
    list(".dirac_b", layer.dirac_b, weights_);
    list(".running_mean", layer.running_mean, statistics_);
    list(".running_var", layer.running_variance, statistics_);
    list(".mask", layer.mask, masks_);
    list(kPolynomialSuffix, layer.polynomial, coefficients_);
  }
}

void GraphNetwork::Fold() {
  const c10::NoGradGuard no_grad;
  SetTraining(false);
  SetRequiresGrad(false);
  Network network;
  for (const Layer& layer : layers_) network.ops.push_back(layer.op);
  const std::vector<int> batch_norms = FoldableBatchNorms(network);
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& conv = layers_[i];
    if (conv.delta.defined()) {
      conv.weight = DiracWeight(conv.weight, conv.dirac_a, conv.dirac_b, conv.delta);
      for (at::Tensor* tensor : {&conv.dirac_a, &conv.dirac_b, &conv.delta}) tensor->reset();
    }
    if (batch_norms[i] < 0) continue;
    Layer& norm = layers_[static_cast<size_t>(batch_norms[i])];
    const at::Tensor gain = norm.weight / (norm.running_variance + kBatchNormEpsilon).sqrt();
    conv.weight = (conv.weight * gain.view({-1, 1, 1, 1})).contiguous(memory_format_);
    conv.bias = norm.bias - norm.running_mean * gain;
    for (at::Tensor* tensor :
         {&norm.weight, &norm.bias, &norm.running_mean, &norm.running_variance}) {
      tensor->reset();
    }
    norm.folded = true;
  }
  for (Layer& layer : layers_) {
    if (layer.op.kind != OpKind::kConv && layer.op.kind != OpKind::kLinear) continue;
    layer.weight = Computed(layer.weight);
    layer.bias = Computed(layer.bias);
  }
  folded_ = true;
  ListTensors();
}

void GraphNetwork::SetRequiresGrad(bool requires_grad) {
  for (const auto* list : {&weights_, &coefficients_}) {
    for (const NamedTensor& one : *list) one.tensor.set_requires_grad(requires_grad);
  }
  if (mask_mode_ != MaskMode::kSoft) return;
  for (const NamedTensor& mask : masks_) mask.tensor.set_requires_grad(requires_grad);
}

void GraphNetwork::DropGradients() const {
  for (const auto* list : {&weights_, &coefficients_, &masks_}) {
    for (const NamedTensor& one : *list) one.tensor.mutable_grad().reset();
  }
}

std::vector<NamedTensor> GraphNetwork::parameters() const {
  std::vector<NamedTensor> all = weights_;
  all.insert(all.end(), coefficients_.begin(), coefficients_.end());
  return all;
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
    case OpKind::kConv: {
      const at::Tensor weight = layer.delta.defined() ? DiracWeight(layer.weight, layer.dirac_a,
                                                                    layer.dirac_b, layer.delta)
                                                      : layer.weight;
      return at::conv2d(Computed(x), Computed(weight), Computed(layer.bias), op.stride, op.padding);
    }
    case OpKind::kBatchNorm:
      if (layer.folded) return x;
      return at::batch_norm(x, layer.weight, layer.bias, layer.running_mean, layer.running_variance,
                            training_, kBatchNormMomentum, kBatchNormEpsilon,
                            /*cudnn_enabled=*/true);
    case OpKind::kRelu:
      return ReluOnChannels(x, op.relu_channels, layer.mask, layer.in_place, layer.polynomial);
    case OpKind::kAveragePool:
      return at::avg_pool2d(x, {op.kernel, op.kernel}, {op.stride, op.stride},
                            {op.padding, op.padding});
    case OpKind::kMaxPool:
      return at::max_pool2d(x, {op.kernel, op.kernel}, {op.stride, op.stride},
                            {op.padding, op.padding});
    case OpKind::kDownsample:
      return Downsample(x, op.stride, op.output.channels);
    case OpKind::kScale:
      return x * layer.weight.to(x.scalar_type());
    case OpKind::kAdd: {
      const at::Tensor& y = values[static_cast<size_t>(op.inputs[1])];
      return layer.in_place ? x.add_(y) : at::add(x, y);
    }
    case OpKind::kLinear:
      // A vector is a map of one pixel, so that a ReLU behind it is like any other.
      return at::linear(Computed(x.flatten(1)), Computed(layer.weight), Computed(layer.bias))
          .unsqueeze(-1)
          .unsqueeze(-1);
    case OpKind::kInput:
      break;
  }
  return x;
}

at::Tensor GraphNetwork::Forward(const at::Tensor& images,
                                 const OperationObserver& observer) const {
  std::vector<at::Tensor> values(layers_.size());
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    values[i] =
        layer.op.kind == OpKind::kInput ? images.contiguous(memory_format_) : Apply(layer, values);
    if (observer) {
      observer(
          layer.op,
          layer.op.inputs.empty() ? at::Tensor() : values[static_cast<size_t>(layer.op.inputs[0])],
          values[i]);
    }
    for (const int value : layer.release) values[static_cast<size_t>(value)].reset();
  }
  return values.back().flatten(1).to(at::kFloat);
}

}  // namespace reluscape
