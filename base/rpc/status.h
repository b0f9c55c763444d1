#pragma once

// absl and gRPC status codes have equal numbers; this is the one place that maps them.

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace reluscape {

grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace reluscape
