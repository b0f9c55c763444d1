// LibTorch carries a protobuf of its own, headers and library; the system's protobuf and gRPC must
// work beside it, in one file and in one process. This program uses all three, so that an upgrade
// that breaks them is seen.

#include <ATen/ATen.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "reluscape/v1/job_service.grpc.pb.h"

namespace reluscape {
namespace {

// The gradient of x^3 at x = 2 (that is, 12), by LibTorch's autograd.
double GradientOfACubeAtTwo() {
  const at::Tensor x = at::full({}, 2.0).requires_grad_();
  (x * x * x).backward();
  return x.grad().item<double>();
}

// Answers with one worker whose id is a number that LibTorch computed.
class WorkersService final : public v1::JobService::CallbackService {
 public:
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context,
                                        const v1::ListWorkersRequest* /*request*/,
                                        v1::WorkerList* response) override {
    response->add_workers()->set_worker(std::to_string(GradientOfACubeAtTwo()));
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

TEST(OneBinaryTest, AutogradProtobufAndGrpcWorkInOneProcess) {
  EXPECT_DOUBLE_EQ(GradientOfACubeAtTwo(), 12);

  v1::Provenance sent;
  sent.set_device("cpu");
  sent.set_threads(2);
  v1::Provenance received;
  ASSERT_TRUE(received.ParseFromString(sent.SerializeAsString()));
  EXPECT_EQ(received.threads(), 2);
  EXPECT_EQ(received.device(), "cpu");

  WorkersService service;
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto stub = v1::JobService::NewStub(server->InProcessChannel({}));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::WorkerList answer;
  const grpc::Status status = stub->ListWorkers(&context, {}, &answer);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(answer.workers_size(), 1);
  EXPECT_EQ(answer.workers(0).worker(), "12.000000");
  server->Shutdown();
}

}  // namespace
}  // namespace reluscape
