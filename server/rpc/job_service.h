#pragma once

// The service that users and their scripts call: validates, asks the Coordinator to act or a
// ResultReader to read. Thread-safe.

#include <filesystem>
#include <memory>

#include "reluscape/v1/job_service.grpc.pb.h"
#include "server/coordinator.h"
#include "storage/artifacts/artifact_folder.h"
#include "storage/result_reader.h"

namespace reluscape {

class JobService final : public v1::JobService::Service {
 public:
  // The references must outlive the service.
  JobService(Coordinator& coordinator, std::filesystem::path database,
             const ArtifactFolder& artifacts)
      : coordinator_(coordinator), database_(std::move(database)), artifacts_(artifacts) {}

  grpc::Status SubmitJob(grpc::ServerContext* context, const v1::SubmitJobRequest* request,
                         v1::SubmitJobResponse* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                        v1::JobList* response) override;
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                      v1::JobDetail* response) override;
  grpc::Status ListResults(grpc::ServerContext* context, const v1::ListResultsRequest* request,
                           v1::ResultList* response) override;
  grpc::Status GetCandidate(grpc::ServerContext* context, const v1::GetCandidateRequest* request,
                            v1::CandidateDetail* response) override;
  grpc::Status AddBudgets(grpc::ServerContext* context, const v1::AddBudgetsRequest* request,
                          v1::AddBudgetsResponse* response) override;
  grpc::Status RetryTasks(grpc::ServerContext* context, const v1::RetryTasksRequest* request,
                          v1::RetryTasksResponse* response) override;
  grpc::Status ChooseData(grpc::ServerContext* context, const v1::ChooseDataRequest* request,
                          v1::ChooseDataResponse* response) override;
  grpc::Status CancelJob(grpc::ServerContext* context, const v1::CancelJobRequest* request,
                         v1::Job* response) override;
  grpc::Status ArchiveJob(grpc::ServerContext* context, const v1::ArchiveJobRequest* request,
                          v1::ArchiveJobResponse* response) override;
  grpc::Status DeleteJob(grpc::ServerContext* context, const v1::DeleteJobRequest* request,
                         v1::DeleteJobResponse* response) override;
  grpc::Status UnsealJob(grpc::ServerContext* context, const v1::UnsealJobRequest* request,
                         v1::Job* response) override;
  grpc::Status ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest* request,
                           v1::WorkerList* response) override;
  grpc::Status ListEvents(grpc::ServerContext* context, const v1::ListEventsRequest* request,
                          v1::EventList* response) override;
  grpc::Status ReadArtifact(grpc::ServerContext* context, const v1::ReadArtifactRequest* request,
                            grpc::ServerWriter<v1::ArtifactChunk>* writer) override;
  grpc::Status WriteArtifact(grpc::ServerContext* context,
                             grpc::ServerReader<v1::WriteArtifactRequest>* reader,
                             v1::WriteArtifactResponse* response) override;

 private:
  absl::StatusOr<v1::SubmitJobResponse> Submit(const v1::SubmitJobRequest& request);
  absl::StatusOr<v1::AddBudgetsResponse> Add(const v1::AddBudgetsRequest& request);
  absl::StatusOr<v1::ArchiveJobResponse> Archive(const v1::ArchiveJobRequest& request);
  absl::StatusOr<v1::DeleteJobResponse> Delete(const v1::DeleteJobRequest& request);
  absl::StatusOr<v1::RetryTasksResponse> Retry(const v1::RetryTasksRequest& request);
  absl::StatusOr<v1::ChooseDataResponse> Choose(const v1::ChooseDataRequest& request);
  absl::StatusOr<v1::WriteArtifactResponse> Receive(
      grpc::ServerReader<v1::WriteArtifactRequest>& reader);
  absl::StatusOr<v1::Job> ReadJob(int64_t job);
  absl::StatusOr<std::unique_ptr<ResultReader>> OpenReader() const;

  Coordinator& coordinator_;
  const std::filesystem::path database_;
  const ArtifactFolder& artifacts_;
};

}  // namespace reluscape
