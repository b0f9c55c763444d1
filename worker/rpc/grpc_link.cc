#include "worker/rpc/grpc_link.h"

#include <grpcpp/client_context.h>

#include <chrono>
#include <utility>

#include "base/rpc/status.h"
#include "base/status_macros.h"
#include "reluscape/v1/worker_service.grpc.pb.h"
#include "search/vocabulary/synchronize.h"

namespace reluscape {
namespace {

class GrpcLink final : public CoordinatorLink {
 public:
  explicit GrpcLink(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::WorkerService::NewStub(channel)) {}

  absl::StatusOr<v1::SynchronizeResponse> Synchronize(const v1::SynchronizeRequest& request,
                                                      Milliseconds timeout,
                                                      std::stop_token cancel) override {
    grpc::ClientContext context;
    // While the coordinator is away a call must wait for it, not fail: gRPC makes progress with a
    // connection only while some call is waiting, and otherwise looks at it every 5 s.
    context.set_wait_for_ready(true);
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    v1::SynchronizeResponse response;
    const std::stop_callback on_cancel(cancel, [&context] { context.TryCancel(); });
    RETURN_IF_ERROR(FromGrpc(stub_->Synchronize(&context, request, &response)));
    return CheckedResponse(std::move(response));
  }

 private:
  const std::unique_ptr<v1::WorkerService::Stub> stub_;
};

}  // namespace

std::unique_ptr<CoordinatorLink> MakeGrpcLink(const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<GrpcLink>(channel);
}

}  // namespace reluscape
