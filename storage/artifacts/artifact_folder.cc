#include "storage/artifacts/artifact_folder.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <random>
#include <system_error>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr char kMarker[] = "reluscape-artifacts.id";
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

// 128 random bits: two installations never choose the same id.
std::string NewFolderId() {
  std::random_device device;
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id, absl::Hex(device(), absl::kZeroPad8));
  return id;
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

absl::StatusOr<std::string> ArtifactFolder::CreateOrReadId() const {
  absl::StatusOr<std::string> id = ReadId();
  if (id.ok() || !absl::IsNotFound(id.status())) return id;
  std::error_code error;
  std::filesystem::create_directories(root_, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot create artifact folder ", root_.string(), ": ", error.message()));
  }
  RETURN_IF_ERROR(WriteFileAtomically(root_ / kMarker, NewFolderId() + "\n"));
  // What lies there now: another coordinator may have been first.
  return ReadId();
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
    if (digest.ok() && *digest == artifact.sha256()) return artifact;
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
  const std::filesystem::path path = root_ / absl::StrCat("probe-", NewFolderId(), ".part");
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

void ArtifactFolder::RemoveAllBut(const std::set<std::string>& kept) const {
  std::vector<std::filesystem::path> strays;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(root_, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::filesystem::path& file = entry->path();
    const std::string name = file.filename().string();
    if (entry.depth() != 1 || !IsSha256Hex(name.substr(0, name.find('.')))) continue;
    const bool whole = file.extension() == ".safetensors";
    if (!whole || !kept.contains(file.stem().string())) strays.push_back(file);
  }
  for (const std::filesystem::path& file : strays) std::filesystem::remove(file, error);
}

void ArtifactFolder::Remove(const v1::Artifact& artifact) const {
  if (!IsSha256Hex(artifact.sha256())) return;
  std::error_code ignored;  // a file that is already gone, or cannot go, harms nobody
  std::filesystem::remove(PathOf(artifact), ignored);
}

}  // namespace reluscape
