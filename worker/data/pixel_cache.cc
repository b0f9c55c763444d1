#include "worker/data/pixel_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/sha256.h"
#include "worker/data/folder.h"

namespace reluscape {
namespace {

constexpr size_t kDigestBytes = 16;  // hexadecimal digits: 64 bits

// A slot's first bytes.
std::string Digest(const std::string& origin, std::span<const uint8_t> pixels) {
  Sha256 hash;
  hash.Update(absl::StrCat("reluscape-pixels-1\n", origin, "\n"));
  hash.Update(pixels.data(), pixels.size());
  return hash.HexDigest().substr(0, kDigestBytes);
}

// All of `size` bytes, or false with errno, which is 0 where the file ends before them.
bool ReadAll(int file, char* bytes, size_t size, int64_t offset) {
  while (size > 0) {
    errno = 0;
    const ssize_t got = ::pread(file, bytes, size, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes += got;
    offset += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

// All of `size` bytes, or false with errno.
bool WriteAll(int file, const char* bytes, size_t size, int64_t offset) {
  while (size > 0) {
    const ssize_t put = ::pwrite(file, bytes, size, offset);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes += put;
    offset += put;
    size -= static_cast<size_t>(put);
  }
  return true;
}

}  // namespace

struct PixelCache::State {
  int file;
  std::string path;
  int64_t image_bytes;
  int open_error;  // why it is open for reading alone, an errno value; else 0
  std::atomic<bool> readable = true;
  std::atomic<bool> writable = true;
  std::atomic<bool> warned = false;

  void Warn(int error, const char* action) {
    if (warned.exchange(true)) return;
    LogWarning(std::string(FileError(error, action, path).message()),
               "; images that it does not give are decoded");
  }
};

PixelCache::PixelCache(int file, std::string path, int64_t image_bytes, int open_error)
    : state_(std::make_unique<State>()) {
  state_->file = file;
  state_->path = std::move(path);
  state_->image_bytes = image_bytes;
  state_->open_error = open_error;
}

PixelCache::~PixelCache() { ::close(state_->file); }

absl::StatusOr<std::unique_ptr<PixelCache>> PixelCache::Open(const std::string& folder,
                                                             const std::string& name,
                                                             int64_t image_bytes) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return FileError(error.value(), "make the folder", folder);
  const std::string key = absl::StrCat(name, "\n", image_bytes);
  std::string path = absl::StrCat(folder, "/", Sha256Hex(key).substr(0, 32), ".pixels");
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  int open_error = 0;
  if (file < 0) {
    open_error = errno;
    const bool forbidden = open_error == EACCES || open_error == EPERM || open_error == EROFS;
    // O_NONBLOCK: a named pipe would wait for a writer.
    if (forbidden) file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return FileError(open_error, "open", path);
  }
  return std::unique_ptr<PixelCache>(
      new PixelCache(file, std::move(path), image_bytes, open_error));
}

int64_t PixelCache::OffsetOf(int64_t index) const {
  // No overflow: at most 10^7 images of 3 x 4096^2 bytes.
  return index * (static_cast<int64_t>(kDigestBytes) + state_->image_bytes);
}

bool PixelCache::Read(int64_t index, const std::string& origin, std::span<uint8_t> pixels) const {
  if (!state_->readable.load(std::memory_order_relaxed)) return false;
  std::string digest(kDigestBytes, '\0');
  const int64_t offset = OffsetOf(index);
  if (ReadAll(state_->file, digest.data(), digest.size(), offset) &&
      ReadAll(state_->file, reinterpret_cast<char*>(pixels.data()), pixels.size(),
              offset + static_cast<int64_t>(kDigestBytes))) {
    return Digest(origin, pixels) == digest;
  }
  if (const int error = errno; error != 0) {
    // A disk that gives up on a sector, or a server that is away, takes seconds for every try.
    state_->readable = false;
    state_->writable = false;
    state_->Warn(error, "read");
  }
  return false;
}

void PixelCache::Write(int64_t index, const std::string& origin, std::span<const uint8_t> pixels) {
  if (!state_->writable.load(std::memory_order_relaxed)) return;
  int error = state_->open_error;
  if (error == 0) {
    std::string slot = Digest(origin, pixels);
    slot.append(pixels.begin(), pixels.end());
    if (WriteAll(state_->file, slot.data(), slot.size(), OffsetOf(index))) return;
    error = errno;
  }
  state_->writable = false;
  state_->Warn(error, "write");
}

std::string OriginOf(const std::string& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return "";
  return absl::StrCat(path, "\n", status.st_size, "\n", status.st_mtim.tv_sec, ".",
                      status.st_mtim.tv_nsec);
}

}  // namespace reluscape
