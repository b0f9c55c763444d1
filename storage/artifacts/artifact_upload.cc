#include "storage/artifacts/artifact_upload.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/status_macros.h"

namespace reluscape {

absl::StatusOr<ArtifactUpload> ArtifactUpload::Begin(const ArtifactFolder& folder,
                                                     const v1::Artifact& announced) {
  // Only a digest ever becomes part of a path.
  if (!IsSha256Hex(announced.sha256())) {
    return absl::InvalidArgumentError(absl::StrCat("sha256: found ", announced.sha256().size(),
                                                   " characters; allowed: 64 lower-case "
                                                   "hexadecimal digits"));
  }
  if (announced.bytes() < 1 || announced.bytes() > kMaxPretrainedFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat("bytes: found ", announced.bytes(),
                                                   "; allowed: 1 to ", kMaxPretrainedFileBytes));
  }
  const std::filesystem::path path = folder.PathOf(announced);
  std::error_code error;
  // Not the folder itself: where that is away, as a file system that is not mounted, what is
  // written would lie somewhere else.
  std::filesystem::create_directory(path.parent_path(), error);
  if (error) {
    return absl::InternalError(
        absl::StrCat("cannot create ", path.parent_path().string(), ": ", error.message()));
  }
  std::string temporary = UnfinishedTemplate(path);
  const int file = ::mkstemp(temporary.data());
  ArtifactUpload upload(announced, path, file >= 0 ? temporary : std::string(), file);
  if (file < 0) return upload.Failure("create a file beside");
  return upload;
}

ArtifactUpload::ArtifactUpload(v1::Artifact announced, std::filesystem::path path,
                               std::filesystem::path temporary, int file)
    : announced_(std::move(announced)),
      path_(std::move(path)),
      temporary_(std::move(temporary)),
      file_(file) {}

ArtifactUpload::ArtifactUpload(ArtifactUpload&& other) noexcept
    : announced_(std::move(other.announced_)),
      path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      file_(std::exchange(other.file_, -1)),
      hash_(std::move(other.hash_)),
      received_(other.received_) {}

ArtifactUpload::~ArtifactUpload() {
  if (file_ >= 0) ::close(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

absl::Status ArtifactUpload::Failure(const char* action) const {
  const int error = errno;
  return absl::Status(error == ENOSPC || error == EDQUOT ? absl::StatusCode::kResourceExhausted
                                                         : absl::StatusCode::kInternal,
                      absl::StrCat("cannot ", action, " ", path_.string(), ": ",
                                   std::generic_category().message(error)));
}

absl::Status ArtifactUpload::Append(std::string_view piece) {
  if (static_cast<int64_t>(piece.size()) > announced_.bytes() - received_) {
    return absl::DataLossError(absl::StrCat("artifact ", announced_.sha256(),
                                            ": more came than the announced ", announced_.bytes(),
                                            " bytes"));
  }
  hash_->Update(piece);
  received_ += static_cast<int64_t>(piece.size());
  while (!piece.empty()) {
    const ssize_t written = ::write(file_, piece.data(), piece.size());
    if (written >= 0) {
      piece.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      return Failure("write");
    }
  }
  return absl::OkStatus();
}

absl::Status ArtifactUpload::Commit() {
  const std::string digest = hash_->HexDigest();
  if (received_ != announced_.bytes() || digest != announced_.sha256()) {
    return absl::DataLossError(absl::StrCat("what came has ", received_, " bytes and the SHA-256 ",
                                            digest, " instead of ", announced_.bytes(),
                                            " bytes and ", announced_.sha256()));
  }
  if (::fchmod(file_, 0644) != 0) return Failure("set the mode of");
  if (::fsync(file_) != 0) return Failure("flush");
  RETURN_IF_ERROR(RenameDurably(temporary_, path_));
  temporary_.clear();
  return absl::OkStatus();
}

}  // namespace reluscape
