#pragma once

// Both services behind one gRPC port, with gRPC's health service and reflection (`grpcurl` lists
// the calls). Unencrypted and without access control: for trusted networks. Thread-safe.

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "search/artifact_folder.h"
#include "server/coordinator.h"

namespace grpc {
class Channel;
}  // namespace grpc

namespace reluscape {

struct RpcServerOptions {
  std::string address = "127.0.0.1";
  int port = 50551;  // 0 = a free one; -1 = none, for tests through InProcessChannel
};

class RpcServer {
 public:
  // Listens and answers in threads of its own. The references must outlive the server. UNAVAILABLE
  // names the address that could not be listened at.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const RpcServerOptions& options,
                                                          Coordinator& coordinator,
                                                          const std::filesystem::path& database,
                                                          const ArtifactFolder& artifacts);
  virtual ~RpcServer() = default;

  virtual int port() const = 0;
  virtual std::shared_ptr<grpc::Channel> InProcessChannel() = 0;
  // Takes no more calls, gives those that run `patience` to end, and returns.
  virtual void Shutdown(Milliseconds patience) = 0;
};

}  // namespace reluscape
