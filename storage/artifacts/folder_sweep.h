#pragma once

// One pass over an artifact folder that finds what writers which were killed, or were never asked
// again, may have left: artifacts, parts of files that were being written, probes. Which of the
// artifacts are in use its caller knows. Files of other names are somebody else's and are never
// touched. Thread-compatible.

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "storage/artifacts/artifact_folder.h"

namespace reluscape {

struct OldFile {
  std::filesystem::path path;
  std::string sha256;  // of an artifact; empty: a part or a probe, which nobody refers to
  int64_t bytes = 0;
};

class FolderSweep {
 public:
  // Of files that were written `age` ago or earlier, by the clock of the machine on which they lie.
  // `folder` must outlive the sweep. UNAVAILABLE where the folder cannot be used.
  static absl::StatusOr<FolderSweep> Begin(const ArtifactFolder& folder, Milliseconds age);

  // Goes `most` entries further, so that a folder of any size costs a bounded time and memory, and
  // returns the old files among them. What cannot be read is passed over until the next pass.
  std::vector<OldFile> Next(int64_t most);
  // Whether Next has seen everything.
  bool HasEnded() const { return has_ended_; }

  // Removes `file` unless it has been written again, or stored again by ArtifactFolder::Put, since
  // it was found, at whatever moment. False where it stays.
  bool Remove(const OldFile& file) const;

 private:
  FolderSweep(const ArtifactFolder& folder, int64_t limit_ns);
  // The entry, if it is an old file of ours.
  std::optional<OldFile> Look(const std::filesystem::path& path) const;

  std::filesystem::path root_;
  int64_t limit_ns_;
  std::vector<std::string> folders_;  // names of those that are still to be gone through
  std::filesystem::directory_iterator place_;
  bool in_root_ = true;
  bool has_ended_ = false;
};

}  // namespace reluscape
