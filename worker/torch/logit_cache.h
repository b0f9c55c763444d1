#pragma once

// The outputs of a teacher, kept per view of a training image. In evaluation mode they depend on
// the view alone, and crop and flip give each image only (2 padding + 1)^2 * 2 of them: 162 with
// the published padding of 4. Not thread-safe.

#include <ATen/ATen.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "reluscape/v1/job.pb.h"

namespace reluscape {

// What the logits of a view depend on. Two of them that are equal may share one cache.
struct LogitCacheKey {
  std::string teacher;     // SHA-256 of its artifact
  std::string data_hash;   // as in v1::Provenance
  std::string split_hash;  // decides which images are number 0, 1, ...
  int64_t crop_padding = 0;
  bool flip = false;
  v1::StagesSpec::Precision precision = v1::StagesSpec::FLOAT32;  // as used
  bool deterministic = false;  // else cuDNN's kernels are those that were fastest then

  friend bool operator==(const LogitCacheKey&, const LogitCacheKey&) = default;
};

// Logits are rounded to float16 (11 bits of mantissa; beyond +-65504 they become that), whether
// they come from the cache or were computed just now: what a training sees depends neither on what
// was kept nor on the limit. The rounding moves a logit of up to 16 by at most 0.004. Half the
// bytes of float32 keep all views of CIFAR-100 in 1.6 GB.
class LogitCache {
 public:
  // For views 0 .. images * views_per_image - 1, those of one image side by side. Keeps those of
  // the first images, as many as `limit_bytes` holds: the same share of views as any other choice
  // once all were seen. Their memory is taken here and now, so that others see what is left.
  LogitCache(int64_t images, int64_t views_per_image, int64_t classes, int64_t limit_bytes,
             at::Device device);

  // Logits of rows (positions in a batch) that are not kept: one row of `classes` values each, in
  // their order.
  using Compute = std::function<at::Tensor(const std::vector<int64_t>& rows)>;

  // The logits of `views`, float32 without gradient, on the device; keeps what it had to compute,
  // if it may. Which views are kept is known without asking the device.
  at::Tensor Get(const std::vector<int64_t>& views, const Compute& compute);

  // Of the table and of what says which rows are filled; at most the limit.
  int64_t bytes() const;
  // How many views are kept now.
  int64_t size() const { return size_; }

 private:
  const at::Device device_;
  const int64_t classes_;
  at::Tensor table_;        // kept views x classes, float16
  std::vector<bool> kept_;  // per row of the table
  int64_t size_ = 0;
};

}  // namespace reluscape
