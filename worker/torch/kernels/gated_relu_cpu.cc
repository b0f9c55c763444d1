#include "worker/torch/kernels/gated_relu_cpu.h"

#include <algorithm>
#include <array>
#include <bit>

// One function per instruction set, chosen when the program is loaded. AVX2 without FMA, so that
// every processor gives the same bits: these loops wait for memory, not for arithmetic.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define RELUSCAPE_VECTORISED [[gnu::target_clones("default", "avx2")]]
#else
#define RELUSCAPE_VECTORISED
#endif
#define RELUSCAPE_INLINE [[gnu::always_inline]] inline

namespace reluscape {
namespace {

// A block's sums stay in the nearest caches. Long rows read memory fastest (measured: 4096 values
// took 4/5 of the time of 1024), short ones leave work for more threads. Sums do not depend on it.
constexpr int64_t kMinValuesPerBlock = 1024;
constexpr int64_t kMaxValuesPerBlock = 4096;
constexpr int64_t kBlocksForThreads = 16;
// Terms of a sum are added in groups, then the groups of a slice, both in float32 (as ATen's sum
// does): the rounding error stays below 2e-6 of the sum of their sizes.
constexpr int64_t kOuterPerGroup = 16;
constexpr int64_t kOuterPerSlice = 128;
// Sums of a run, kept apart so that the compiler can use vectors without reordering a sum.
constexpr int64_t kLanes = 16;

RELUSCAPE_INLINE float Load(float value) { return value; }
RELUSCAPE_INLINE float Load(Bfloat16Bits value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
}

RELUSCAPE_INLINE void Store(float value, float& out) { out = value; }
RELUSCAPE_INLINE void Store(float value, Bfloat16Bits& out) {
  const auto bits = std::bit_cast<uint32_t>(value);
  // To the nearest, ties to even; that would turn some NaNs into infinity.
  const uint32_t rounded = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  const bool nan = (bits & 0x7fffffffU) > 0x7f800000U;
  out.bits = static_cast<uint16_t>(nan ? 0x7fc0U : rounded);
}

// max(-x, 0), and not a number where x is not.
RELUSCAPE_INLINE float NegativePart(float x) { return x > 0 ? 0.0F : -x; }
// x + a * max(-x, 0), without the cancellation of its terms where a is near 1.
RELUSCAPE_INLINE float Gate(float x, float a) { return x > 0 ? x : x * (1 - a); }
RELUSCAPE_INLINE float XGradient(float g, float x, float a) { return x > 0 ? g : g * (1 - a); }
RELUSCAPE_INLINE float MaskGradient(float g, float x) { return g * NegativePart(x); }

template <typename T>
RELUSCAPE_INLINE void Forward(const GatedReluShape& shape, const T* x, const float* mask,
                              int64_t begin, int64_t end, T* y) {
  while (begin < end) {
    const int64_t place = begin / shape.run;
    const int64_t value = place % shape.values;
    if (shape.run == 1) {
      const int64_t count = std::min(end - begin, shape.values - value);
      const float* const a = mask + value;
      for (int64_t i = 0; i < count; ++i) Store(Gate(Load(x[begin + i]), a[i]), y[begin + i]);
      begin += count;
    } else {
      const int64_t stop = std::min(end, (place + 1) * shape.run);
      const float a = mask[value];
      for (; begin < stop; ++begin) Store(Gate(Load(x[begin]), a), y[begin]);
    }
  }
}

// One part where neighbours have neighbouring mask values.
template <bool kX, bool kMask, typename T>
RELUSCAPE_INLINE void BackwardRows(const GatedReluShape& shape, const T* gradient, const T* x,
                                   const float* mask, int64_t first_outer, int64_t last_outer,
                                   int64_t first, int64_t count, T* x_gradient, float* sums) {
  std::array<float, kMaxValuesPerBlock> group;
  const float* const a = mask + first;
  for (int64_t i = 0; kMask && i < count; ++i) sums[i] = 0;
  for (int64_t begin = first_outer; begin < last_outer; begin += kOuterPerGroup) {
    const int64_t end = std::min(begin + kOuterPerGroup, last_outer);
    for (size_t i = 0; kMask && i < static_cast<size_t>(count); ++i) group[i] = 0;
    for (int64_t outer = begin; outer < end; ++outer) {
      const int64_t row = outer * shape.values + first;
      for (int64_t i = 0; i < count; ++i) {
        const float value = Load(x[row + i]);
        const float g = Load(gradient[row + i]);
        if (kMask) group[static_cast<size_t>(i)] += MaskGradient(g, value);
        if (kX) Store(XGradient(g, value, a[i]), x_gradient[row + i]);
      }
    }
    for (int64_t i = 0; kMask && i < count; ++i) sums[i] += group[static_cast<size_t>(i)];
  }
}

// One mask value and its run of neighbours.
template <bool kX, bool kMask, typename T>
RELUSCAPE_INLINE float BackwardRun(int64_t run, const T* gradient, const T* x, float a,
                                   T* x_gradient) {
  std::array<float, kLanes> sums = {};
  double sum = 0;
  int64_t i = 0;
  for (; i + kLanes <= run; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const float value = Load(x[i + lane]);
      const float g = Load(gradient[i + lane]);
      if (kMask) sums[static_cast<size_t>(lane)] += MaskGradient(g, value);
      if (kX) Store(XGradient(g, value, a), x_gradient[i + lane]);
    }
  }
  for (; i < run; ++i) {
    const float value = Load(x[i]);
    const float g = Load(gradient[i]);
    if (kMask) sum += MaskGradient(g, value);
    if (kX) Store(XGradient(g, value, a), x_gradient[i]);
  }
  if (kMask) {
    for (const float lane : sums) sum += lane;
  }
  return static_cast<float>(sum);
}

template <bool kX, bool kMask, typename T>
RELUSCAPE_INLINE void Backward(const GatedReluShape& shape, const T* gradient, const T* x,
                               const float* mask, int64_t begin, int64_t end, T* x_gradient,
                               float* partial) {
  const GatedReluParts parts(shape);
  for (int64_t part = begin; part < end; ++part) {
    const int64_t slice = part / parts.blocks;
    const int64_t first_outer = slice * parts.outer_per_slice;
    const int64_t last_outer = std::min(first_outer + parts.outer_per_slice, shape.outer);
    const int64_t first = part % parts.blocks * parts.values_per_block;
    const int64_t count = std::min(parts.values_per_block, shape.values - first);
    float* const sums = kMask ? partial + slice * shape.values + first : nullptr;
    if (shape.run == 1) {
      BackwardRows<kX, kMask>(shape, gradient, x, mask, first_outer, last_outer, first, count,
                              x_gradient, sums);
      continue;
    }
    for (int64_t outer = first_outer; outer < last_outer; ++outer) {
      for (int64_t i = 0; i < count; ++i) {
        const int64_t at = (outer * shape.values + first + i) * shape.run;
        const float sum = BackwardRun<kX, kMask>(shape.run, gradient + at, x + at, mask[first + i],
                                                 kX ? x_gradient + at : nullptr);
        if (kMask) sums[i] = outer == first_outer ? sum : sums[i] + sum;
      }
    }
  }
}

template <typename T>
RELUSCAPE_INLINE void AnyBackward(const GatedReluShape& shape, const T* gradient, const T* x,
                                  const float* mask, int64_t begin, int64_t end, T* x_gradient,
                                  float* partial) {
  if (x_gradient != nullptr && partial != nullptr) {
    Backward<true, true>(shape, gradient, x, mask, begin, end, x_gradient, partial);
  } else if (x_gradient != nullptr) {
    Backward<true, false>(shape, gradient, x, mask, begin, end, x_gradient, partial);
  } else if (partial != nullptr) {
    Backward<false, true>(shape, gradient, x, mask, begin, end, x_gradient, partial);
  }
}

}  // namespace

GatedReluParts::GatedReluParts(const GatedReluShape& shape) {
  if (shape.run == 1) {
    outer_per_slice = kOuterPerSlice;
    values_per_block =
        std::clamp(shape.values / kBlocksForThreads, kMinValuesPerBlock, kMaxValuesPerBlock);
  } else {
    // A run is a sum of its own; a block is about as many elements as above.
    values_per_block = std::clamp<int64_t>(kMaxValuesPerBlock * 2 / shape.run, 1, shape.values);
  }
  slices = (shape.outer + outer_per_slice - 1) / outer_per_slice;
  blocks = (shape.values + values_per_block - 1) / values_per_block;
}

RELUSCAPE_VECTORISED void GatedReluCpu(const GatedReluShape& shape, const float* x,
                                       const float* mask, int64_t begin, int64_t end, float* y) {
  Forward(shape, x, mask, begin, end, y);
}

RELUSCAPE_VECTORISED void GatedReluCpu(const GatedReluShape& shape, const Bfloat16Bits* x,
                                       const float* mask, int64_t begin, int64_t end,
                                       Bfloat16Bits* y) {
  Forward(shape, x, mask, begin, end, y);
}

RELUSCAPE_VECTORISED void GatedReluBackwardCpu(const GatedReluShape& shape, const float* gradient,
                                               const float* x, const float* mask, int64_t begin,
                                               int64_t end, float* x_gradient, float* partial) {
  AnyBackward(shape, gradient, x, mask, begin, end, x_gradient, partial);
}

RELUSCAPE_VECTORISED void GatedReluBackwardCpu(const GatedReluShape& shape,
                                               const Bfloat16Bits* gradient, const Bfloat16Bits* x,
                                               const float* mask, int64_t begin, int64_t end,
                                               Bfloat16Bits* x_gradient, float* partial) {
  AnyBackward(shape, gradient, x, mask, begin, end, x_gradient, partial);
}

void SumGatedReluSlices(const GatedReluShape& shape, const float* partial, int64_t begin,
                        int64_t end, float* mask_gradient) {
  const int64_t slices = GatedReluParts(shape).slices;
  for (int64_t value = begin; value < end; ++value) {
    double sum = 0;
    for (int64_t slice = 0; slice < slices; ++slice) sum += partial[slice * shape.values + value];
    mask_gradient[value] = static_cast<float>(sum);
  }
}

}  // namespace reluscape
