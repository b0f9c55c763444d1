#include "worker/train/direct_link.h"

#include <utility>

namespace reluscape {

DirectLink::DirectLink(Coordinator& coordinator, std::function<void(bool has_lease)> told)
    : coordinator_(coordinator), told_(std::move(told)) {}

absl::StatusOr<v1::SynchronizeResponse> DirectLink::Synchronize(
    const v1::SynchronizeRequest& request, Milliseconds /*timeout*/, std::stop_token /*cancel*/) {
  FieldErrors errors;
  const auto checked = Checked<v1::SynchronizeRequest>::From(request, /*path=*/"", errors);
  if (!checked) return errors.ToStatus();
  absl::StatusOr<v1::SynchronizeResponse> response = coordinator_.Synchronize(*checked);
  told_(response.ok() && !response->leases().empty());
  if (!response.ok()) return response;
  return CheckedResponse(*std::move(response));
}

}  // namespace reluscape
