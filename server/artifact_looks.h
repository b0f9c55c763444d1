#pragma once

// What the coordinator itself finds of files that Workers name: a file counts once its content has
// the SHA-256 that it is called by. A file that was read is not read again before it changes.
// Thread-safe.

#include <cstdint>
#include <string>
#include <unordered_map>

#include "absl/status/status.h"
#include "base/mutex.h"
#include "storage/artifacts/artifact_folder.h"

namespace reluscape {

class ArtifactLooks {
 public:
  // `folder` must outlive the looks.
  explicit ArtifactLooks(const ArtifactFolder& folder) : folder_(folder) {}

  // OK where the file is there and is what its name says. NOT_FOUND: it is missing; DATA_LOSS: its
  // size or content is another; UNAVAILABLE: it cannot be read at present. Messages name the path.
  // Reads the file unless it is known: slow for large ones, so call it before a lock is taken.
  absl::Status Look(const v1::Artifact& artifact) EXCLUDES(mutex_);
  // The next look reads the file again.
  void Forget(const v1::Artifact& artifact) EXCLUDES(mutex_);

 private:
  // What changes where a file is written again.
  struct State {
    int64_t bytes = 0;
    int64_t inode = 0;
    int64_t modified_ns = 0;
    int64_t changed_ns = 0;

    friend bool operator==(const State&, const State&) = default;
  };

  const ArtifactFolder& folder_;
  Mutex mutex_;
  std::unordered_map<std::string, State> sound_ GUARDED_BY(mutex_);  // by SHA-256
};

}  // namespace reluscape
