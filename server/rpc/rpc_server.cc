#include "server/rpc/rpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/rpc/channel.h"
#include "server/rpc/job_service.h"
#include "server/rpc/worker_service.h"

namespace reluscape {
namespace {

// Calls that are answered at a time; further ones are refused with RESOURCE_EXHAUSTED, and both
// Workers and clients try again. Most calls take milliseconds.
constexpr int kMostThreads = 64;

}  // namespace

RpcServer::RpcServer(Coordinator& coordinator, const std::filesystem::path& database,
                     const ArtifactFolder& artifacts)
    : job_service_(std::make_unique<JobService>(coordinator, database, artifacts)),
      worker_service_(std::make_unique<WorkerService>(coordinator)) {}

RpcServer::~RpcServer() { Shutdown(Milliseconds(0)); }

absl::Status RpcServer::Listen(const RpcServerOptions& options) {
  grpc::ServerBuilder builder;
  const std::string address = absl::StrCat(options.address, ":", options.port);
  if (options.port >= 0) {
    // By default a second coordinator could listen at the same port and get half the calls.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    builder.AddListeningPort(address, grpc::InsecureServerCredentials(), &port_);
  }
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  grpc::ResourceQuota quota("reluscape");
  quota.SetMaxThreads(kMostThreads);
  builder.SetResourceQuota(quota);
  builder.RegisterService(job_service_.get());
  builder.RegisterService(worker_service_.get());
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || (options.port >= 0 && port_ <= 0)) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen at ", address,
                     " for gRPC: is another program there, or is the address not this machine's?"));
  }
  return absl::OkStatus();
}

std::shared_ptr<grpc::Channel> RpcServer::InProcessChannel() {
  return server_->InProcessChannel(grpc::ChannelArguments());
}

void RpcServer::Shutdown(Milliseconds patience) {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + patience);
  server_->Wait();
}

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const RpcServerOptions& options,
                                                            Coordinator& coordinator,
                                                            const std::filesystem::path& database,
                                                            const ArtifactFolder& artifacts) {
  // Process-wide switches that must come before the first builder.
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  std::unique_ptr<RpcServer> server(new RpcServer(coordinator, database, artifacts));
  if (absl::Status status = server->Listen(options); !status.ok()) return status;
  return server;
}

}  // namespace reluscape
