#include "worker/train/direct_link.h"

#include <utility>

namespace reluscape {

DirectLink::DirectLink(Coordinator& coordinator, std::function<void(bool has_lease)> told)
    : coordinator_(coordinator), told_(std::move(told)) {}

absl::StatusOr<SyncResponse> DirectLink::Synchronize(const SyncRequest& request,
                                                     Milliseconds /*timeout*/,
                                                     std::stop_token /*cancel*/) {
  absl::StatusOr<SyncResponse> response = coordinator_.Synchronize(request);
  told_(response.ok() && !response->leases.empty());
  return response;
}

}  // namespace reluscape
