#pragma once

// Calls to the coordinator, each with a deadline. Not thread-safe.

#include <grpcpp/client_context.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/rpc/status.h"
#include "reluscape/v1/job_service.grpc.pb.h"

namespace reluscape {

class Connection {
 public:
  // `server` is HOST:PORT. Connects with the first call, not here.
  explicit Connection(const std::string& server);

  const std::string& server() const { return server_; }

  absl::StatusOr<v1::SubmitJobResponse> SubmitJob(const v1::SubmitJobRequest& request);
  absl::StatusOr<v1::JobList> ListJobs();
  absl::StatusOr<v1::JobDetail> GetJob(int64_t job);
  absl::StatusOr<v1::ResultList> ListResults(int64_t job);
  absl::StatusOr<v1::AddBudgetsResponse> AddBudgets(const v1::AddBudgetsRequest& request);
  absl::StatusOr<v1::RetryTasksResponse> RetryTasks(const v1::RetryTasksRequest& request);
  absl::StatusOr<v1::ChooseDataResponse> ChooseData(int64_t job, const std::string& data_hash);
  absl::StatusOr<v1::Job> CancelJob(int64_t job);
  absl::StatusOr<v1::ArchiveJobResponse> ArchiveJob(int64_t job, v1::JobSpec::Retention keep);
  absl::StatusOr<v1::DeleteJobResponse> DeleteJob(int64_t job);
  absl::StatusOr<v1::Job> UnsealJob(int64_t job);
  absl::StatusOr<v1::WorkerList> ListWorkers();
  // Stores `content` as an artifact; false where the coordinator has it already.
  absl::StatusOr<bool> WriteArtifact(const std::string& sha256, const std::string& content);
  // Hands the pieces of an artifact to `take` in order; stops at the first error of either side.
  absl::Status ReadArtifact(const std::string& sha256, int64_t expected_bytes,
                            const std::function<absl::Status(const std::string&)>& take);

 private:
  using Stub = v1::JobService::StubInterface;

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, std::chrono::seconds timeout) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return Explained(FromGrpc(status));
    return response;
  }

  // Adds to an UNAVAILABLE or DEADLINE_EXCEEDED whom it concerns and what can be done.
  absl::Status Explained(const absl::Status& status) const;

  std::string server_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace reluscape
