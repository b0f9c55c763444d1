#include "worker/torch/logit_cache.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <unordered_set>

#include "worker/torch/upload.h"

namespace reluscape {
namespace {

constexpr double kLargestHalf = 65504;

int64_t KeptImages(int64_t images, int64_t views_per_image, int64_t classes, int64_t limit_bytes) {
  // A row of the table, and its bit; rounded up, so that the limit holds.
  const int64_t bits = classes * 16 + 1;
  const int64_t bytes_per_image = (views_per_image * bits + 7) / 8;
  return std::clamp<int64_t>(limit_bytes / bytes_per_image, 0, images);
}

}  // namespace

LogitCache::LogitCache(int64_t images, int64_t views_per_image, int64_t classes,
                       int64_t limit_bytes, at::Device device)
    : device_(device), classes_(classes) {
  const int64_t rows = KeptImages(images, views_per_image, classes, limit_bytes) * views_per_image;
  // Filled, since a kernel hands out pages where they are first written to.
  table_ = at::zeros({rows, classes}, at::TensorOptions().dtype(at::kHalf).device(device));
  kept_.resize(static_cast<size_t>(rows), false);
}

int64_t LogitCache::bytes() const {
  return table_.numel() * 2 + static_cast<int64_t>((kept_.size() + 7) / 8);
}

at::Tensor LogitCache::Get(const std::vector<int64_t>& views, const Compute& compute) {
  const c10::NoGradGuard no_grad;
  const int64_t rows = table_.size(0);
  std::vector<int64_t> hits;       // positions in the batch
  std::vector<int64_t> hit_views;  // rows of the table
  std::vector<int64_t> misses;
  for (size_t i = 0; i < views.size(); ++i) {
    const int64_t view = views[i];
    if (view < rows && kept_[static_cast<size_t>(view)]) {
      hits.push_back(static_cast<int64_t>(i));
      hit_views.push_back(view);
    } else {
      misses.push_back(static_cast<int64_t>(i));
    }
  }
  at::Tensor logits = at::empty({static_cast<int64_t>(views.size()), classes_}, table_.options());
  if (!hits.empty()) {
    logits.index_copy_(0, Upload(hits, device_),
                       table_.index_select(0, Upload(hit_views, device_)));
  }
  if (!misses.empty()) {
    const at::Tensor fresh = compute(misses).clamp(-kLargestHalf, kLargestHalf).to(at::kHalf);
    logits.index_copy_(0, Upload(misses, device_), fresh);
    std::vector<int64_t> sources;  // rows of `fresh`
    std::vector<int64_t> targets;  // rows of the table
    std::unordered_set<int64_t> seen;
    for (size_t i = 0; i < misses.size(); ++i) {
      const int64_t view = views[static_cast<size_t>(misses[i])];
      if (view >= rows || !seen.insert(view).second) continue;
      sources.push_back(static_cast<int64_t>(i));
      targets.push_back(view);
    }
    if (!targets.empty()) {
      table_.index_copy_(0, Upload(targets, device_),
                         fresh.index_select(0, Upload(sources, device_)));
    }
    // Only now: what is above may have thrown, and the cache outlives the Task.
    for (const int64_t view : targets) kept_[static_cast<size_t>(view)] = true;
    size_ += static_cast<int64_t>(targets.size());
  }
  return logits.to(at::kFloat);
}

}  // namespace reluscape
