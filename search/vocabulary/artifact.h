#pragma once

// Files in the artifact folder, as v1::Artifact names them. Thread-safe.

#include <cstdint>
#include <string>
#include <utility>

#include "reluscape/v1/report.pb.h"
#include "search/vocabulary/messages.h"

namespace reluscape {

// Whether it names a file.
inline bool IsSet(const v1::Artifact& artifact) { return !artifact.sha256().empty(); }

inline v1::Artifact MakeArtifact(std::string sha256, int64_t bytes) {
  v1::Artifact artifact;
  artifact.set_sha256(std::move(sha256));
  artifact.set_bytes(bytes);
  return artifact;
}

// The largest pretrained file: half a billion float32 numbers, more than ten times what
// a wide ResNet has. Workers hold files whole in memory.
inline constexpr int64_t kMaxPretrainedFileBytes = int64_t{2} << 30;

}  // namespace reluscape
