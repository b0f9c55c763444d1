#pragma once

// The gated ReLU on a CUDA device: one pass forward; backward one pass and, where the rows are
// split into slices, a small second one that adds the slices. Float32 inside, float32 or bfloat16
// outside. A value that is not a number stays one. All pointers are device memory of the current
// device, inputs and outputs overlap nowhere; work is put into `stream`, nothing waits.
// Thread-safe.

#include <cuda_runtime_api.h>

#include "worker/torch/kernels/gated_relu_plan.h"
#include "worker/torch/kernels/gated_relu_shape.h"

namespace reluscape {

// y = x where x > 0, else x * (1 - a). shape.run is 1; the plan is PlanGatedRelu's for these
// pointers. Returns what the launch returned.
cudaError_t GatedReluCuda(const GatedReluShape& shape, const GatedReluPlan& plan, const float* x,
                          const float* mask, float* y, cudaStream_t stream);
cudaError_t GatedReluCuda(const GatedReluShape& shape, const GatedReluPlan& plan,
                          const Bfloat16Bits* x, const float* mask, Bfloat16Bits* y,
                          cudaStream_t stream);

// With g = dL/dy:  x_gradient = g where x > 0, else g * (1 - a);  mask_gradient = the sum over the
// rows of g * max(-x, 0). Either may be null and is then left out. `partial` has room for
// plan.slices * shape.values numbers; null where there is one slice or no mask_gradient.
cudaError_t GatedReluBackwardCuda(const GatedReluShape& shape, const GatedReluPlan& plan,
                                  const float* gradient, const float* x, const float* mask,
                                  float* x_gradient, float* mask_gradient, float* partial,
                                  cudaStream_t stream);
cudaError_t GatedReluBackwardCuda(const GatedReluShape& shape, const GatedReluPlan& plan,
                                  const Bfloat16Bits* gradient, const Bfloat16Bits* x,
                                  const float* mask, Bfloat16Bits* x_gradient, float* mask_gradient,
                                  float* partial, cudaStream_t stream);

}  // namespace reluscape
