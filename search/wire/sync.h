#pragma once

// Synchronize messages and structs. Reading checks sizes, ids, hashes and finite numbers and
// answers INVALID_ARGUMENT with the field.

#include "absl/status/statusor.h"
#include "reluscape/v1/worker_service.pb.h"
#include "search/sync.h"

namespace reluscape {

v1::SynchronizeRequest ToProto(const SyncRequest& request);
absl::StatusOr<SyncRequest> FromProto(const v1::SynchronizeRequest& message);
v1::SynchronizeResponse ToProto(const SyncResponse& response);
absl::StatusOr<SyncResponse> FromProto(const v1::SynchronizeResponse& message);

}  // namespace reluscape
