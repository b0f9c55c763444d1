#pragma once

// Which images of a data set a Job uses: a validation split held out of the training images, the
// training split out of what is left, and the test images. Thread-safe: no state.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/vocabulary/job.h"

namespace reluscape {

// Indices of images in the source, each list ascending. train and validation index the source's
// training images and have none in common; test indexes its test images.
struct Split {
  std::vector<int64_t> train;
  std::vector<int64_t> validation;
  std::vector<int64_t> test;
};

// Draws the split of a source with these labels (each 0 .. classes - 1).
//
// Every split is stratified: class c gets its share in proportion to its number of images, rounded
// by the largest remainder (ties to the smaller label). So with equally large classes the counts
// differ by at most one. Validation is drawn first: it is the same whatever train_images says.
// Which images of a class are taken follows from a permutation seeded by `seed` and the label.
//
// INVALID_ARGUMENT, with one line per field data.train_images, data.validation_images and
// data.test_images, where there are not that many images, or where a split would be empty.
absl::StatusOr<Split> DrawSplit(const v1::DataSpec& spec, const std::vector<int32_t>& train_labels,
                                const std::vector<int32_t>& test_labels, int64_t classes,
                                uint64_t seed);

// SHA-256 of the text "reluscape-split-1\n" and, for train, validation and test in this order: the
// name, a space, the number of images in decimal, "\n", and each index as 8 bytes, lowest first.
std::string SplitHash(const Split& split);

}  // namespace reluscape
