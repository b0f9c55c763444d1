#pragma once

// Data sets as pixels and labels in memory, without LibTorch. docs/data-sets.md describes the
// formats, the split and the hashes for users. Thread-safe: no state between calls.

#include <array>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/vocabulary/job.h"

namespace reluscape {

// Decoded images of one split, ascending in their index in the source.
struct ImageSet {
  int64_t side = 0;
  std::vector<uint8_t> pixels;  // count x side x side x 3: image, row, column, RGB
  std::vector<int32_t> labels;  // 0 .. classes - 1

  int64_t count() const { return static_cast<int64_t>(labels.size()); }
};

struct DataSet {
  std::string name;
  int64_t side = 0;
  int64_t classes = 0;
  std::vector<std::string> class_names;  // one per label
  ImageSet train;
  ImageSet validation;
  ImageSet test;
  // Per channel, of pixels in [0, 1]: the published constants where `name` has some (see
  // PublishedNormalization), else computed from `train` alone.
  std::array<double, 3> mean = {};
  std::array<double, 3> deviation = {};
  // SHA-256 of all decoded images and labels in use; equal for every copy of the same data.
  std::string data_hash;
  // SHA-256 of the source indices in train, validation and test.
  std::string split_hash;
  bool synthetic = false;
};

// Loads what `spec` asks for. `path` is the folder that the Worker's configuration maps spec.set
// to; empty for the built-in set "synthetic", which is drawn instead of read. `split_seed` decides
// which images are used and which of them validate; the same seed, spec and data give the same
// DataSet on every machine. Only images in use are decoded; those of image files are kept below
// `cache_folder` where it is not empty and not decoded again (worker/data/pixel_cache.h). `stop` is
// looked at every few images.
//
// Errors, each naming the field or the file, what was found and what is allowed. About the data at
// `path`, which come again wherever they are read:
//   INVALID_ARGUMENT    spec and data disagree (classes, side, number of images); the folder holds
//                       no data set, or more than one
//   NOT_FOUND           the folder or a file is missing, also one that was removed after it was
//                       listed, or no path is configured
//   PERMISSION_DENIED   a file or folder may not be read
//   DATA_LOSS           a file is broken: truncated, undecodable, of a wrong size, a label out of
//                       range; a circle of links; folders of classes that do not agree
//   RESOURCE_EXHAUSTED  a limit of worker/data/limits.h is passed
// About this machine at this moment, which say nothing about the data:
//   UNAVAILABLE         an input error of a disk or of a file server (EIO, ESTALE, ...), not enough
//                       memory, too many open files
//   CANCELLED           `stop` was requested
// A cache that cannot be used is no error.
absl::StatusOr<DataSet> LoadDataSet(const v1::DataSpec& spec, uint64_t split_seed,
                                    const std::string& path, std::stop_token stop = {},
                                    const std::string& cache_folder = "");

}  // namespace reluscape
