#include "worker/train/data_folder.h"

#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr char kDatabase[] = "reluscape.db";

// Creates `path`. Where it has no database it must be empty, but for what a first start that was
// killed at once may have left.
absl::Status TakeFolder(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error || !std::filesystem::is_directory(path, error)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "cannot make the folder ", path.string(), ": ",
        error ? error.message() : std::string("it is a file"), "; name another with --out"));
  }
  if (DataFolder::IsBegun(path)) return absl::OkStatus();
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, kDatabase)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(path.string(), " holds ", name,
                     " and no database of Reluscape; name another folder with --out"));
  }
  if (!error) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("cannot read ", path.string(), ": ", error.message()));
}

}  // namespace

DataFolder::DataFolder(std::filesystem::path path, const Clock& clock)
    : path_(std::move(path)), artifacts_(ArtifactsIn(path_)), clock_(clock) {}

bool DataFolder::IsBegun(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(path / kDatabase, error);
}

absl::StatusOr<std::unique_ptr<DataFolder>> DataFolder::Open(const std::filesystem::path& path,
                                                             const Clock& clock) {
  RETURN_IF_ERROR(TakeFolder(path));
  std::unique_ptr<DataFolder> folder(new DataFolder(path, clock));
  ASSIGN_OR_RETURN(folder->store_, Store::Open(path / kDatabase));
  ASSIGN_OR_RETURN(folder->coordinator_, Coordinator::Start(CoordinatorOptions(), *folder->store_,
                                                            folder->artifacts_, clock));
  RETURN_IF_ERROR(folder->coordinator_->DismissEarlierWorkers());
  ASSIGN_OR_RETURN(folder->reader_, ResultReader::Open(path / kDatabase));
  return folder;
}

}  // namespace reluscape
