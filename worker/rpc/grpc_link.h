#pragma once

// The link to a coordinator over gRPC.

#include <grpcpp/channel.h>

#include <memory>

#include "worker/coordinator_link.h"

namespace reluscape {

// Speaks WorkerService over `channel` (base/rpc/channel.h makes one). An answer that this
// program does not understand is INVALID_ARGUMENT.
std::unique_ptr<CoordinatorLink> MakeGrpcLink(const std::shared_ptr<grpc::Channel>& channel);

}  // namespace reluscape
