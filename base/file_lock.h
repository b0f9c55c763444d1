#pragma once

// Keeps two processes from using one file or folder at the same time, also those of two machines
// where the file system hands locks on (NFS on Linux does).

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// Holds an exclusive lock on a file until destroyed; the kernel also frees it when the process
// ends in any way. Child processes do not inherit it.
class FileLock {
 public:
  // Creates `path` if missing and writes this process's number and host into it.
  // FAILED_PRECONDITION with those of the holder and `advice`, what it means and what can be done,
  // where the lock is taken. UNIMPLEMENTED where the file system knows no locks.
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
