#pragma once

// The folder in which artifacts lie, shared by all machines of one installation:
//   <folder>/reluscape-artifacts.id       marker: the installation's id, written by the coordinator
//   <folder>/ab/abcd....safetensors       a file named by its SHA-256
// Thread-safe.

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "search/vocabulary/artifact.h"

namespace reluscape {

class ArtifactFolder {
 public:
  explicit ArtifactFolder(std::filesystem::path root) : root_(std::move(root)) {}

  // The marker's content. NOT_FOUND with the path where the folder is not that of a coordinator.
  absl::StatusOr<std::string> ReadId() const;
  // The coordinator's side: creates folder and marker if missing and returns the id.
  absl::StatusOr<std::string> CreateOrReadId() const;

  // Stores `content` under its hash, durable when this returns (written beside, flushed, renamed).
  // An error where the folder itself is not there; it is not made.
  absl::StatusOr<v1::Artifact> Put(std::string_view content) const;
  // The bytes of `artifact`. NOT_FOUND where it is missing; DATA_LOSS where size or hash differ.
  absl::StatusOr<std::string> Get(const v1::Artifact& artifact) const;
  // Whether a file of that name and size is there (its content is not read).
  bool Has(const v1::Artifact& artifact) const;
  // Whether the folder can be used: the marker can be read, and a file of that many bytes written,
  // flushed, read and removed. The error is that of the first step that fails and names the path.
  absl::Status Probe(int64_t bytes) const;
  // Removes artifacts whose hash is not in `kept`, and parts of files that were being written. Only
  // where nobody else writes to the folder. What cannot be removed stays.
  void RemoveAllBut(const std::set<std::string>& kept) const;
  // Removes the file if it is there.
  void Remove(const v1::Artifact& artifact) const;
  std::filesystem::path PathOf(const v1::Artifact& artifact) const;

 private:
  std::filesystem::path root_;
};

}  // namespace reluscape
