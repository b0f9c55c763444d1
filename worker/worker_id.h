#pragma once

// A Worker's id: survives restarts, and no two processes of a machine use the same at once.

#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// Holds an id until destroyed or the process ends, however it ends. Two Workers with one id would
// take each other's Leases for ever. Covers one machine and one installation: ids of different
// machines differ by their host names unless they are chosen by hand. Movable.
class WorkerId {
 public:
  // `wanted` if it is not empty; ALREADY_EXISTS where a process of this machine holds it. Else the
  // first free one of "<host>-<device>", "<host>-<device>-2", ...: the same again after a restart.
  // INVALID_ARGUMENT: `wanted` is longer than 200 characters or has other characters than
  // letters, digits, '_', '.' and '-'. `folder_id` tells installations apart.
  static absl::StatusOr<WorkerId> Claim(const std::string& wanted, const std::string& host,
                                        const std::string& device, const std::string& folder_id);
  ~WorkerId();
  WorkerId(WorkerId&& other) noexcept;
  WorkerId& operator=(WorkerId&&) = delete;
  WorkerId(const WorkerId&) = delete;
  WorkerId& operator=(const WorkerId&) = delete;

  const std::string& text() const { return text_; }

 private:
  WorkerId(std::string text, int socket) : text_(std::move(text)), socket_(socket) {}

  std::string text_;
  int socket_;
};

}  // namespace reluscape
