#pragma once

// Listing of folders and reading of files with errors that name them. Thread-safe.

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace reluscape {

struct FolderEntry {
  std::string name;
  bool is_folder = false;
};

// What `path` holds, sorted by name (bytewise), so that the order of the file system is never
// seen. Hidden entries (".x") are left out; links are followed. Entries that are neither files nor
// folders are an error, as is a link that leads nowhere or round in a circle.
// `limit`: RESOURCE_EXHAUSTED where there are more entries.
absl::StatusOr<std::vector<FolderEntry>> ListFolder(const std::string& path, int64_t limit);

// The bytes of `path`, a regular file of at most `limit_bytes` (else RESOURCE_EXHAUSTED). DATA_LOSS
// where it is none, or is cut while it is read.
absl::StatusOr<std::string> ReadRegularFile(const std::string& path, int64_t limit_bytes);

// Whether there is a file or a folder at `path`, links followed. An error where nobody can tell.
absl::StatusOr<bool> Exists(const std::string& path);

// A Status of the code that fits `error` (an errno value). About the data: NOT_FOUND,
// PERMISSION_DENIED, DATA_LOSS (a circle of links). About the machine, so that another time or
// another machine may read them: UNAVAILABLE, for all else (EIO, ESTALE, EMFILE, ENOMEM, ...).
absl::Status FileError(int error, const std::string& action, const std::string& path);

}  // namespace reluscape
