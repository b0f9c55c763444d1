#pragma once

// A part of a data set whose images lie in files of their own. Thread-safe once it is filled.

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/data/pixel_cache.h"
#include "worker/data/source.h"

namespace reluscape {

// Whether a file of that name is taken for an image: *.jpg, *.jpeg, *.png, in any case of letters.
bool IsImageName(const std::string& name);

class ImageFiles final : public SourcePart {
 public:
  // Images are `side` x `side` pixels. With `halved` the files hold twice that side, and every
  // pixel is the mean of four, rounded half up.
  explicit ImageFiles(int64_t side, bool halved = false) : side_(side), halved_(halved) {}

  // Adds the images of class `label` below `folder`: directly in it, or in its folder "images".
  absl::Status AppendClass(const std::string& folder, int32_t label);
  // Adds `names`, files in `folder`, with a label each.
  absl::Status AppendFiles(const std::string& folder, std::vector<std::string> names,
                           const std::vector<int32_t>& labels);

  // Decoded images are taken from a cache in `folder` and kept there; `name` is that of the part.
  // Without a cache, after a warning, where it cannot be opened.
  void UseCache(const std::string& folder, const std::string& name);

  const std::vector<int32_t>& labels() const override { return labels_; }
  absl::Status Read(int64_t index, std::span<uint8_t> pixels) const override;
  std::string PathOf(int64_t index) const;

 private:
  struct File {
    uint32_t holder = 0;  // index in holders_
    std::string name;
  };

  absl::Status Decode(const std::string& path, std::span<uint8_t> pixels) const;
  absl::Status CheckCount(const std::string& holder) const;

  int64_t side_;
  bool halved_;
  std::vector<std::string> holders_;  // folders with images
  std::vector<File> files_;
  std::vector<int32_t> labels_;
  std::unique_ptr<PixelCache> cache_;  // null: none
};

}  // namespace reluscape
