#pragma once

// Both services behind one gRPC port, with gRPC's health service and reflection (`grpcurl` lists
// the calls). Unencrypted and without access control: for trusted networks. Thread-safe.

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ports.h"
#include "server/coordinator.h"
#include "storage/artifacts/artifact_folder.h"

namespace grpc {
class Channel;
class Server;
}  // namespace grpc

namespace reluscape {

class JobService;
class WorkerService;

struct RpcServerOptions {
  std::string address = "127.0.0.1";
  int port = kGrpcPort;  // 0 = a free one; -1 = none, for tests through InProcessChannel
};

class RpcServer {
 public:
  // Listens and answers in threads of its own. The references must outlive the server. UNAVAILABLE
  // names the address that could not be listened at.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const RpcServerOptions& options,
                                                          Coordinator& coordinator,
                                                          const std::filesystem::path& database,
                                                          const ArtifactFolder& artifacts);
  ~RpcServer();

  int port() const { return port_; }
  std::shared_ptr<grpc::Channel> InProcessChannel();
  // Takes no more calls, gives those that run `patience` to end, and returns.
  void Shutdown(Milliseconds patience);

 private:
  RpcServer(Coordinator& coordinator, const std::filesystem::path& database,
            const ArtifactFolder& artifacts);
  absl::Status Listen(const RpcServerOptions& options);

  const std::unique_ptr<JobService> job_service_;
  const std::unique_ptr<WorkerService> worker_service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace reluscape
