#pragma once

// The service that Workers call: one call, see worker_service.proto. Thread-safe.

#include "reluscape/v1/worker_service.grpc.pb.h"
#include "server/coordinator.h"

namespace reluscape {

class WorkerService final : public v1::WorkerService::Service {
 public:
  // `coordinator` must outlive the service.
  explicit WorkerService(Coordinator& coordinator) : coordinator_(coordinator) {}

  grpc::Status Synchronize(grpc::ServerContext* context, const v1::SynchronizeRequest* request,
                           v1::SynchronizeResponse* response) override;

 private:
  Coordinator& coordinator_;
};

}  // namespace reluscape
