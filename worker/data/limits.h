#pragma once

// Limits on what a data set's files may make the Worker read or allocate. All are far above the
// data sets in use (ImageNet has 1.3 million training images) and far below what would hurt.

#include <cstdint>

namespace reluscape {

inline constexpr int64_t kMaxImageFileBytes = int64_t{64} << 20;
inline constexpr int64_t kMaxImages = 10'000'000;  // of one part (train or test) of a data set
inline constexpr int64_t kMaxClasses = 100'000;    // as in v1::DataSpec of job.proto
inline constexpr int64_t kMaxSide = 4096;          // pixels; job files allow less
inline constexpr int64_t kMaxPixelBytes = int64_t{64} << 30;  // of all images in use together
inline constexpr int64_t kMaxNamesFileBytes = int64_t{16} << 20;

}  // namespace reluscape
