#pragma once

// Where images come from: one implementation per format. A Source knows labels before pixels, so
// that the split is drawn first and only images in use are decoded.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace reluscape {

// One part of a Source: what its makers call the training or the test images. Indices are
// positions in `labels`. Read is thread-safe.
class SourcePart {
 public:
  virtual ~SourcePart() = default;
  // One per image, 0 .. classes - 1, in the order of the source.
  virtual const std::vector<int32_t>& labels() const = 0;
  // Writes image `index` to `pixels` (side x side x 3 bytes, RGB). An error names the file.
  virtual absl::Status Read(int64_t index, std::span<uint8_t> pixels) const = 0;
};

struct Source {
  int64_t side = 0;
  std::vector<std::string> class_names;  // one per label
  std::unique_ptr<SourcePart> train;
  std::unique_ptr<SourcePart> test;
  bool synthetic = false;
};

// The official binary CIFAR-10 (`hundred` false) or CIFAR-100 (true) format in folder `path`.
absl::StatusOr<Source> OpenCifar(const std::string& path, bool hundred);

// A folder per class with JPEG or PNG files, below `path`/train and `path`/test or `path`/val.
// Labels are the positions of the sorted class names. Sizes are checked when an image is read.
// Decoded images are kept below `cache_folder` (worker/data/pixel_cache.h) where it is not empty.
absl::StatusOr<Source> OpenImageFolder(const std::string& path, int64_t side,
                                       const std::string& cache_folder = "");

// TinyImageNet-200 as it is distributed: classes in `path`/wnids.txt, training images below
// `path`/train/<class>/images, and as test images those of `path`/val/images, whose classes stand
// in `path`/val/val_annotations.txt; `path`/test has no labels and is not looked at. Labels are the
// positions of the sorted class names. With a side of 32 images of 64 x 64 are halved, each pixel
// the mean of four.
absl::StatusOr<Source> OpenTinyImageNet(const std::string& path, int64_t side,
                                        const std::string& cache_folder = "");

// The images of worker/data/synthetic.h.
Source OpenSynthetic();

}  // namespace reluscape
