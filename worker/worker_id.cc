#include "worker/worker_id.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/sha256.h"

namespace reluscape {
namespace {

constexpr size_t kLongestId = 200;

bool IsIdCharacter(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '.' || c == '-'; }

// "NVIDIA H200" -> "nvidia-h200".
std::string AsIdPart(const std::string& text) {
  std::string part;
  for (const char c : text) part += IsIdCharacter(c) ? absl::ascii_tolower(c) : '-';
  part.resize(std::min<size_t>(part.size(), 80));
  return part;
}

// A socket in Linux's abstract namespace: the name is free again as soon as its holder is gone.
// ALREADY_EXISTS where another process holds it.
absl::StatusOr<int> HoldName(const std::string& id, const std::string& folder_id) {
  const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) {
    return absl::InternalError(
        absl::StrCat("cannot make a socket: ", std::generic_category().message(errno)));
  }
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  const std::string name =
      absl::StrCat("reluscape-worker-", Sha256Hex(absl::StrCat(folder_id, "\n", id)));
  std::memcpy(address.sun_path + 1, name.data(), name.size());  // a leading 0: abstract
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), length) == 0) return fd;
  const int error = errno;
  ::close(fd);
  if (error == EADDRINUSE) {
    return absl::AlreadyExistsError(absl::StrCat("a worker with the id ", id,
                                                 " runs on this machine already; choose another "
                                                 "with --id"));
  }
  return absl::InternalError(
      absl::StrCat("cannot hold the id ", id, ": ", std::generic_category().message(error)));
}

}  // namespace

absl::StatusOr<WorkerId> WorkerId::Claim(const std::string& wanted, const std::string& host,
                                         const std::string& device, const std::string& folder_id) {
  if (!wanted.empty()) {
    if (wanted.size() > kLongestId || !std::all_of(wanted.begin(), wanted.end(), IsIdCharacter)) {
      return absl::InvalidArgumentError(absl::StrCat("--id: found \"", wanted, "\"; allowed: 1 to ",
                                                     kLongestId,
                                                     " letters, digits, '_', '.' and '-'"));
    }
    absl::StatusOr<int> socket = HoldName(wanted, folder_id);
    if (!socket.ok()) return socket.status();
    return WorkerId(wanted, *socket);
  }
  const std::string first = absl::StrCat(AsIdPart(host), "-", AsIdPart(device));
  constexpr int kMostWorkers = 1000;
  for (int i = 1; i <= kMostWorkers; ++i) {
    std::string id = i == 1 ? first : absl::StrCat(first, "-", i);
    absl::StatusOr<int> socket = HoldName(id, folder_id);
    if (socket.ok()) return WorkerId(std::move(id), *socket);
    if (socket.status().code() != absl::StatusCode::kAlreadyExists) return socket.status();
  }
  return absl::ResourceExhaustedError(
      absl::StrCat(kMostWorkers, " workers run on this machine already"));
}

WorkerId::WorkerId(WorkerId&& other) noexcept
    : text_(std::move(other.text_)), socket_(std::exchange(other.socket_, -1)) {}

WorkerId::~WorkerId() {
  if (socket_ >= 0) ::close(socket_);
}

}  // namespace reluscape
