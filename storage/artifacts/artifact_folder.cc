#include "storage/artifacts/artifact_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <random>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr char kMarker[] = "reluscape-artifacts.id";
constexpr char kLock[] = "reluscape-artifacts.lock";
// A marker holds 32 hexadecimal digits; anything much longer is no marker.
constexpr int64_t kMarkerLimitBytes = 200;

// Bytes that no file system stores in less room than they take.
std::string Noise(int64_t bytes) {
  std::mt19937_64 generator{std::random_device()()};
  std::string noise(static_cast<size_t>(bytes), '\0');
  for (size_t i = 0; i < noise.size(); i += sizeof(uint64_t)) {
    const uint64_t number = generator();
    std::memcpy(&noise[i], &number, std::min(sizeof(number), noise.size() - i));
  }
  return noise;
}

absl::Status MakeFolder(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot create artifact folder ", folder.string(), ": ", error.message()));
}

}  // namespace

absl::StatusOr<std::string> ArtifactFolder::ReadId() const {
  const std::filesystem::path marker = root_ / kMarker;
  absl::StatusOr<std::string> content = ReadFile(marker, kMarkerLimitBytes);
  if (absl::IsNotFound(content.status())) {
    return absl::NotFoundError(absl::StrCat(
        "artifact folder ", root_.string(), ": there is no ", kMarker,
        "; give the folder that the coordinator uses (the coordinator writes this file)"));
  }
  if (!content.ok()) return content.status();
  std::string id(absl::StripAsciiWhitespace(*content));
  if (id.empty()) {
    return absl::DataLossError(absl::StrCat(marker.string(),
                                            " is empty; remove it and start the "
                                            "coordinator again"));
  }
  return id;
}

std::string ArtifactFolder::NewId() {
  std::random_device device;
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id, absl::Hex(device(), absl::kZeroPad8));
  return id;
}

absl::StatusOr<std::unique_ptr<FileLock>> ArtifactFolder::Lock() const {
  RETURN_IF_ERROR(MakeFolder(root_));
  absl::StatusOr<std::unique_ptr<FileLock>> lock = FileLock::Take(
      root_ / kLock,
      "another coordinator uses this artifact folder; stop it, or give this one a folder of its "
      "own (reluscape-server: --artifact-dir)");
  if (!absl::IsUnimplemented(lock.status())) return lock;
  LogWarning(std::string(lock.status().message()),
             "; nothing keeps a second coordinator with a copy of this database from the folder");
  return nullptr;
}

absl::Status ArtifactFolder::WriteId(const std::string& id) const {
  RETURN_IF_ERROR(MakeFolder(root_));
  return WriteFileAtomically(root_ / kMarker, id + "\n");
}

std::filesystem::path ArtifactFolder::PathOf(const v1::Artifact& artifact) const {
  // A name from outside that is no digest must never become a path.
  if (!IsSha256Hex(artifact.sha256())) return root_ / "no-such-artifact";
  return root_ / artifact.sha256().substr(0, 2) / (artifact.sha256() + ".safetensors");
}

absl::StatusOr<v1::Artifact> ArtifactFolder::Put(std::string_view content) const {
  const v1::Artifact artifact =
      MakeArtifact(Sha256Hex(content), static_cast<int64_t>(content.size()));
  const std::filesystem::path path = PathOf(artifact);
  if (Has(artifact)) {
    // Equal name and size could still be a file that a full disk or a crash of the machine spoiled.
    absl::StatusOr<std::string> digest = Sha256OfFile(path);
    // Its age counts anew (FolderSweep), by the file server's clock. Where it may not be touched,
    // or has just gone, it is written again.
    if (digest.ok() && *digest == artifact.sha256() &&
        ::utimensat(AT_FDCWD, path.c_str(), /*times=*/nullptr, /*flags=*/0) == 0) {
      return artifact;
    }
  }
  std::error_code error;
  // Not the folder itself: where that is away, as a file system that is not mounted, what is
  // written would lie somewhere else.
  std::filesystem::create_directory(path.parent_path(), error);
  if (error) {
    return absl::InternalError(
        absl::StrCat("cannot create ", path.parent_path().string(), ": ", error.message()));
  }
  RETURN_IF_ERROR(WriteFileAtomically(path, content));
  return artifact;
}

absl::StatusOr<std::string> ArtifactFolder::Get(const v1::Artifact& artifact) const {
  const std::filesystem::path path = PathOf(artifact);
  if (!IsSha256Hex(artifact.sha256())) {
    return absl::NotFoundError(
        absl::StrCat("artifact \"", artifact.sha256(), "\" is not named by a SHA-256"));
  }
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  if (error) {
    return absl::NotFoundError(absl::StrCat("artifact ", path.string(), ": ", error.message()));
  }
  if (artifact.bytes() < 0 || size != static_cast<uintmax_t>(artifact.bytes())) {
    return absl::DataLossError(absl::StrCat("artifact ", path.string(), " has ", size,
                                            " bytes instead of ", artifact.bytes()));
  }
  ASSIGN_OR_RETURN(std::string content, ReadFile(path, artifact.bytes()));
  if (const std::string digest = Sha256Hex(content); digest != artifact.sha256()) {
    return absl::DataLossError(absl::StrCat("artifact ", path.string(),
                                            " is damaged: its content has the SHA-256 ", digest));
  }
  return content;
}

bool ArtifactFolder::Has(const v1::Artifact& artifact) const {
  if (!IsSha256Hex(artifact.sha256()) || artifact.bytes() < 0) return false;
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(PathOf(artifact), error);
  return !error && size == static_cast<uintmax_t>(artifact.bytes());
}

absl::Status ArtifactFolder::Probe(int64_t bytes) const {
  RETURN_IF_ERROR(ReadId().status());
  // Of a name that no other process and no artifact has.
  const std::filesystem::path path = root_ / absl::StrCat("probe-", NewId(), ".part");
  const std::string written = Noise(bytes);
  RETURN_IF_ERROR(WriteFileAtomically(path, written));
  const absl::StatusOr<std::string> read = ReadFile(path, bytes);
  std::error_code error;
  std::filesystem::remove(path, error);
  RETURN_IF_ERROR(read.status());
  if (*read != written) {
    return absl::DataLossError(
        absl::StrCat(path.string(), ": reads differently from what was written"));
  }
  if (error) {
    return absl::InternalError(
        absl::StrCat("cannot remove ", path.string(), ": ", error.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> ArtifactFolder::NowNs() const {
  const std::filesystem::path path = root_ / kLock;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  struct stat status = {};
  const bool touched =
      fd >= 0 && ::futimens(fd, /*times=*/nullptr) == 0 && ::fstat(fd, &status) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (touched) return ModifiedNs(status);
  return absl::UnavailableError(
      absl::StrCat("cannot touch ", path.string(), ": ", std::strerror(error)));
}

void ArtifactFolder::Remove(const v1::Artifact& artifact) const {
  if (!IsSha256Hex(artifact.sha256())) return;
  std::error_code ignored;  // a file that is already gone, or cannot go, harms nobody
  std::filesystem::remove(PathOf(artifact), ignored);
}

}  // namespace reluscape
