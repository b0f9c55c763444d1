#include "worker/torch/gated_relu.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>

#include "worker/torch/kernels/gated_relu_cpu.h"

namespace reluscape {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Elements that are worth a thread of their own.
constexpr int64_t kGrain = 32768;

at::MemoryFormat FormatOf(const at::Tensor& x) {
  // Where both hold (one channel or one pixel) they are the same.
  return x.is_contiguous() ? at::MemoryFormat::Contiguous : x.suggest_memory_format();
}

void Check(const at::Tensor& x, const at::Tensor& mask) {
  TORCH_CHECK(x.dim() == 4 && x.numel() > 0, "gated ReLU: x: found shape ", x.sizes(),
              "; allowed: N x C x H x W, none of them 0");
  TORCH_CHECK(x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16,
              "gated ReLU: x: found type ", x.scalar_type(), "; allowed: Float, BFloat16");
  TORCH_CHECK(mask.scalar_type() == at::kFloat, "gated ReLU: mask: found type ", mask.scalar_type(),
              "; allowed: Float");
  const bool pixels = mask.dim() == 3 && mask.size(1) == x.size(2) && mask.size(2) == x.size(3);
  const bool channels = mask.dim() == 3 && mask.size(1) == 1 && mask.size(2) == 1;
  TORCH_CHECK((pixels || channels) && mask.size(0) > 0 && mask.size(0) <= x.size(1),
              "gated ReLU: mask: found shape ", mask.sizes(), "; allowed for x of shape ",
              x.sizes(), ": K x H x W or K x 1 x 1 with 1 <= K <= C");
  TORCH_CHECK(mask.device() == x.device(), "gated ReLU: mask: found on ", mask.device(),
              "; allowed: ", x.device(), ", where x is");
}

bool PerChannel(const at::Tensor& x, const at::Tensor& mask) {
  return mask.size(1) != x.size(2) || mask.size(2) != x.size(3);
}

// The mask in the memory format of `x`, with zeros, which are the identity, for the channels that
// it does not govern.
at::Tensor WholeMask(const at::Tensor& x, const at::Tensor& mask) {
  const int64_t others = x.size(1) - mask.size(0);
  at::Tensor whole = mask.unsqueeze(0);
  if (others > 0) whole = at::constant_pad_nd(whole, {0, 0, 0, 0, 0, others}, 0);
  return whole.contiguous(FormatOf(x));
}

GatedReluShape ShapeOf(const at::Tensor& x, bool per_channel) {
  const int64_t pixels = x.size(2) * x.size(3);
  if (!per_channel) return {.outer = x.size(0), .values = x.size(1) * pixels, .run = 1};
  if (FormatOf(x) == at::MemoryFormat::Contiguous) {
    return {.outer = x.size(0), .values = x.size(1), .run = pixels};
  }
  return {.outer = x.size(0) * pixels, .values = x.size(1), .run = 1};
}

template <typename T>
const T* Data(const at::Tensor& tensor) {
  return static_cast<const T*>(tensor.const_data_ptr());
}

// Null for a tensor that is not there.
template <typename T>
T* MutableData(const at::Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.mutable_data_ptr()) : nullptr;
}

template <typename T>
void ForwardOnCpu(const GatedReluShape& shape, const at::Tensor& x, const at::Tensor& mask,
                  const at::Tensor& y) {
  at::parallel_for(0, shape.elements(), kGrain, [&](int64_t begin, int64_t end) {
    GatedReluCpu(shape, Data<T>(x), Data<float>(mask), begin, end, MutableData<T>(y));
  });
}

template <typename T>
void BackwardOnCpu(const GatedReluShape& shape, const at::Tensor& gradient, const at::Tensor& x,
                   const at::Tensor& mask, const at::Tensor& x_gradient,
                   const at::Tensor& mask_gradient) {
  const GatedReluParts parts(shape);
  at::Tensor partial = mask_gradient;
  if (mask_gradient.defined() && parts.slices > 1) {
    partial = at::empty({parts.slices, shape.values}, mask.options());
  }
  const int64_t elements_per_part = std::max<int64_t>(shape.elements() / parts.parts(), 1);
  at::parallel_for(0, parts.parts(), (kGrain + elements_per_part - 1) / elements_per_part,
                   [&](int64_t begin, int64_t end) {
                     GatedReluBackwardCpu(shape, Data<T>(gradient), Data<T>(x), Data<float>(mask),
                                          begin, end, MutableData<T>(x_gradient),
                                          MutableData<float>(partial));
                   });
  if (!mask_gradient.defined() || parts.slices == 1) return;
  at::parallel_for(0, shape.values, std::max<int64_t>(kGrain / parts.slices, 1),
                   [&](int64_t begin, int64_t end) {
                     SumGatedReluSlices(shape, Data<float>(partial), begin, end,
                                        MutableData<float>(mask_gradient));
                   });
}

void Forward(const GatedReluShape& shape, const at::Tensor& x, const at::Tensor& mask,
             const at::Tensor& y) {
  TORCH_CHECK(x.is_cpu(), "gated ReLU: x: found on ", x.device(), "; allowed: cpu");
  if (x.scalar_type() == at::kFloat) return ForwardOnCpu<float>(shape, x, mask, y);
  ForwardOnCpu<Bfloat16Bits>(shape, x, mask, y);
}

void Backward(const GatedReluShape& shape, const at::Tensor& gradient, const at::Tensor& x,
              const at::Tensor& mask, const at::Tensor& x_gradient,
              const at::Tensor& mask_gradient) {
  if (x.scalar_type() == at::kFloat) {
    return BackwardOnCpu<float>(shape, gradient, x, mask, x_gradient, mask_gradient);
  }
  BackwardOnCpu<Bfloat16Bits>(shape, gradient, x, mask, x_gradient, mask_gradient);
}

class GatedReluFunction : public torch::autograd::Function<GatedReluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& mask) {
    Check(x, mask);
    const at::Tensor dense = x.contiguous(FormatOf(x));
    context->save_for_backward({dense, mask});
    at::Tensor y = at::empty_like(dense);
    Forward(ShapeOf(dense, PerChannel(x, mask)), dense, WholeMask(dense, mask), y);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& mask = saved[1];
    const at::Tensor whole_mask = WholeMask(x, mask);
    at::Tensor x_gradient;
    at::Tensor mask_gradient;
    if (context->needs_input_grad(0)) x_gradient = at::empty_like(x);
    if (context->needs_input_grad(1)) mask_gradient = at::empty_like(whole_mask);
    Backward(ShapeOf(x, PerChannel(x, mask)),
             gradients[0].to(x.scalar_type()).contiguous(FormatOf(x)), x, whole_mask, x_gradient,
             mask_gradient);
    if (mask_gradient.defined()) {
      mask_gradient = mask_gradient.select(0, 0).narrow(0, 0, mask.size(0));
    }
    return {x_gradient, mask_gradient};
  }
};

}  // namespace

at::Tensor GatedRelu(const at::Tensor& x, const at::Tensor& mask) {
  return GatedReluFunction::apply(x, mask);
}

}  // namespace reluscape
