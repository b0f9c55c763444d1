#pragma once

#include <cstdint>
#include <string>

namespace reluscape {

// A file in the artifact folder, named by its SHA-256: <folder>/<first 2
// digits>/<digest>.safetensors
struct ArtifactRef {
  std::string sha256;
  int64_t bytes = 0;

  explicit operator bool() const { return !sha256.empty(); }
  friend bool operator==(const ArtifactRef&, const ArtifactRef&) = default;
};

// The largest file that a user may bring: half a billion float32 numbers, more than ten times what
// a wide ResNet has. Workers hold files whole in memory.
inline constexpr int64_t kMaxBroughtBytes = int64_t{2} << 30;

}  // namespace reluscape
