#include "base/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

constexpr std::string_view kPart = ".part-";
constexpr size_t kDrawn = 6;  // characters that mkstemp draws

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

absl::Status FlushFolder(const std::filesystem::path& folder) {
  const FileDescriptor file{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  // A folder that may be passed through but not read, above ours: somebody else's to flush.
  if (file.fd < 0 && errno == EACCES) return absl::OkStatus();
  if (file.fd < 0) return ErrnoStatus("open the folder", folder);
  // EINVAL: a file system that knows no such thing.
  if (::fsync(file.fd) != 0 && errno != EINVAL) return ErrnoStatus("flush the folder", folder);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path, int64_t limit_bytes) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    return absl::NotFoundError(absl::StrCat(path.string(), " is a folder, not a file"));
  }
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return absl::NotFoundError(absl::StrCat("cannot open ", path.string()));
  const auto size = static_cast<int64_t>(file.tellg());
  if (size < 0) return absl::InternalError(absl::StrCat("cannot read ", path.string()));
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

std::string UnfinishedTemplate(const std::filesystem::path& path) {
  return path.string().append(kPart).append(kDrawn, 'X');
}

std::optional<std::string_view> FinishedName(std::string_view name) {
  if (name.size() <= kPart.size() + kDrawn) return std::nullopt;
  const size_t at = name.size() - kPart.size() - kDrawn;
  if (name.substr(at, kPart.size()) != kPart) return std::nullopt;
  return name.substr(0, at);
}

absl::Status WriteFileAtomically(const std::filesystem::path& path, std::string_view content) {
  std::string temporary = UnfinishedTemplate(path);
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
  if (status.ok()) status = RenameDurably(temporary, path);
  if (!status.ok()) ::unlink(temporary.c_str());
  return status;
}

absl::Status RenameDurably(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return ErrnoStatus("rename onto", to);
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::absolute(to, error).parent_path();
  if (error) return absl::InternalError(absl::StrCat("cannot find the folder of ", to.string()));
  RETURN_IF_ERROR(FlushFolder(folder));
  return FlushFolder(folder.parent_path());
}

}  // namespace reluscape
