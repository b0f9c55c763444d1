#pragma once

// The gated ReLU on the CPU: one pass forward, one pass backward, vectorised, float32 inside and
// float32 or bfloat16 outside. The caller spreads the work over its threads: each function does one
// part, parts touch different memory, and the numbers do not depend on how they are spread.
// Inputs and outputs overlap nowhere. Thread-safe. A value that is not a number stays one.

#include <cstdint>

#include "worker/torch/kernels/gated_relu_shape.h"

namespace reluscape {

// Elements begin .. end - 1 of y = x + a * max(-x, 0).
void GatedReluCpu(const GatedReluShape& shape, const float* x, const float* mask, int64_t begin,
                  int64_t end, float* y);
void GatedReluCpu(const GatedReluShape& shape, const Bfloat16Bits* x, const float* mask,
                  int64_t begin, int64_t end, Bfloat16Bits* y);

// The parts of a backward pass, by the shape alone. A part covers a block of mask values and some
// of the elements that share them, a slice. Each slice sums dL/da on its own.
struct GatedReluParts {
  explicit GatedReluParts(const GatedReluShape& shape);

  int64_t slices = 1;
  int64_t outer_per_slice = 1;
  int64_t blocks = 1;
  int64_t values_per_block = 1;

  int64_t parts() const { return slices * blocks; }
};

// Parts begin .. end - 1 of the backward pass, with g = dL/dy:
//   x_gradient = g where x > 0, else g * (1 - a)
//   partial[slice * shape.values + v] = the sum over the slice of g * max(-x, 0), in float32
// Either may be null and is then left out.
void GatedReluBackwardCpu(const GatedReluShape& shape, const float* gradient, const float* x,
                          const float* mask, int64_t begin, int64_t end, float* x_gradient,
                          float* partial);
void GatedReluBackwardCpu(const GatedReluShape& shape, const Bfloat16Bits* gradient,
                          const Bfloat16Bits* x, const float* mask, int64_t begin, int64_t end,
                          Bfloat16Bits* x_gradient, float* partial);

// Adds up the slices of mask values begin .. end - 1, in float64 and in their order. With one slice
// `partial` is the gradient already.
void SumGatedReluSlices(const GatedReluShape& shape, const float* partial, int64_t begin,
                        int64_t end, float* mask_gradient);

}  // namespace reluscape
