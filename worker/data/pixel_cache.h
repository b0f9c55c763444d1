#pragma once

// Decoded images in a file, so that a data set of image files is decoded once and not at every
// start of a Worker. One file per part of a data set, with a slot per image at the place of its
// index: 16 hexadecimal digits of the SHA-256 of where the pixels came from and of the pixels, then
// the pixels.
// A slot proves itself: one that was never written, was torn by a crash, was damaged on the disk or
// belongs to an image file that has changed since does not match, and is decoded and written anew.
// Slots of images that no Job uses stay holes in the file.
// A cache is a help and no more: whatever it cannot do is decoded instead.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// Thread-safe, and several processes may use one file: they write the same bytes.
class PixelCache {
 public:
  // The file for images of `image_bytes` bytes each that `name` tells from all others (the place of
  // the part and how it is decoded); folder and file are made where they are missing. A file that
  // may not be written, as on a read-only file system, is only read. Errors name the path.
  static absl::StatusOr<std::unique_ptr<PixelCache>> Open(const std::string& folder,
                                                          const std::string& name,
                                                          int64_t image_bytes);
  ~PixelCache();
  PixelCache(const PixelCache&) = delete;
  PixelCache& operator=(const PixelCache&) = delete;

  // Whether slot `index` holds the image of `origin`, which is then written to `pixels`
  // (image_bytes of them). `origin` names an image file in one state, see OriginOf. After an input
  // error the file is neither read nor written any more.
  bool Read(int64_t index, const std::string& origin, std::span<uint8_t> pixels) const;

  // Fills slot `index`. Where that fails (a full disk) the file is not written any more. Of all
  // that goes wrong with a file in Read and Write, the first is logged as a warning.
  void Write(int64_t index, const std::string& origin, std::span<const uint8_t> pixels);

 private:
  PixelCache(int file, std::string path, int64_t image_bytes, int open_error);
  int64_t OffsetOf(int64_t index) const;

  struct State;
  std::unique_ptr<State> state_;
};

// Path, size and time of the last change of the file at `path`; an empty text where it cannot be
// looked at.
std::string OriginOf(const std::string& path);

}  // namespace reluscape
