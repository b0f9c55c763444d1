#pragma once

// The folder in which artifacts lie, shared by all machines of one installation:
//   <folder>/reluscape-artifacts.id       marker: the installation's id, written by the coordinator
//   <folder>/reluscape-artifacts.lock     locked by the coordinator as long as it runs
//   <folder>/ab/abcd....safetensors       a file named by its SHA-256
// Thread-safe.

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/file_lock.h"
#include "search/vocabulary/artifact.h"

namespace reluscape {

// When a file was written last.
inline int64_t ModifiedNs(const struct stat& status) {
  return int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

class ArtifactFolder {
 public:
  explicit ArtifactFolder(std::filesystem::path root) : root_(std::move(root)) {}

  // The marker's content. NOT_FOUND with the path where the folder is not that of a coordinator.
  absl::StatusOr<std::string> ReadId() const;
  // 128 random bits: two installations never choose the same id.
  static std::string NewId();

  // The coordinator's side. Creates the folder if missing and takes its lock. FAILED_PRECONDITION,
  // with what can be done, where another coordinator has it. Null where the file system knows no
  // locks: a warning in the log says so.
  absl::StatusOr<std::unique_ptr<FileLock>> Lock() const;
  // Writes the marker.
  absl::Status WriteId(const std::string& id) const;

  // Stores `content` under its hash, durable when this returns (written beside, flushed, renamed).
  // A file that is there already counts as written now.
  // An error where the folder itself is not there; it is not made.
  absl::StatusOr<v1::Artifact> Put(std::string_view content) const;
  // The bytes of `artifact`. NOT_FOUND where it is missing; DATA_LOSS where size or hash differ.
  absl::StatusOr<std::string> Get(const v1::Artifact& artifact) const;
  // Whether a file of that name and size is there (its content is not read).
  bool Has(const v1::Artifact& artifact) const;
  // Whether the folder can be used: the marker can be read, and a file of that many bytes written,
  // flushed, read and removed. The error is that of the first step that fails and names the path.
  absl::Status Probe(int64_t bytes) const;
  // The present time by which files of the folder say when they were written: that of the machine
  // on which they lie, whose clock may be another than this one's. In nanoseconds, as ModifiedNs.
  // UNAVAILABLE: the folder cannot be written. Needs no room on the disk where the folder was
  // locked before.
  absl::StatusOr<int64_t> NowNs() const;
  // Removes the file if it is there.
  void Remove(const v1::Artifact& artifact) const;
  std::filesystem::path PathOf(const v1::Artifact& artifact) const;
  const std::filesystem::path& root() const { return root_; }

 private:
  std::filesystem::path root_;
};

}  // namespace reluscape
