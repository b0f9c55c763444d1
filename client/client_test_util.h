#pragma once

// A coordinator for the client's tests: a real gRPC server on a free port whose answers a test
// sets. Good for what the client does with an answer; it trains nothing.

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "client/cli.h"
#include "reluscape/v1/job_service.grpc.pb.h"

namespace reluscape {

class FakeJobService final : public v1::JobService::Service {
 public:
  // Set before the call that they answer.
  grpc::Status submit_status;
  v1::SubmitJobResponse submit_response;
  v1::JobList jobs;
  std::map<int64_t, v1::JobDetail> details;
  std::map<int64_t, v1::ResultList> results;
  std::map<std::string, std::string> artifacts;
  v1::WorkerList workers;
  v1::RetryTasksResponse retry_response;
  v1::ChooseDataResponse choose_response;
  v1::ArchiveJobResponse archive_response;
  v1::DeleteJobResponse delete_response;
  // The last one received.
  v1::SubmitJobRequest submitted;
  v1::RetryTasksRequest retried;
  v1::ChooseDataRequest chosen;
  v1::ArchiveJobRequest archived;
  v1::DeleteJobRequest deleted;

  grpc::Status SubmitJob(grpc::ServerContext* /*context*/, const v1::SubmitJobRequest* request,
                         v1::SubmitJobResponse* response) override {
    submitted = *request;
    *response = submit_response;
    return submit_status;
  }
  grpc::Status ListJobs(grpc::ServerContext* /*context*/, const v1::ListJobsRequest* /*request*/,
                        v1::JobList* response) override {
    *response = jobs;
    return grpc::Status::OK;
  }
  grpc::Status GetJob(grpc::ServerContext* /*context*/, const v1::GetJobRequest* request,
                      v1::JobDetail* response) override {
    return Find(details, request->job(), *response);
  }
  grpc::Status ListResults(grpc::ServerContext* /*context*/, const v1::ListResultsRequest* request,
                           v1::ResultList* response) override {
    return Find(results, request->job(), *response);
  }
  grpc::Status RetryTasks(grpc::ServerContext* /*context*/, const v1::RetryTasksRequest* request,
                          v1::RetryTasksResponse* response) override {
    retried = *request;
    *response = retry_response;
    return grpc::Status::OK;
  }
  grpc::Status ChooseData(grpc::ServerContext* /*context*/, const v1::ChooseDataRequest* request,
                          v1::ChooseDataResponse* response) override {
    chosen = *request;
    *response = choose_response;
    return grpc::Status::OK;
  }
  grpc::Status CancelJob(grpc::ServerContext* /*context*/, const v1::CancelJobRequest* request,
                         v1::Job* response) override {
    v1::JobDetail detail;
    const grpc::Status status = Find(details, request->job(), detail);
    *response = detail.job();
    response->set_state("CANCELLED");
    return status;
  }
  grpc::Status ArchiveJob(grpc::ServerContext* /*context*/, const v1::ArchiveJobRequest* request,
                          v1::ArchiveJobResponse* response) override {
    archived = *request;
    *response = archive_response;
    return grpc::Status::OK;
  }
  grpc::Status DeleteJob(grpc::ServerContext* /*context*/, const v1::DeleteJobRequest* request,
                         v1::DeleteJobResponse* response) override {
    deleted = *request;
    *response = delete_response;
    return grpc::Status::OK;
  }
  grpc::Status UnsealJob(grpc::ServerContext* /*context*/, const v1::UnsealJobRequest* /*request*/,
                         v1::Job* /*response*/) override {
    return {grpc::StatusCode::FAILED_PRECONDITION, "the job has no result"};
  }
  grpc::Status ListWorkers(grpc::ServerContext* /*context*/,
                           const v1::ListWorkersRequest* /*request*/,
                           v1::WorkerList* response) override {
    *response = workers;
    return grpc::Status::OK;
  }
  grpc::Status ReadArtifact(grpc::ServerContext* /*context*/,
                            const v1::ReadArtifactRequest* request,
                            grpc::ServerWriter<v1::ArtifactChunk>* writer) override {
    const auto found = artifacts.find(request->sha256());
    if (found == artifacts.end()) {
      return {grpc::StatusCode::NOT_FOUND, "no artifact " + request->sha256()};
    }
    for (size_t begin = 0; begin < found->second.size(); begin += 1000) {
      v1::ArtifactChunk chunk;
      chunk.set_data(found->second.substr(begin, 1000));
      writer->Write(chunk);
    }
    return grpc::Status::OK;
  }
  grpc::Status WriteArtifact(grpc::ServerContext* /*context*/,
                             grpc::ServerReader<v1::WriteArtifactRequest>* reader,
                             v1::WriteArtifactResponse* response) override {
    v1::WriteArtifactRequest part;
    std::string content;
    std::string sha256;
    while (reader->Read(&part)) {
      if (sha256.empty()) sha256 = part.sha256();
      content += part.data();
    }
    artifacts[sha256] = content;
    response->set_stored(true);
    return grpc::Status::OK;
  }

 private:
  template <typename Message>
  static grpc::Status Find(const std::map<int64_t, Message>& messages, int64_t job,
                           Message& response) {
    const auto found = messages.find(job);
    if (found == messages.end()) {
      return {grpc::StatusCode::NOT_FOUND, "there is no job " + std::to_string(job)};
    }
    response = found->second;
    return grpc::Status::OK;
  }
};

// Serves a FakeJobService on 127.0.0.1.
class FakeCoordinator {
 public:
  FakeJobService service;

  FakeCoordinator() { Start(0); }
  void Stop() { server_->Shutdown(std::chrono::system_clock::now()); }
  // On the port that it had.
  void StartAgain() { Start(port_); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  void Start(int port) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(),
                             &port_);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
  }

  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

struct ClientRun {
  int status = 0;
  std::string out;
  std::string err;
};

// What `reluscape` does with these words.
inline ClientRun RunWith(std::vector<std::string> words) {
  words.insert(words.begin(), "reluscape");
  std::vector<char*> argv;
  argv.reserve(words.size());
  for (std::string& word : words) argv.push_back(word.data());
  std::ostringstream out;
  std::ostringstream err;
  ClientRun run;
  run.status = RunClient(static_cast<int>(argv.size()), argv.data(), out, err);
  run.out = out.str();
  run.err = err.str();
  return run;
}

}  // namespace reluscape
