#pragma once

// How the Agent reaches the coordinator, without knowing the transport.

#include <stop_token>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "search/vocabulary/synchronize.h"

namespace reluscape {

class CoordinatorLink {
 public:
  virtual ~CoordinatorLink() = default;
  // One exchange, see worker_service.proto; the answer has been checked
  // (search/vocabulary/synchronize.h). Gives up with DEADLINE_EXCEEDED after `timeout` and with
  // CANCELLED soon after `cancel` is requested; the coordinator may have acted all the same.
  // UNAVAILABLE where it cannot be reached. One call at a time.
  virtual absl::StatusOr<v1::SynchronizeResponse> Synchronize(const v1::SynchronizeRequest& request,
                                                              Milliseconds timeout,
                                                              std::stop_token cancel) = 0;
};

}  // namespace reluscape
