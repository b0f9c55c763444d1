#include "base/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/machine.h"

namespace reluscape {
absl::StatusOr<std::unique_ptr<FileLock>> FileLock::Take(const std::filesystem::path& path,
                                                         const std::string& advice) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot open ", path.string(), ": ", std::generic_category().message(errno)));
  }
  std::unique_ptr<FileLock> lock(new FileLock(fd));
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      // Of a network file system without locks; ENOLCK: mounted so, or its lock service is away.
      const bool unknown = errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS;
      return absl::Status(
          unknown ? absl::StatusCode::kUnimplemented : absl::StatusCode::kFailedPrecondition,
          absl::StrCat("cannot lock ", path.string(), ": ",
                       std::generic_category().message(errno)));
    }
    const absl::StatusOr<std::string> holder = ReadFile(path, /*limit_bytes=*/300);
    return absl::FailedPreconditionError(absl::StrCat(
        path.string(), " is locked by process ",
        holder.ok() && !holder->empty() ? std::string(absl::StripAsciiWhitespace(*holder)) : "?",
        ": ", advice));
  }
  const std::string number = absl::StrCat(::getpid(), " on ", HostName(), "\n");
  // This only serves the message above: the lock holds without it.
  if (::ftruncate(fd, 0) == 0) {
    [[maybe_unused]] const ssize_t written = ::pwrite(fd, number.data(), number.size(), 0);
  }
  return lock;
}

FileLock::~FileLock() { ::close(fd_); }

}  // namespace reluscape
