#pragma once

// The link of an Agent to a coordinator in the same process: no transport.

#include <functional>
#include <stop_token>

#include "server/coordinator.h"
#include "worker/coordinator_link.h"

namespace reluscape {

class DirectLink final : public CoordinatorLink {
 public:
  // `coordinator` must outlive it. `told` is called after every exchange, by the Agent's thread,
  // with whether the Agent has a Lease.
  DirectLink(Coordinator& coordinator, std::function<void(bool has_lease)> told);

  // The errors of Coordinator::Synchronize. Cannot be given up: a call takes as long as its
  // transaction.
  absl::StatusOr<v1::SynchronizeResponse> Synchronize(const v1::SynchronizeRequest& request,
                                                      Milliseconds timeout,
                                                      std::stop_token cancel) override;

 private:
  Coordinator& coordinator_;
  const std::function<void(bool has_lease)> told_;
};

}  // namespace reluscape
