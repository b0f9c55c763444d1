#pragma once

// A Network as something to train: its operations, carried out one after the other by LibTorch.
// Nothing here knows a family of architectures; everything comes from the list of operations.

#include <ATen/ATen.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "reluscape/v1/job.pb.h"
#include "search/network/network.h"

namespace reluscape {

// Behind the name of a Dirac convolution: the factors of its identity, one per output channel.
inline constexpr char kDiracIdentitySuffix[] = ".dirac_a";

// Behind the name of a ReLU layer: the coefficients of its polynomials, 3 x C, rows c0, c1, c2.
inline constexpr char kPolynomialSuffix[] = ".polynomial";

struct NamedTensor {
  std::string name;
  at::Tensor tensor;
};

// What stands for a kRelu operation.
enum class MaskMode {
  kNone,    // a plain ReLU
  kSoft,    // a gated ReLU whose mask is trained; starts at 1
  kFrozen,  // a gated ReLU whose mask holds exactly 0 or 1 and is not trained; starts at 1
};

// Looks at an operation that has been carried out: its first input (undefined for kInput) and its
// output, both N x C x H x W.
using OperationObserver =
    std::function<void(const Op& op, const at::Tensor& input, const at::Tensor& output)>;

// Not thread-safe. Not an nn::Module, whose parameter names may hold no dot: here they are
// "<op name>.weight", the same in memory and in files.
class GraphNetwork {
 public:
  // `network` must be one that CountNetwork accepts. All tensors are float32 on `device`, whatever
  // the precision (Forward); gains,
  // running variances, scales and the first Dirac factor are 1, the second is 0.1 (DiracNets'
  // public code), everything else (but masks) 0 until Initialize or a load. `replacement`: what a
  // masked ReLU becomes where its mask is 0; polynomials are the identity at first. It does not
  // matter with MaskMode::kNone.
  GraphNetwork(const Network& network, MaskMode mask_mode, at::Device device,
               v1::LinearizeSpec::MaskShape mask_shape = v1::LinearizeSpec::PIXEL,
               v1::LinearizeSpec::Replacement replacement = v1::LinearizeSpec::IDENTITY,
               v1::StagesSpec::Precision precision = v1::StagesSpec::FLOAT32);

  // Convolutions and linear layers: normal with variance 2 / fan-in (kaiming, as SNL's public
  // code); the bias of a linear layer: uniform within +-1/sqrt(fan-in) (LibTorch's default). The
  // same on every device and for every number of threads.
  void Initialize(uint64_t seed);

  // Makes this a network for evaluation alone, with the same outputs up to rounding: every Dirac
  // convolution becomes a plain one, and every batch norm that alone reads a convolution goes into
  // that one's weight and bias (search/network/folding.h). weights() and statistics() then list
  // what is left, with v1::StagesSpec::BFLOAT16 as bfloat16. It cannot be trained, saved for
  // training or folded again.
  void Fold();

  // In training mode (the initial one) batch norm normalises by the batch and updates its running
  // statistics (momentum 0.1, epsilon 1e-5, LibTorch's defaults); otherwise it uses the latter.
  void SetTraining(bool training) { training_ = training && !folded_; }
  // Whether gradients reach weights, coefficients and soft masks; so at the start.
  void SetRequiresGrad(bool requires_grad);
  // Releases the gradients of weights, coefficients and masks.
  void DropGradients() const;

  // Logits of `images` (N x channels x height x width, float32), float32. An activation is released
  // as soon as its last consumer has run, unless its gradient needs it.
  //
  // With v1::StagesSpec::BFLOAT16 convolutions and linear layers are computed from bfloat16 copies
  // of weights and activations, and activations are bfloat16 throughout. Statistics of batch norm,
  // gated ReLUs' arithmetic, all gradients of parameters and the logits are float32. The copies are
  // part of the graph of this call, not of a cache that could be stale (LibTorch's autocast keeps
  // one), and the backward pass has the types of the forward pass; those of a folded network are
  // made once.
  at::Tensor Forward(const at::Tensor& images) const { return Forward(images, nullptr); }
  // The same, with a look at every operation in order. With MaskMode::kNone what an observer sees
  // as input may have been overwritten by the output.
  at::Tensor Forward(const at::Tensor& images, const OperationObserver& observer) const;

  // In the order of the operations. The tensors are the network's own: writing into them changes
  // it.
  const std::vector<NamedTensor>& weights() const { return weights_; }
  const std::vector<NamedTensor>& statistics() const { return statistics_; }  // of batch norm
  // One per kRelu operation, 3 x C (kPolynomialSuffix); empty without polynomials.
  const std::vector<NamedTensor>& coefficients() const { return coefficients_; }
  // Weights, then coefficients: what an optimizer trains beside masks.
  std::vector<NamedTensor> parameters() const;
  // One per kRelu operation, C x H x W with v1::LinearizeSpec::PIXEL, else C x 1 x 1, where C
  // counts the channels that have ReLUs; empty for MaskMode::kNone.
  const std::vector<NamedTensor>& masks() const { return masks_; }
  // The names of the kRelu operations and their numbers of units, in the same order.
  const std::vector<std::string>& relu_names() const { return relu_names_; }
  const std::vector<int64_t>& relu_units() const { return relu_units_; }
  int64_t units() const;
  // How many units one value of each mask governs, in the order of masks(): 1, or H * W.
  const std::vector<int64_t>& units_per_value() const { return units_per_value_; }

  at::Device device() const { return device_; }
  at::MemoryFormat memory_format() const { return memory_format_; }

 private:
  struct Layer {
    Op op;
    at::Tensor weight;
    at::Tensor bias;
    at::Tensor running_mean;
    at::Tensor running_variance;
    at::Tensor mask;
    at::Tensor polynomial;
    // Of a Dirac convolution: its two factors per output channel, and the identity kernel.
    at::Tensor dirac_a;
    at::Tensor dirac_b;
    at::Tensor delta;
    bool folded = false;  // a batch norm that a convolution has taken in
    // The operation may write into the memory of its first input: nobody else reads that one and
    // no gradient needs it.
    bool in_place = false;
    std::vector<int> release;  // values that no later operation reads
  };

  // `tensor` in the type that convolutions and linear layers compute in; itself where it has it.
  at::Tensor Computed(const at::Tensor& tensor) const;
  void MakeTensors(const Shape& input, Layer& layer);
  void ListTensors();
  at::Tensor Apply(const Layer& layer, std::vector<at::Tensor>& values) const;

  MaskMode mask_mode_;
  v1::LinearizeSpec::MaskShape mask_shape_;
  v1::LinearizeSpec::Replacement replacement_;
  at::Device device_;
  at::MemoryFormat memory_format_;
  at::ScalarType compute_type_;
  bool training_ = true;
  bool folded_ = false;
  std::vector<Layer> layers_;
  std::vector<NamedTensor> weights_;
  std::vector<NamedTensor> statistics_;
  std::vector<NamedTensor> masks_;
  std::vector<NamedTensor> coefficients_;
  std::vector<std::string> relu_names_;
  std::vector<int64_t> relu_units_;
  std::vector<int64_t> units_per_value_;
};

}  // namespace reluscape
