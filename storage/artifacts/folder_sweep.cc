#include "storage/artifacts/folder_sweep.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/sha256.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr std::string_view kArtifactEnd = ".safetensors";
constexpr char kAside[] = ".part-swept_";  // a part like others; mkstemp draws no '_'

// "ab": the first digits of the artifacts in it.
bool IsSubfolder(const std::string& name) {
  return name.size() == 2 && name.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

absl::StatusOr<FolderSweep> FolderSweep::Begin(const ArtifactFolder& folder, Milliseconds age) {
  ASSIGN_OR_RETURN(const int64_t now_ns, folder.NowNs());
  FolderSweep sweep(folder, now_ns - std::chrono::nanoseconds(age).count());
  std::error_code error;
  sweep.place_ = std::filesystem::directory_iterator(sweep.root_, error);
  if (!error) return sweep;
  return absl::UnavailableError(
      absl::StrCat("cannot read ", sweep.root_.string(), ": ", error.message()));
}

FolderSweep::FolderSweep(const ArtifactFolder& folder, int64_t limit_ns)
    : root_(folder.root()), limit_ns_(limit_ns) {}

std::vector<OldFile> FolderSweep::Next(int64_t most) {
  std::vector<OldFile> old;
  std::error_code error;
  for (int64_t seen = 0; seen < most && !has_ended_; ++seen) {
    if (place_ == std::filesystem::directory_iterator()) {
      in_root_ = false;
      has_ended_ = folders_.empty();
      if (has_ended_) break;
      place_ = std::filesystem::directory_iterator(root_ / folders_.back(), error);
      folders_.pop_back();
      continue;
    }
    const std::filesystem::path path = place_->path();
    if (in_root_ && IsSubfolder(path.filename().string())) {
      folders_.push_back(path.filename().string());
    } else if (std::optional<OldFile> file = Look(path)) {
      old.push_back(*std::move(file));
    }
    // An error ends the folder, not the pass.
    place_.increment(error);
  }
  return old;
}

std::optional<OldFile> FolderSweep::Look(const std::filesystem::path& path) const {
  const std::string full_name = path.filename().string();
  const std::optional<std::string_view> finished = FinishedName(full_name);
  const bool is_part = finished.has_value();
  std::string_view name = finished.value_or(full_name);
  OldFile file;
  file.path = path;
  if (in_root_) {
    // probe-<id>.part and what was being written in the folder itself.
    const bool is_probe = name.starts_with("probe-") && name.ends_with(".part");
    const bool is_marker = is_part && name == "reluscape-artifacts.id";
    if (!is_probe && !is_marker) return std::nullopt;
  } else {
    if (!name.ends_with(kArtifactEnd)) return std::nullopt;
    name.remove_suffix(kArtifactEnd.size());
    const std::string hash(name);
    if (!IsSha256Hex(hash) || path.parent_path().filename() != hash.substr(0, 2)) {
      return std::nullopt;
    }
    if (!is_part) file.sha256 = hash;
  }
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  if (ModifiedNs(status) > limit_ns_) return std::nullopt;
  file.bytes = status.st_size;
  return file;
}

bool FolderSweep::Remove(const OldFile& file) const {
  struct stat status = {};
  if (file.sha256.empty()) {
    return ::lstat(file.path.c_str(), &status) == 0 && ModifiedNs(status) <= limit_ns_ &&
           ::unlink(file.path.c_str()) == 0;
  }
  // Set aside before it is looked at again. Whoever stores the same content touches the file and
  // knows by that whether it was there: before this it is seen to be young, after it there is none
  // to touch, and the file is written anew.
  const std::string aside = absl::StrCat(file.path.string(), kAside);
  if (::rename(file.path.c_str(), aside.c_str()) != 0) return false;
  if (::lstat(aside.c_str(), &status) == 0 && ModifiedNs(status) <= limit_ns_) {
    return ::unlink(aside.c_str()) == 0;
  }
  // One that was written under the name meanwhile is the same.
  ::rename(aside.c_str(), file.path.c_str());
  return false;
}

}  // namespace reluscape
