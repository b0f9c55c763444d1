#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

absl::Status ErrnoStatus(const char* action, const std::filesystem::path& path) {
  const int error = errno;
  return absl::Status(error == ENOSPC || error == EDQUOT ? absl::StatusCode::kResourceExhausted
                                                         : absl::StatusCode::kInternal,
                      absl::StrCat("cannot ", action, " ", path.string(), ": ",
                                   std::generic_category().message(error)));
}

// Closes on every path out of a function.
struct FileDescriptor {
  int fd = -1;
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, int64_t limit_bytes) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::NotFoundError(absl::StrCat(path.string(), " is a folder, not a file"));
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) {
    return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  }
  const auto size = static_cast<int64_t>(file.tellg());
  if (size < 0) {
    return absl::InternalError(absl::StrCat("cannot read ", path.string()));
  }
  if (size > limit_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        path.string(), " has ", size, " bytes, at most ", limit_bytes, " are allowed"));
  }
  std::string content(static_cast<size_t>(size), '\0');
  file.seekg(0);
  file.read(content.data(), size);
  if (file.gcount() != size) {
    return absl::InternalError(absl::StrCat("cannot read ", path.string()));
  }
  return content;
}

absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content) {
  std::string temporary = absl::StrCat(path.string(), ".part-XXXXXX");
  FileDescriptor file{::mkstemp(temporary.data())};
  if (file.fd < 0) return ErrnoStatus("create a file beside", path);
  std::string_view rest = content;
  absl::Status status = absl::OkStatus();
  while (!rest.empty() && status.ok()) {
    const ssize_t written = ::write(file.fd, rest.data(), rest.size());
    if (written >= 0) {
      rest.remove_prefix(static_cast<size_t>(written));
    } else if (errno != EINTR) {
      status = ErrnoStatus("write", path);
    }
  }
  if (status.ok() && ::fchmod(file.fd, 0644) != 0) status = ErrnoStatus("set the mode of", path);
  if (status.ok() && ::fsync(file.fd) != 0) status = ErrnoStatus("flush", path);
  if (status.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) {
    status = ErrnoStatus("rename onto", path);
  }
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

}  // namespace reluscape
