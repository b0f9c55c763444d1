#include "worker/torch/gated_relu.h"

#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <initializer_list>

#include "worker/torch/kernels/gated_relu_cpu.h"

#ifdef RELUSCAPE_WITH_CUDA
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAStream.h>

#include "worker/torch/kernels/gated_relu_cuda.h"
#endif

#if AT_PARALLEL_OPENMP && !defined(_OPENMP) && !defined(__clang_analyzer__)
#error "compile this file with OpenMP, else at::parallel_for runs on one thread"
#endif

namespace reluscape {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Elements that are worth a thread of their own.
constexpr int64_t kGrain = 32768;

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

// The format to compute in. Where x is contiguous in both (one channel, or one pixel) they are the
// same. On CUDA channels are neighbours where they have one mask value each, however x lies: its
// kernels know no runs (GatedReluShape).
at::MemoryFormat FormatOf(const at::Tensor& x, bool per_channel) {
  if (x.is_cuda() && per_channel && x.size(2) * x.size(3) > 1) {
    return at::MemoryFormat::ChannelsLast;
  }
  return x.is_contiguous() ? at::MemoryFormat::Contiguous : x.suggest_memory_format();
}

// The mask in that format, with zeros, which are the identity, for the channels that
// it does not govern.
at::Tensor WholeMask(const at::Tensor& x, const at::Tensor& mask, at::MemoryFormat format) {
  const int64_t others = x.size(1) - mask.size(0);
  at::Tensor whole = mask.unsqueeze(0);
  if (others > 0) whole = at::constant_pad_nd(whole, {0, 0, 0, 0, 0, others}, 0);
  return whole.contiguous(format);
}

GatedReluShape ShapeOf(const at::Tensor& x, bool per_channel, at::MemoryFormat format) {
  const int64_t pixels = x.size(2) * x.size(3);
  if (!per_channel) return {.outer = x.size(0), .values = x.size(1) * pixels, .run = 1};
  if (format == at::MemoryFormat::Contiguous && pixels > 1) {
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

#ifdef RELUSCAPE_WITH_CUDA

GatedReluPlan PlanOf(const GatedReluShape& shape, const at::Tensor& x,
                     std::initializer_list<const void*> tensors, const at::Tensor& mask) {
  int multiprocessors = 0;
  C10_CUDA_CHECK(
      cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, x.device().index()));
  const int widest =
      WidestAccess(static_cast<int64_t>(x.element_size()), tensors, mask.const_data_ptr());
  return PlanGatedRelu(shape, widest, multiprocessors);
}

template <typename T>
void ForwardOnCuda(const GatedReluShape& shape, const at::Tensor& x, const at::Tensor& mask,
                   const at::Tensor& y) {
  const at::DeviceGuard guard(x.device());
  const GatedReluPlan plan = PlanOf(shape, x, {x.const_data_ptr(), y.const_data_ptr()}, mask);
  C10_CUDA_CHECK(GatedReluCuda(shape, plan, Data<T>(x), Data<float>(mask), MutableData<T>(y),
                               c10::cuda::getCurrentCUDAStream()));
}

template <typename T>
void BackwardOnCuda(const GatedReluShape& shape, const at::Tensor& gradient, const at::Tensor& x,
                    const at::Tensor& mask, const at::Tensor& x_gradient,
                    const at::Tensor& mask_gradient) {
  const at::DeviceGuard guard(x.device());
  const GatedReluPlan plan = PlanOf(
      shape, x, {gradient.const_data_ptr(), x.const_data_ptr(), MutableData<T>(x_gradient)}, mask);
  at::Tensor partial;
  if (mask_gradient.defined() && plan.slices > 1) {
    partial = at::empty({plan.slices, shape.values}, mask.options());
  }
  C10_CUDA_CHECK(
      GatedReluBackwardCuda(shape, plan, Data<T>(gradient), Data<T>(x), Data<float>(mask),
                            MutableData<T>(x_gradient), MutableData<float>(mask_gradient),
                            MutableData<float>(partial), c10::cuda::getCurrentCUDAStream()));
}

#endif

template <typename T>
void Forward(const GatedReluShape& shape, const at::Tensor& x, const at::Tensor& mask,
             const at::Tensor& y) {
  if (x.is_cpu()) return ForwardOnCpu<T>(shape, x, mask, y);
#ifdef RELUSCAPE_WITH_CUDA
  if (x.is_cuda()) return ForwardOnCuda<T>(shape, x, mask, y);
#endif
  TORCH_CHECK(false, "gated ReLU: x: found on ", x.device(), "; this program has no kernel for it");
}

template <typename T>
void Backward(const GatedReluShape& shape, const at::Tensor& gradient, const at::Tensor& x,
              const at::Tensor& mask, const at::Tensor& x_gradient,
              const at::Tensor& mask_gradient) {
  if (x.is_cpu()) return BackwardOnCpu<T>(shape, gradient, x, mask, x_gradient, mask_gradient);
#ifdef RELUSCAPE_WITH_CUDA
  BackwardOnCuda<T>(shape, gradient, x, mask, x_gradient, mask_gradient);
#endif
}

class GatedReluFunction : public torch::autograd::Function<GatedReluFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& mask) {
    Check(x, mask);
    const bool per_channel = PerChannel(x, mask);
    const at::MemoryFormat format = FormatOf(x, per_channel);
    const at::Tensor dense = x.contiguous(format);
    context->save_for_backward({dense, mask});
    at::Tensor y = at::empty_like(dense);
    const GatedReluShape shape = ShapeOf(dense, per_channel, format);
    const at::Tensor whole_mask = WholeMask(dense, mask, format);
    if (x.scalar_type() == at::kFloat) {
      Forward<float>(shape, dense, whole_mask, y);
    } else {
      Forward<Bfloat16Bits>(shape, dense, whole_mask, y);
    }
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& mask = saved[1];
    const bool per_channel = PerChannel(x, mask);
    const at::MemoryFormat format = FormatOf(x, per_channel);
    const GatedReluShape shape = ShapeOf(x, per_channel, format);
    const at::Tensor gradient = gradients[0].to(x.scalar_type()).contiguous(format);
    const at::Tensor whole_mask = WholeMask(x, mask, format);
    at::Tensor x_gradient;
    at::Tensor mask_gradient;
    if (context->needs_input_grad(0)) x_gradient = at::empty_like(x);
    if (context->needs_input_grad(1)) mask_gradient = at::empty_like(whole_mask);
    if (x.scalar_type() == at::kFloat) {
      Backward<float>(shape, gradient, x, whole_mask, x_gradient, mask_gradient);
    } else {
      Backward<Bfloat16Bits>(shape, gradient, x, whole_mask, x_gradient, mask_gradient);
    }
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
