#pragma once

// Keeps two processes of a machine from using one file or folder at the same time.

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// Holds an exclusive lock on a file until destroyed; the kernel also frees it when the process
// ends in any way. Child processes do not inherit it.
class FileLock {
 public:
  // Creates `path` if missing and writes this process's number into it. FAILED_PRECONDITION with
  // the number of the holder and `advice`, what it means and what can be done, where the lock is
  // taken.
  static absl::StatusOr<std::unique_ptr<FileLock>> Take(const std::filesystem::path& path,
                                                        const std::string& advice);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int fd) : fd_(fd) {}

  const int fd_;
};

}  // namespace reluscape
