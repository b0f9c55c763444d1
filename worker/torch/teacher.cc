#include "worker/torch/teacher.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "worker/torch/upload.h"

namespace reluscape {
namespace {

// Small, since the last group is filled up; large enough to keep the device busy.
constexpr int64_t kCpuGroup = 16;
constexpr int64_t kCudaGroup = 64;

}  // namespace

Teacher::Teacher(const GraphNetwork& network, LogitCache* cache,
                 std::unique_ptr<StepRecorder> recorder)
    : network_(network),
      cache_(cache),
      forward_(std::make_unique<StepGraph>(
          [&network](const StepInput& input) {
            const c10::NoGradGuard no_grad;
            return StepResult{.loss = {}, .logits = network.Forward(input.images)};
          },
          /*drop_gradients=*/[] {}, std::move(recorder))) {}

at::Tensor Teacher::Logits(const at::Tensor& images) const {
  const c10::NoGradGuard no_grad;
  return network_.Forward(images);
}

at::Tensor Teacher::Kept(const Batch& batch) const {
  const c10::NoGradGuard no_grad;
  if (cache_ == nullptr) return {};
  return cache_->Get(batch.views, [&](const std::vector<int64_t>& rows) {
    const bool all = static_cast<int64_t>(rows.size()) == batch.images.size(0);
    return InGroups(all ? batch.images
                        : batch.images.index_select(0, Upload(rows, batch.images.device())));
  });
}

at::Tensor Teacher::InGroups(const at::Tensor& images) const {
  const int64_t group = network_.device().is_cuda() ? kCudaGroup : kCpuGroup;
  const int64_t count = images.size(0);
  std::vector<at::Tensor> logits;
  for (int64_t first = 0; first < count; first += group) {
    const int64_t size = std::min(group, count - first);
    at::Tensor part = images.narrow(0, first, size);
    if (size < group) part = at::constant_pad_nd(part, {0, 0, 0, 0, 0, 0, 0, group - size}, 0);
    // Copied: the next group's overwrite them.
    logits.push_back(forward_->Take({.images = part, .targets = {}, .teacher_logits = {}})
                         .logits.narrow(0, 0, size)
                         .clone());
  }
  return at::cat(logits);
}

}  // namespace reluscape
