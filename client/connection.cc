#include "client/connection.h"

#include "absl/strings/str_cat.h"
#include "base/rpc/channel.h"

namespace reluscape {
namespace {

// Listings are answered from SQLite within milliseconds; the rest is margin for a busy machine.
constexpr std::chrono::seconds kListingTimeout{15};
// Validating a thousand generated networks takes longer than any listing.
constexpr std::chrono::seconds kSubmitTimeout{60};
// The slowest link that an export is expected to work over.
constexpr int64_t kMinBytesPerSecond = 256 << 10;
constexpr size_t kPieceBytes = size_t{1} << 20;  // of job_service.proto

}  // namespace

Connection::Connection(const std::string& server)
    : server_(server), stub_(v1::JobService::NewStub(MakeChannel(server))) {}

absl::Status Connection::Explained(const absl::Status& status) const {
  if (status.code() == absl::StatusCode::kUnavailable ||
      status.code() == absl::StatusCode::kDeadlineExceeded) {
    return absl::Status(
        status.code(),
        absl::StrCat("no answer from the coordinator at ", server_, " (", status.message(),
                     "); start one with `reluscape up`, or name another with "
                     "--server HOST:PORT or RELUSCAPE_SERVER"));
  }
  return status;
}

absl::StatusOr<v1::SubmitJobResponse> Connection::SubmitJob(const v1::SubmitJobRequest& request) {
  return Call(&Stub::SubmitJob, request, kSubmitTimeout);
}

absl::StatusOr<v1::JobList> Connection::ListJobs() {
  return Call(&Stub::ListJobs, v1::ListJobsRequest(), kListingTimeout);
}

absl::StatusOr<v1::JobDetail> Connection::GetJob(int64_t job) {
  v1::GetJobRequest request;
  request.set_job(job);
  return Call(&Stub::GetJob, request, kListingTimeout);
}

absl::StatusOr<v1::ResultList> Connection::ListResults(int64_t job) {
  v1::ListResultsRequest request;
  request.set_job(job);
  return Call(&Stub::ListResults, request, kListingTimeout);
}

absl::StatusOr<v1::AddBudgetsResponse> Connection::AddBudgets(
    const v1::AddBudgetsRequest& request) {
  return Call(&Stub::AddBudgets, request, kSubmitTimeout);
}

absl::StatusOr<v1::RetryTasksResponse> Connection::RetryTasks(
    const v1::RetryTasksRequest& request) {
  return Call(&Stub::RetryTasks, request, kListingTimeout);
}

absl::StatusOr<v1::ChooseDataResponse> Connection::ChooseData(int64_t job,
                                                              const std::string& data_hash) {
  v1::ChooseDataRequest request;
  request.set_job(job);
  request.set_data_hash(data_hash);
  return Call(&Stub::ChooseData, request, kListingTimeout);
}

absl::StatusOr<v1::Job> Connection::CancelJob(int64_t job) {
  v1::CancelJobRequest request;
  request.set_job(job);
  return Call(&Stub::CancelJob, request, kListingTimeout);
}

absl::StatusOr<v1::ArchiveJobResponse> Connection::ArchiveJob(int64_t job,
                                                              v1::JobSpec::Retention keep) {
  v1::ArchiveJobRequest request;
  request.set_job(job);
  request.set_keep(keep);
  return Call(&Stub::ArchiveJob, request, kListingTimeout);
}

absl::StatusOr<v1::DeleteJobResponse> Connection::DeleteJob(int64_t job) {
  v1::DeleteJobRequest request;
  request.set_job(job);
  return Call(&Stub::DeleteJob, request, kListingTimeout);
}

absl::StatusOr<v1::Job> Connection::UnsealJob(int64_t job) {
  v1::UnsealJobRequest request;
  request.set_job(job);
  return Call(&Stub::UnsealJob, request, kListingTimeout);
}

absl::StatusOr<v1::WorkerList> Connection::ListWorkers() {
  return Call(&Stub::ListWorkers, v1::ListWorkersRequest(), kListingTimeout);
}

absl::StatusOr<bool> Connection::WriteArtifact(const std::string& sha256,
                                               const std::string& content) {
  grpc::ClientContext context;
  context.set_deadline(
      std::chrono::system_clock::now() + kListingTimeout +
      std::chrono::seconds(static_cast<int64_t>(content.size()) / kMinBytesPerSecond));
  v1::WriteArtifactResponse response;
  const auto writer = stub_->WriteArtifact(&context, &response);
  v1::WriteArtifactRequest part;
  part.set_sha256(sha256);
  part.set_bytes(static_cast<int64_t>(content.size()));
  bool goes_on = true;
  for (size_t begin = 0; begin < content.size() && goes_on; begin += kPieceBytes) {
    part.set_data(content.substr(begin, kPieceBytes));
    // Ends early where the coordinator has answered: it has the file, or an error.
    goes_on = writer->Write(part);
    part.Clear();
  }
  if (goes_on) writer->WritesDone();
  const grpc::Status status = writer->Finish();
  return status.ok() ? absl::StatusOr<bool>(response.stored()) : Explained(FromGrpc(status));
}

absl::Status Connection::ReadArtifact(const std::string& sha256, int64_t expected_bytes,
                                      const std::function<absl::Status(const std::string&)>& take) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kListingTimeout +
                       std::chrono::seconds(expected_bytes / kMinBytesPerSecond));
  v1::ReadArtifactRequest request;
  request.set_sha256(sha256);
  const auto reader = stub_->ReadArtifact(&context, request);
  v1::ArtifactChunk chunk;
  while (reader->Read(&chunk)) {
    if (const absl::Status status = take(chunk.data()); !status.ok()) {
      context.TryCancel();
      reader->Finish();
      return status;
    }
  }
  const grpc::Status status = reader->Finish();
  return status.ok() ? absl::OkStatus() : Explained(FromGrpc(status));
}

}  // namespace reluscape
