#pragma once

// Images on the device as bytes, cut into batches of normalised float32. Not thread-safe.

#include <ATen/ATen.h>

#include <cstdint>
#include <vector>

#include "reluscape/v1/job.pb.h"
#include "worker/data/data_set.h"
#include "worker/data/normalization.h"

namespace reluscape {

struct Batch {
  at::Tensor images;  // N x 3 x side x side, float32, (pixel / 255 - mean) / deviation
  at::Tensor labels;  // N, int64; of a mixture the label with the larger share
  // What a cross-entropy is taken against: the labels, or where images are mixed the probability of
  // each class, N x classes, float32.
  at::Tensor targets;
  // Of training images: which image, crop and flip each row is, from 0 on; those of one image are
  // side by side. On the host, where they were drawn.
  std::vector<int64_t> views = {};
};

// All images in their own order, unchanged: for evaluation.
class EvaluationImages {
 public:
  EvaluationImages(const ImageSet& images, const Normalization& normalization, at::Device device);

  int64_t count() const { return labels_.size(0); }
  // Images first .. first + count - 1.
  Batch Get(int64_t first, int64_t count) const;

 private:
  at::Tensor pixels_;  // N x side x side x 3, uint8
  at::Tensor labels_;
  at::Tensor scale_;
  at::Tensor shift_;
};

// All images in a new order every epoch, each augmented anew: for training. Order and
// augmentation follow from (seed, epoch) alone, so that an epoch repeats exactly on any device,
// whatever ran before it.
class TrainingImages {
 public:
  // `images` are kept with settings.crop_padding black pixels on every side. Labels are below
  // `classes`.
  TrainingImages(const ImageSet& images, int64_t classes, const Normalization& normalization,
                 const v1::AugmentationSpec& settings, at::Device device);

  int64_t count() const { return labels_.size(0); }
  // How many views of one image crop and flip can give.
  static int64_t ViewsPerImage(const v1::AugmentationSpec& settings);
  // Steps of an epoch. The last batch takes what is left, but an image that would be alone in it
  // is left out (of this epoch; orders differ): batch norm has no variance over one image.
  int64_t StepsPerEpoch(int64_t batch) const;

  // Draws order and augmentation of `epoch`; to be called before Get.
  void StartEpoch(uint64_t seed, int64_t epoch);
  // The batch of the 0-based `step` of this epoch.
  Batch Get(int64_t step, int64_t batch) const;

 private:
  void CutOut(int64_t first, at::Tensor& images) const;
  void MixUp(int64_t step, Batch& batch) const;

  v1::AugmentationSpec settings_;
  int64_t classes_;
  int64_t side_;
  at::Tensor pixels_;  // N x (side + 2 padding) x (side + 2 padding) x 3, uint8
  at::Tensor labels_;
  at::Tensor scale_;
  at::Tensor shift_;
  at::Tensor offsets_;  // 0 .. side - 1
  uint64_t seed_ = 0;
  int64_t epoch_ = 0;
  // Of the epoch, in its order: image, first row, first column, and whether it is mirrored; with
  // cutout also the first row and column of the square, which may lie outside.
  at::Tensor order_;
  at::Tensor rows_;
  at::Tensor columns_;
  at::Tensor flips_;
  at::Tensor cut_rows_;
  at::Tensor cut_columns_;
  std::vector<int64_t> views_;
};

}  // namespace reluscape
