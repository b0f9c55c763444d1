#include "server/rpc/job_service.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/rpc/status.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json.h"
#include "storage/artifacts/artifact_upload.h"

namespace reluscape {
namespace {

constexpr int64_t kMostEvents = 10'000;
constexpr int64_t kDefaultEvents = 1'000;
constexpr size_t kChunkBytes = size_t{1024} * 1024;

template <typename Message>
grpc::Status Answer(absl::StatusOr<Message> message, Message* response) {
  if (!message.ok()) return ToGrpc(message.status());
  *response = *std::move(message);
  return grpc::Status::OK;
}

}  // namespace

// One per call: opening takes about a millisecond, and a slow listing delays no other.
absl::StatusOr<std::unique_ptr<ResultReader>> JobService::OpenReader() const {
  return ResultReader::Open(database_);
}

absl::StatusOr<v1::SubmitJobResponse> JobService::Submit(const v1::SubmitJobRequest& request) {
  FieldErrors errors;
  std::optional<Checked<v1::JobSpec>> spec;
  switch (request.job_case()) {
    case v1::SubmitJobRequest::kSpec:
      spec = Checked<v1::JobSpec>::From(request.spec(), "", errors);
      break;
    case v1::SubmitJobRequest::kJobJson:
      spec = JobFromJson(request.job_json(), errors);
      break;
    case v1::SubmitJobRequest::JOB_NOT_SET:
      return absl::InvalidArgumentError("job: found nothing; allowed: spec or job_json");
  }
  v1::SubmitJobRequest beside_the_job;
  beside_the_job.set_request_id(request.request_id());
  CheckMessage(beside_the_job, "", errors);
  if (!errors.empty()) return errors.ToStatus();
  ASSIGN_OR_RETURN(const SubmitOutcome outcome,
                   coordinator_.Submit(*spec, request.request_id(), request.validate_only()));
  v1::SubmitJobResponse response;
  response.set_job(outcome.job.value);
  *response.mutable_preview() = outcome.preview;
  return response;
}

grpc::Status JobService::SubmitJob(grpc::ServerContext*, const v1::SubmitJobRequest* request,
                                   v1::SubmitJobResponse* response) {
  return Answer(Submit(*request), response);
}

grpc::Status JobService::ListJobs(grpc::ServerContext*, const v1::ListJobsRequest*,
                                  v1::JobList* response) {
  const auto reader = OpenReader();
  if (!reader.ok()) return ToGrpc(reader.status());
  return Answer((*reader)->ListJobs(), response);
}

grpc::Status JobService::GetJob(grpc::ServerContext*, const v1::GetJobRequest* request,
                                v1::JobDetail* response) {
  const auto reader = OpenReader();
  if (!reader.ok()) return ToGrpc(reader.status());
  return Answer((*reader)->GetJob(JobId{request->job()}), response);
}

grpc::Status JobService::ListResults(grpc::ServerContext*, const v1::ListResultsRequest* request,
                                     v1::ResultList* response) {
  const auto reader = OpenReader();
  if (!reader.ok()) return ToGrpc(reader.status());
  return Answer((*reader)->ListResults(JobId{request->job()}), response);
}

grpc::Status JobService::GetCandidate(grpc::ServerContext*, const v1::GetCandidateRequest* request,
                                      v1::CandidateDetail* response) {
  const auto reader = OpenReader();
  if (!reader.ok()) return ToGrpc(reader.status());
  return Answer((*reader)->GetCandidate(CandidateId{request->candidate()}), response);
}

absl::StatusOr<v1::Job> JobService::ReadJob(int64_t job) {
  ASSIGN_OR_RETURN(const auto reader, OpenReader());
  ASSIGN_OR_RETURN(const v1::JobDetail detail, reader->GetJob(JobId{job}));
  return detail.job();
}

absl::StatusOr<v1::RetryTasksResponse> JobService::Retry(const v1::RetryTasksRequest& request) {
  RetryScope scope;
  switch (request.what_case()) {
    case v1::RetryTasksRequest::kJob:
      scope = JobId{request.job()};
      break;
    case v1::RetryTasksRequest::kCandidate:
      scope = CandidateId{request.candidate()};
      break;
    case v1::RetryTasksRequest::kTask:
      scope = TaskId{request.task()};
      break;
    case v1::RetryTasksRequest::WHAT_NOT_SET:
      return absl::InvalidArgumentError("what: found nothing; allowed: job, candidate or task");
  }
  ASSIGN_OR_RETURN(const JobId job, coordinator_.JobOf(scope));
  std::optional<int64_t> max_epochs;
  if (request.has_max_epochs()) max_epochs = request.max_epochs();
  ASSIGN_OR_RETURN(const int64_t tasks, coordinator_.Retry(scope, max_epochs));
  v1::RetryTasksResponse response;
  ASSIGN_OR_RETURN(*response.mutable_job(), ReadJob(job.value));
  response.set_tasks(tasks);
  return response;
}

grpc::Status JobService::RetryTasks(grpc::ServerContext*, const v1::RetryTasksRequest* request,
                                    v1::RetryTasksResponse* response) {
  return Answer(Retry(*request), response);
}

absl::StatusOr<v1::ChooseDataResponse> JobService::Choose(const v1::ChooseDataRequest& request) {
  ASSIGN_OR_RETURN(const int64_t candidates,
                   coordinator_.ChooseData(JobId{request.job()}, request.data_hash()));
  v1::ChooseDataResponse response;
  ASSIGN_OR_RETURN(*response.mutable_job(), ReadJob(request.job()));
  response.set_candidates(candidates);
  return response;
}

grpc::Status JobService::ChooseData(grpc::ServerContext*, const v1::ChooseDataRequest* request,
                                    v1::ChooseDataResponse* response) {
  return Answer(Choose(*request), response);
}

absl::StatusOr<v1::AddBudgetsResponse> JobService::Add(const v1::AddBudgetsRequest& request) {
  if (request.relus_size() + request.fractions_size() == 0) {
    return absl::InvalidArgumentError(
        "budgets: found none; allowed: at least one in relus or fractions");
  }
  const JobId job{request.job()};
  v1::BudgetsSpec more;
  *more.mutable_relus() = request.relus();
  *more.mutable_fractions() = request.fractions();
  ASSIGN_OR_RETURN(const AddedBudgets added, coordinator_.AddBudgets(job, more));
  v1::AddBudgetsResponse response;
  ASSIGN_OR_RETURN(*response.mutable_job(), ReadJob(job.value));
  response.set_added(added.added);
  for (const std::string& note : added.notes) response.add_notes(note);
  return response;
}

grpc::Status JobService::AddBudgets(grpc::ServerContext*, const v1::AddBudgetsRequest* request,
                                    v1::AddBudgetsResponse* response) {
  return Answer(Add(*request), response);
}

grpc::Status JobService::CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request,
                                   v1::Job* response) {
  if (absl::Status status = coordinator_.Cancel(JobId{request->job()}); !status.ok()) {
    return ToGrpc(status);
  }
  return Answer(ReadJob(request->job()), response);
}

absl::StatusOr<v1::ArchiveJobResponse> JobService::Archive(const v1::ArchiveJobRequest& request) {
  const v1::JobSpec::Retention keep =
      request.keep() == v1::JobSpec::RETENTION_UNSPECIFIED ? v1::JobSpec::RESULTS : request.keep();
  ASSIGN_OR_RETURN(const FreedFiles freed, coordinator_.Archive(JobId{request.job()}, keep));
  v1::ArchiveJobResponse response;
  ASSIGN_OR_RETURN(*response.mutable_job(), ReadJob(request.job()));
  response.set_files(freed.files);
  response.set_bytes(freed.bytes);
  return response;
}

grpc::Status JobService::ArchiveJob(grpc::ServerContext*, const v1::ArchiveJobRequest* request,
                                    v1::ArchiveJobResponse* response) {
  return Answer(Archive(*request), response);
}

absl::StatusOr<v1::DeleteJobResponse> JobService::Delete(const v1::DeleteJobRequest& request) {
  ASSIGN_OR_RETURN(const DeletedJob deleted, coordinator_.Delete(JobId{request.job()}));
  v1::DeleteJobResponse response;
  response.set_job(request.job());
  response.set_name(deleted.name);
  response.set_results(deleted.results);
  response.set_files(deleted.freed.files);
  response.set_bytes(deleted.freed.bytes);
  return response;
}

grpc::Status JobService::DeleteJob(grpc::ServerContext*, const v1::DeleteJobRequest* request,
                                   v1::DeleteJobResponse* response) {
  return Answer(Delete(*request), response);
}

grpc::Status JobService::UnsealJob(grpc::ServerContext*, const v1::UnsealJobRequest* request,
                                   v1::Job* response) {
  if (absl::Status status = coordinator_.Unseal(JobId{request->job()}); !status.ok()) {
    return ToGrpc(status);
  }
  return Answer(ReadJob(request->job()), response);
}

grpc::Status JobService::ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest*,
                                     v1::WorkerList* response) {
  const auto reader = OpenReader();
  if (!reader.ok()) return ToGrpc(reader.status());
  return Answer((*reader)->ListWorkers(), response);
}

grpc::Status JobService::ListEvents(grpc::ServerContext*, const v1::ListEventsRequest* request,
                                    v1::EventList* response) {
  if (request->limit() < 0 || request->limit() > kMostEvents) {
    return ToGrpc(absl::InvalidArgumentError(absl::StrCat("limit: found ", request->limit(),
                                                          "; allowed: 1 to ", kMostEvents,
                                                          ", or 0 for ", kDefaultEvents)));
  }
  const auto reader = OpenReader();
  if (!reader.ok()) return ToGrpc(reader.status());
  const int64_t limit = request->limit() == 0 ? kDefaultEvents : request->limit();
  return Answer((*reader)->ListEvents(JobId{request->job()}, request->after(), limit), response);
}

grpc::Status JobService::ReadArtifact(grpc::ServerContext* context,
                                      const v1::ReadArtifactRequest* request,
                                      grpc::ServerWriter<v1::ArtifactChunk>* writer) {
  // Only a digest ever becomes part of a path.
  if (!IsSha256Hex(request->sha256())) {
    return ToGrpc(absl::InvalidArgumentError(
        absl::StrCat("sha256: found \"", request->sha256().substr(0, 100),
                     "\"; allowed: 64 lower-case hexadecimal digits")));
  }
  const std::filesystem::path path = artifacts_.PathOf(MakeArtifact(request->sha256(), 0));
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  if (!file || !std::filesystem::is_regular_file(path, error)) {
    return ToGrpc(absl::NotFoundError(absl::StrCat("there is no artifact ", request->sha256())));
  }
  std::string buffer(kChunkBytes, '\0');
  while (!context->IsCancelled()) {
    file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    if (file.gcount() == 0) break;
    v1::ArtifactChunk chunk;
    chunk.set_data(buffer.data(), static_cast<size_t>(file.gcount()));
    if (!writer->Write(chunk)) return ToGrpc(absl::CancelledError("the reader is gone"));
  }
  if (file.bad()) {
    return ToGrpc(absl::DataLossError(absl::StrCat("cannot read artifact ", request->sha256())));
  }
  return grpc::Status::OK;
}

absl::StatusOr<v1::WriteArtifactResponse> JobService::Receive(
    grpc::ServerReader<v1::WriteArtifactRequest>& reader) {
  v1::WriteArtifactRequest part;
  if (!reader.Read(&part)) {
    return absl::InvalidArgumentError("sha256: found no message; allowed: at least one");
  }
  const v1::Artifact announced = MakeArtifact(part.sha256(), part.bytes());
  v1::WriteArtifactResponse response;
  // Equal name and size could still be a file that a crash of the machine spoiled.
  const bool known = artifacts_.Has(announced) &&
                     Sha256OfFile(artifacts_.PathOf(announced)).value_or("") == announced.sha256();
  if (!known) {
    ASSIGN_OR_RETURN(ArtifactUpload upload, ArtifactUpload::Begin(artifacts_, announced));
    do {
      if (part.data().size() > kChunkBytes) {
        return absl::InvalidArgumentError(absl::StrCat("data: found ", part.data().size(),
                                                       " bytes; allowed: at most ", kChunkBytes,
                                                       " in one message"));
      }
      RETURN_IF_ERROR(upload.Append(part.data()));
    } while (reader.Read(&part));
    RETURN_IF_ERROR(upload.Commit());
    response.set_stored(true);
  }
  RETURN_IF_ERROR(coordinator_.NoteUpload(announced));
  return response;
}

grpc::Status JobService::WriteArtifact(grpc::ServerContext*,
                                       grpc::ServerReader<v1::WriteArtifactRequest>* reader,
                                       v1::WriteArtifactResponse* response) {
  return Answer(Receive(*reader), response);
}

}  // namespace reluscape
