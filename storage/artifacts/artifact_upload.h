#pragma once

// A file on its way into the artifact folder, piece by piece: it becomes an artifact only where its
// content is the one that was announced. Not thread-safe.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/sha256.h"
#include "search/vocabulary/artifact.h"
#include "storage/artifacts/artifact_folder.h"

namespace reluscape {

class ArtifactUpload {
 public:
  // `announced` is what will come; `folder` must outlive the upload. INVALID_ARGUMENT: no SHA-256,
  // or a size out of 1 to kMaxPretrainedFileBytes; RESOURCE_EXHAUSTED or INTERNAL: nothing can be
  // written.
  static absl::StatusOr<ArtifactUpload> Begin(const ArtifactFolder& folder,
                                              const v1::Artifact& announced);
  ArtifactUpload(ArtifactUpload&& other) noexcept;
  ArtifactUpload(const ArtifactUpload&) = delete;
  ArtifactUpload& operator=(const ArtifactUpload&) = delete;
  // Removes what was not committed.
  ~ArtifactUpload();

  // DATA_LOSS where more comes than was announced; RESOURCE_EXHAUSTED: the disk is full.
  absl::Status Append(std::string_view piece);
  // Durable when this returns OK. DATA_LOSS where size or hash differ from the announced ones. The
  // last call.
  absl::Status Commit();

 private:
  ArtifactUpload(v1::Artifact announced, std::filesystem::path path,
                 std::filesystem::path temporary, int file);
  absl::Status Failure(const char* action) const;

  v1::Artifact announced_;
  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int file_ = -1;
  std::unique_ptr<Sha256> hash_ = std::make_unique<Sha256>();
  int64_t received_ = 0;
};

}  // namespace reluscape
