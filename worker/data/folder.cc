#include "worker/data/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace reluscape {

absl::Status FileError(int error, const std::string& action, const std::string& path) {
  // Whatever is not known to be about the data is about the machine.
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  switch (error) {
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
      code = absl::StatusCode::kNotFound;
      break;
    case EACCES:
    case EPERM:
      code = absl::StatusCode::kPermissionDenied;
      break;
    case ELOOP:
      code = absl::StatusCode::kDataLoss;
      break;
    default:
      break;
  }
  return absl::Status(code, absl::StrCat("cannot ", action, " ", path, ": ",
                                         std::generic_category().message(error)));
}

absl::StatusOr<bool> Exists(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) == 0) return true;
  const absl::Status error = FileError(errno, "look at", path);
  if (absl::IsNotFound(error)) return false;
  return error;
}

absl::StatusOr<std::vector<FolderEntry>> ListFolder(const std::string& path, int64_t limit) {
  struct Close {
    void operator()(DIR* folder) const { ::closedir(folder); }
  };
  const std::unique_ptr<DIR, Close> folder(::opendir(path.c_str()));
  if (folder == nullptr) return FileError(errno, "list", path);
  std::vector<FolderEntry> entries;
  for (;;) {
    errno = 0;
    const dirent* found = ::readdir(folder.get());
    if (found == nullptr) {
      if (errno != 0) return FileError(errno, "list", path);
      break;
    }
    FolderEntry entry{found->d_name};
    if (entry.name.starts_with('.')) continue;
    if (static_cast<int64_t>(entries.size()) == limit) {
      return absl::ResourceExhaustedError(
          absl::StrCat(path, " holds more than ", limit, " files and folders; allowed: ", limit));
    }
    unsigned char type = found->d_type;
    if (type != DT_REG && type != DT_DIR) {  // a link, or a file system that does not tell
      const std::string full = path + "/" + entry.name;
      struct stat status = {};
      if (::stat(full.c_str(), &status) != 0) return FileError(errno, "look at", full);
      if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) {
        return absl::DataLossError(absl::StrCat(full, " is neither a file nor a folder"));
      }
      type = S_ISDIR(status.st_mode) ? DT_DIR : DT_REG;
    }
    entry.is_folder = type == DT_DIR;
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return entries;
}

absl::StatusOr<std::string> ReadRegularFile(const std::string& path, int64_t limit_bytes) {
  struct Descriptor {
    int fd = -1;
    ~Descriptor() {
      if (fd >= 0) ::close(fd);
    }
  };
  // O_NONBLOCK: opening a named pipe would otherwise wait for a writer.
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.fd < 0) return FileError(errno, "open", path);
  struct stat status = {};
  if (::fstat(file.fd, &status) != 0) return FileError(errno, "look at", path);
  if (!S_ISREG(status.st_mode)) {
    return absl::DataLossError(absl::StrCat(path, " is not a regular file"));
  }
  if (status.st_size > limit_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat(path, " has ", int64_t{status.st_size},
                                                     " bytes; allowed: at most ", limit_bytes));
  }
  std::string content(static_cast<size_t>(status.st_size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    const ssize_t got = ::read(file.fd, content.data() + done, content.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FileError(errno, "read", path);
    if (got == 0) {
      return absl::DataLossError(absl::StrCat(path, " became shorter while it was read: ", done,
                                              " of ", content.size(), " bytes"));
    }
    done += static_cast<size_t>(got);
  }
  return content;
}

}  // namespace reluscape
