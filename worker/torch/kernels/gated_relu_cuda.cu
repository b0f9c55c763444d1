#include <cuda_bf16.h>

#include "worker/torch/kernels/gated_relu_cuda.h"

namespace reluscape {
namespace {

// Threads of the block that adds slices: so many columns, so many slices at a time.
constexpr int kSumColumns = 32;
constexpr int kSumRows = 8;

__device__ float Load(float value) { return value; }
__device__ float Load(Bfloat16Bits value) {
  return __uint_as_float(static_cast<unsigned>(value.bits) << 16);
}
__device__ void Store(float value, float& out) { out = value; }
__device__ void Store(float value, Bfloat16Bits& out) {
  out.bits = __bfloat16_as_ushort(__float2bfloat16_rn(value));
}

// Neighbours in memory that one access takes.
template <typename T, int kVector>
struct alignas(sizeof(T) * kVector) Pack {
  T values[kVector];
};

template <typename T, int kVector>
__device__ Pack<T, kVector> LoadPack(const T* from) {
  return *reinterpret_cast<const Pack<T, kVector>*>(from);
}

template <typename T, int kVector>
__device__ void StorePack(const Pack<T, kVector>& pack, T* to) {
  *reinterpret_cast<Pack<T, kVector>*>(to) = pack;
}

template <typename T, int kVector>
__global__ void __launch_bounds__(kGatedReluThreads)
    ForwardKernel(GatedReluShape shape, GatedReluPlan plan, const T* __restrict__ x,
                  const float* __restrict__ mask, T* __restrict__ y) {
  const int64_t column = FirstColumn(plan, blockIdx.x, static_cast<int>(threadIdx.x));
  if (column >= shape.values) return;
  const Pack<float, kVector> a = LoadPack<float, kVector>(mask + column);
  const GatedReluRows rows = RowsOf(plan, shape.outer, blockIdx.y, static_cast<int>(threadIdx.y));
#pragma unroll 4
  for (int64_t row = rows.first; row < rows.last; row += plan.threads_y) {
    const int64_t at = row * shape.values + column;
    const Pack<T, kVector> in = LoadPack<T, kVector>(x + at);
    Pack<T, kVector> out;
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      const float value = Load(in.values[i]);
      Store(value > 0 ? value : value * (1 - a.values[i]), out.values[i]);
    }
    StorePack<T, kVector>(out, y + at);
  }
}

// Writes the sums of its slice to partial[slice][column].
template <typename T, int kVector, bool kX, bool kMask>
__global__ void __launch_bounds__(kGatedReluThreads)
    BackwardKernel(GatedReluShape shape, GatedReluPlan plan, const T* __restrict__ gradient,
                   const T* __restrict__ x, const float* __restrict__ mask,
                   T* __restrict__ x_gradient, float* __restrict__ partial) {
  const int64_t column = FirstColumn(plan, blockIdx.x, static_cast<int>(threadIdx.x));
  const bool inside = column < shape.values;
  Pack<float, kVector> sums = {};
  if (inside) {
    const Pack<float, kVector> a = LoadPack<float, kVector>(mask + column);
    const GatedReluRows rows = RowsOf(plan, shape.outer, blockIdx.y, static_cast<int>(threadIdx.y));
#pragma unroll 4
    for (int64_t row = rows.first; row < rows.last; row += plan.threads_y) {
      const int64_t at = row * shape.values + column;
      const Pack<T, kVector> in = LoadPack<T, kVector>(x + at);
      const Pack<T, kVector> upstream = LoadPack<T, kVector>(gradient + at);
      Pack<T, kVector> out;
#pragma unroll
      for (int i = 0; i < kVector; ++i) {
        const float value = Load(in.values[i]);
        const float g = Load(upstream.values[i]);
        if (kMask) sums.values[i] += g * (value > 0 ? 0.0F : -value);
        if (kX) Store(value > 0 ? g : g * (1 - a.values[i]), out.values[i]);
      }
      if (kX) StorePack<T, kVector>(out, x_gradient + at);
    }
  }
  if (!kMask) return;
  // The threads below one another, from top to bottom.
  __shared__ float shared[kGatedReluThreads * kVector];
  const int thread = static_cast<int>(threadIdx.y * blockDim.x + threadIdx.x);
#pragma unroll
  for (int i = 0; i < kVector; ++i) shared[thread * kVector + i] = sums.values[i];
  __syncthreads();
  if (threadIdx.y != 0 || !inside) return;
  for (int y = 1; y < plan.threads_y; ++y) {
#pragma unroll
    for (int i = 0; i < kVector; ++i) {
      sums.values[i] += shared[(y * plan.threads_x + thread) * kVector + i];
    }
  }
  StorePack<float, kVector>(sums, partial + blockIdx.y * shape.values + column);
}

__global__ void __launch_bounds__(kSumColumns* kSumRows)
    SumSlicesKernel(int64_t slices, int64_t columns, const float* __restrict__ partial,
                    float* __restrict__ mask_gradient) {
  __shared__ double shared[kSumRows][kSumColumns];
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kSumColumns + threadIdx.x;
  double sum = 0;
  if (column < columns) {
    for (int64_t slice = threadIdx.y; slice < slices; slice += kSumRows) {
      sum += partial[slice * columns + column];
    }
  }
  shared[threadIdx.y][threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y != 0 || column >= columns) return;
  for (int y = 1; y < kSumRows; ++y) sum += shared[y][threadIdx.x];
  mask_gradient[column] = static_cast<float>(sum);
}

dim3 GridOf(const GatedReluPlan& plan) {
  return {static_cast<unsigned>(plan.blocks_x), static_cast<unsigned>(plan.slices)};
}

dim3 BlockOf(const GatedReluPlan& plan) {
  return {static_cast<unsigned>(plan.threads_x), static_cast<unsigned>(plan.threads_y)};
}

// A plan has one of two widths.
template <typename T>
constexpr int kWidest = kGatedReluAccessBytes / static_cast<int>(sizeof(T));

template <typename T>
cudaError_t Forward(const GatedReluShape& shape, const GatedReluPlan& plan, const T* x,
                    const float* mask, T* y, cudaStream_t stream) {
  if (shape.run != 1 || !IsLaunchable(plan)) return cudaErrorInvalidConfiguration;
  if (plan.vector == kWidest<T>) {
    ForwardKernel<T, kWidest<T>>
        <<<GridOf(plan), BlockOf(plan), 0, stream>>>(shape, plan, x, mask, y);
  } else {
    ForwardKernel<T, 1><<<GridOf(plan), BlockOf(plan), 0, stream>>>(shape, plan, x, mask, y);
  }
  return cudaGetLastError();
}

template <typename T, int kVector>
void LaunchBackward(const GatedReluShape& shape, const GatedReluPlan& plan, const T* gradient,
                    const T* x, const float* mask, T* x_gradient, float* sums,
                    cudaStream_t stream) {
  const auto launch = [&](auto kernel) {
    kernel<<<GridOf(plan), BlockOf(plan), 0, stream>>>(shape, plan, gradient, x, mask, x_gradient,
                                                       sums);
  };
  if (x_gradient != nullptr && sums != nullptr) {
    launch(BackwardKernel<T, kVector, true, true>);
  } else if (x_gradient != nullptr) {
    launch(BackwardKernel<T, kVector, true, false>);
  } else {
    launch(BackwardKernel<T, kVector, false, true>);
  }
}

template <typename T>
cudaError_t Backward(const GatedReluShape& shape, const GatedReluPlan& plan, const T* gradient,
                     const T* x, const float* mask, T* x_gradient, float* mask_gradient,
                     float* partial, cudaStream_t stream) {
  if (shape.run != 1 || !IsLaunchable(plan)) return cudaErrorInvalidConfiguration;
  if (x_gradient == nullptr && mask_gradient == nullptr) return cudaSuccess;
  const bool add = mask_gradient != nullptr && plan.slices > 1;
  const int64_t sum_blocks = (shape.values + kSumColumns - 1) / kSumColumns;
  if (add && sum_blocks > kGatedReluMaxBlocksX) return cudaErrorInvalidConfiguration;
  float* const sums = add ? partial : mask_gradient;
  if (plan.vector == kWidest<T>) {
    LaunchBackward<T, kWidest<T>>(shape, plan, gradient, x, mask, x_gradient, sums, stream);
  } else {
    LaunchBackward<T, 1>(shape, plan, gradient, x, mask, x_gradient, sums, stream);
  }
  if (add) {
    SumSlicesKernel<<<static_cast<unsigned>(sum_blocks), dim3(kSumColumns, kSumRows), 0, stream>>>(
        plan.slices, shape.values, partial, mask_gradient);
  }
  return cudaGetLastError();
}

}  // namespace

cudaError_t GatedReluCuda(const GatedReluShape& shape, const GatedReluPlan& plan, const float* x,
                          const float* mask, float* y, cudaStream_t stream) {
  return Forward(shape, plan, x, mask, y, stream);
}

cudaError_t GatedReluCuda(const GatedReluShape& shape, const GatedReluPlan& plan,
                          const Bfloat16Bits* x, const float* mask, Bfloat16Bits* y,
                          cudaStream_t stream) {
  return Forward(shape, plan, x, mask, y, stream);
}

cudaError_t GatedReluBackwardCuda(const GatedReluShape& shape, const GatedReluPlan& plan,
                                  const float* gradient, const float* x, const float* mask,
                                  float* x_gradient, float* mask_gradient, float* partial,
                                  cudaStream_t stream) {
  return Backward(shape, plan, gradient, x, mask, x_gradient, mask_gradient, partial, stream);
}

cudaError_t GatedReluBackwardCuda(const GatedReluShape& shape, const GatedReluPlan& plan,
                                  const Bfloat16Bits* gradient, const Bfloat16Bits* x,
                                  const float* mask, Bfloat16Bits* x_gradient, float* mask_gradient,
                                  float* partial, cudaStream_t stream) {
  return Backward(shape, plan, gradient, x, mask, x_gradient, mask_gradient, partial, stream);
}

}  // namespace reluscape
