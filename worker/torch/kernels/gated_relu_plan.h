#pragma once

// How the gated ReLU's CUDA kernels spread over a device: arithmetic without CUDA, so that it is
// tested without one. Thread-safe.

#include <cstdint>
#include <initializer_list>

#include "worker/torch/kernels/gated_relu_shape.h"

#ifdef __CUDACC__
#define RELUSCAPE_HOST_DEVICE __host__ __device__
#else
#define RELUSCAPE_HOST_DEVICE
#endif

namespace reluscape {

// A launch over the matrix of shape.outer rows and shape.values columns (shape.run is 1). Blocks of
// threads_x * threads_y threads stand in a grid of blocks_x * slices. A thread owns `vector`
// neighbouring columns, loads their mask values once, and walks down the rows of its slice in steps
// of threads_y; each slice sums dL/da on its own, and a second launch adds the slices in their
// order. No atomics: the same shape on the same device gives the same bits.
struct GatedReluPlan {
  int vector = 1;
  int threads_x = 1;
  int threads_y = 1;
  int64_t blocks_x = 1;
  int64_t slices = 1;
  int64_t rows_per_slice = 1;
};

constexpr int kGatedReluThreads = 256;                // of a block
constexpr int kGatedReluAccessBytes = 16;             // the widest load of a thread
constexpr int64_t kGatedReluMaxBlocksX = 2147483647;  // of a grid (CUDA programming guide)
constexpr int64_t kGatedReluMaxSlices = 65535;        // the same, second dimension

// How many elements of `element_bytes` one access takes: as many as fit into 16 bytes, or 1 where
// an address of `tensors` is not a multiple of that, or `mask` not of as many floats. Null fits.
int WidestAccess(int64_t element_bytes, std::initializer_list<const void*> tensors,
                 const void* mask);

// The plan for a device with `multiprocessors` (at least 1). `widest` is WidestAccess's answer; it
// is used where it divides the number of columns. Where no grid is large enough the plan is not
// launchable.
GatedReluPlan PlanGatedRelu(const GatedReluShape& shape, int widest, int multiprocessors);

// Whether CUDA can launch the plan.
bool IsLaunchable(const GatedReluPlan& plan);

// The first column of a thread; it has none where that is at or beyond the number of columns.
RELUSCAPE_HOST_DEVICE inline int64_t FirstColumn(const GatedReluPlan& plan, int64_t block_x,
                                                 int thread_x) {
  return (block_x * plan.threads_x + thread_x) * plan.vector;
}

// Rows first, first + threads_y, ... below last.
struct GatedReluRows {
  int64_t first = 0;
  int64_t last = 0;
};

RELUSCAPE_HOST_DEVICE inline GatedReluRows RowsOf(const GatedReluPlan& plan, int64_t rows,
                                                  int64_t slice, int thread_y) {
  const int64_t begin = slice * plan.rows_per_slice;
  const int64_t end = begin + plan.rows_per_slice;
  return {begin + thread_y, end < rows ? end : rows};
}

}  // namespace reluscape
