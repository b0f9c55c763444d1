#include "server/artifact_looks.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"

namespace reluscape {
namespace {

constexpr size_t kMostRemembered = 100'000;  // some 15 MB; beyond it all are read again

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

absl::Status ArtifactLooks::Look(const v1::Artifact& artifact) {
  const std::string path = folder_.PathOf(artifact).string();
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    const std::string message = absl::StrCat("artifact ", path, ": ", std::strerror(errno));
    return errno == ENOENT || errno == ENOTDIR ? absl::NotFoundError(message)
                                               : absl::UnavailableError(message);
  }
  if (status.st_size != artifact.bytes()) {
    return absl::DataLossError(absl::StrCat("artifact ", path, " has ", status.st_size,
                                            " bytes instead of ", artifact.bytes()));
  }
  const State state{status.st_size, static_cast<int64_t>(status.st_ino), ModifiedNs(status),
                    Nanoseconds(status.st_ctim)};
  {
    const MutexLock lock(mutex_);
    const auto known = sound_.find(artifact.sha256());
    if (known != sound_.end() && known->second == state) return absl::OkStatus();
  }
  const absl::StatusOr<std::string> digest = Sha256OfFile(path);
  if (!digest.ok()) return absl::UnavailableError(std::string(digest.status().message()));
  if (*digest != artifact.sha256()) {
    return absl::DataLossError(
        absl::StrCat("artifact ", path, " is damaged: its content has the SHA-256 ", *digest));
  }
  const MutexLock lock(mutex_);
  if (sound_.size() >= kMostRemembered) sound_.clear();
  sound_[artifact.sha256()] = state;
  return absl::OkStatus();
}

void ArtifactLooks::Forget(const v1::Artifact& artifact) {
  const MutexLock lock(mutex_);
  sound_.erase(artifact.sha256());
}

}  // namespace reluscape
