#include "worker/torch/kernels/gated_relu_plan.h"

#include <algorithm>
#include <bit>

namespace reluscape {
namespace {

// Assumptions, not measured: four blocks of 256 threads with several loads of 16 bytes each in
// flight hide the latency of a multiprocessor's memory, and more slices only cost partial sums.
constexpr int64_t kBlocksPerMultiprocessor = 4;
constexpr int64_t kMinRowsPerThread = 4;
// A thread adds so many float32 terms one after the other at most.
constexpr int64_t kMaxRowsPerThread = 256;

int64_t DivideUp(int64_t value, int64_t by) { return value / by + (value % by != 0 ? 1 : 0); }

bool IsMultiple(const void* address, int64_t of) {
  return reinterpret_cast<uintptr_t>(address) % static_cast<uintptr_t>(of) == 0;
}

}  // namespace

int WidestAccess(int64_t element_bytes, std::initializer_list<const void*> tensors,
                 const void* mask) {
  const int64_t widest = kGatedReluAccessBytes / element_bytes;
  const bool all = std::all_of(tensors.begin(), tensors.end(), [](const void* address) {
    return IsMultiple(address, kGatedReluAccessBytes);
  });
  const bool wide = all && IsMultiple(mask, widest * static_cast<int64_t>(sizeof(float)));
  return wide ? static_cast<int>(widest) : 1;
}

GatedReluPlan PlanGatedRelu(const GatedReluShape& shape, int widest, int multiprocessors) {
  GatedReluPlan plan;
  plan.vector = widest > 1 && shape.values % widest == 0 ? widest : 1;
  const int64_t groups = shape.values / plan.vector;
  plan.threads_x = static_cast<int>(
      std::bit_ceil(static_cast<uint64_t>(std::min<int64_t>(groups, kGatedReluThreads))));
  plan.threads_y = kGatedReluThreads / plan.threads_x;
  plan.blocks_x = DivideUp(groups, plan.threads_x);

  const int64_t wanted = multiprocessors * kBlocksPerMultiprocessor / plan.blocks_x;
  const int64_t most = DivideUp(shape.outer, plan.threads_y * kMinRowsPerThread);
  const int64_t least = DivideUp(shape.outer, plan.threads_y * kMaxRowsPerThread);
  const int64_t slices =
      std::min(std::max(std::clamp<int64_t>(wanted, 1, most), least), kGatedReluMaxSlices);
  plan.rows_per_slice = DivideUp(DivideUp(shape.outer, slices), plan.threads_y) * plan.threads_y;
  plan.slices = DivideUp(shape.outer, plan.rows_per_slice);
  return plan;
}

bool IsLaunchable(const GatedReluPlan& plan) {
  return plan.blocks_x <= kGatedReluMaxBlocksX && plan.slices <= kGatedReluMaxSlices;
}

}  // namespace reluscape
