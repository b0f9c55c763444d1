#include "server/rpc/job_service.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/artifact_upload.h"
#include "search/wire/job.h"
#include "search/vocabulary/json.h"
#include "search/wire/status.h"
#include "search/wire/views.h"

namespace reluscape {
namespace {

constexpr size_t kLongestRequestId = 100;
constexpr int64_t kMostAddedBudgets = 100;  // as many as a Job may have of either kind
constexpr int64_t kMostEvents = 10'000;
constexpr int64_t kDefaultEvents = 1'000;
constexpr size_t kChunkBytes = size_t{1024} * 1024;

// The message of a view, or the status.
template <typename View, typename Message>
grpc::Status Answer(absl::StatusOr<View> view, Message* response) {
  if (!view.ok()) return ToGrpc(view.status());
  *response = ToProto(*view);
  return grpc::Status::OK;
}

}  // namespace

// One per call: opening takes about a millisecond, and a slow listing delays no other.
absl::StatusOr<std::unique_ptr<ResultReader>> JobService::OpenReader() const {
  return ResultReader::Open(database_);
}

absl::StatusOr<v1::SubmitJobResponse> JobService::Submit(const v1::SubmitJobRequest& request) {
  FieldErrors errors;
  JobSpec spec;
  switch (request.job_case()) {
    case v1::SubmitJobRequest::kSpec:
      spec = JobSpecFromProto(request.spec(), errors);
      break;
    case v1::SubmitJobRequest::kJobJson:
      spec = JobSpecFromJson(request.job_json(), errors);
      break;
    case v1::SubmitJobRequest::JOB_NOT_SET:
      return absl::InvalidArgumentError("job: found nothing; allowed: spec or job_json");
  }
  if (request.request_id().size() > kLongestRequestId) {
    errors.Add("request_id", absl::StrCat(request.request_id().size(), " characters"),
               absl::StrCat("at most ", kLongestRequestId));
  }
  if (!errors.empty()) return errors.ToStatus();
  ASSIGN_OR_RETURN(const SubmitOutcome outcome,
                   coordinator_.Submit(spec, MessageToJson(ToProto(spec)), RecipeHash(spec.stages),
                                       request.request_id(), request.validate_only()));
  v1::SubmitJobResponse response;
  response.set_job(outcome.job.value);
  *response.mutable_preview() = ToProto(outcome.preview);
  return response;
}

grpc::Status JobService::SubmitJob(grpc::ServerContext*, const v1::SubmitJobRequest* request,
                                   v1::SubmitJobResponse* response) {
  absl::StatusOr<v1::SubmitJobResponse> submitted = Submit(*request);
  if (!submitted.ok()) return ToGrpc(submitted.status());
  *response = *std::move(submitted);
  return grpc::Status::OK;
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

grpc::Status JobService::GetFront(grpc::ServerContext*, const v1::GetFrontRequest* request,
                                  v1::Front* response) {
  const auto reader = OpenReader();
  if (!reader.ok()) return ToGrpc(reader.status());
  return Answer((*reader)->GetFront(JobId{request->job()}), response);
}

grpc::Status JobService::GetCandidate(grpc::ServerContext*, const v1::GetCandidateRequest* request,
                                      v1::CandidateDetail* response) {
  const auto reader = OpenReader();
  if (!reader.ok()) return ToGrpc(reader.status());
  return Answer((*reader)->GetCandidate(CandidateId{request->candidate()}), response);
}

absl::StatusOr<v1::Job> JobService::ReadJob(int64_t job) {
  ASSIGN_OR_RETURN(const auto reader, OpenReader());
  ASSIGN_OR_RETURN(const JobDetailView detail, reader->GetJob(JobId{job}));
  return ToProto(detail.job);
}

absl::StatusOr<v1::JobSpec> JobService::StoredSpec(JobId job, const std::string& spec_json) {
  FieldErrors errors;
  v1::JobSpec message = ToProto(JobSpecFromJson(spec_json, errors));
  if (errors.empty()) return message;
  return absl::FailedPreconditionError(
      absl::StrCat("job ", job.value, " was stored by another version, and its job file is not ",
                   "valid for this one: ", std::string(errors.ToStatus().message())));
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
  std::optional<RaisedCap> cap;
  if (request.has_max_epochs()) {
    ASSIGN_OR_RETURN(const auto reader, OpenReader());
    ASSIGN_OR_RETURN(const JobDetailView detail, reader->GetJob(job));
    ASSIGN_OR_RETURN(v1::JobSpec message, StoredSpec(job, detail.job.spec_json));
    message.mutable_stages()->mutable_linearize()->set_max_epochs(request.max_epochs());
    FieldErrors errors;
    const JobSpec spec = JobSpecFromProto(message, errors);
    if (!errors.empty()) return errors.ToStatus();
    cap = RaisedCap{request.max_epochs(), MessageToJson(ToProto(spec)), detail.job.spec_json};
  }
  ASSIGN_OR_RETURN(const int64_t tasks, coordinator_.Retry(scope, cap));
  v1::RetryTasksResponse response;
  ASSIGN_OR_RETURN(*response.mutable_job(), ReadJob(job.value));
  response.set_tasks(tasks);
  return response;
}

grpc::Status JobService::RetryTasks(grpc::ServerContext*, const v1::RetryTasksRequest* request,
                                    v1::RetryTasksResponse* response) {
  absl::StatusOr<v1::RetryTasksResponse> retried = Retry(*request);
  if (!retried.ok()) return ToGrpc(retried.status());
  *response = *std::move(retried);
  return grpc::Status::OK;
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
  absl::StatusOr<v1::ChooseDataResponse> chosen = Choose(*request);
  if (!chosen.ok()) return ToGrpc(chosen.status());
  *response = *std::move(chosen);
  return grpc::Status::OK;
}

absl::StatusOr<v1::AddBudgetsResponse> JobService::Add(const v1::AddBudgetsRequest& request) {
  if (request.relus_size() + request.fractions_size() == 0) {
    return absl::InvalidArgumentError(
        "budgets: found none; allowed: at least one in relus or fractions");
  }
  FieldErrors errors;
  const auto check_length = [&](const char* field, int64_t length) {
    if (length <= kMostAddedBudgets) return;
    errors.Add(field, absl::StrCat(length, " entries"),
               absl::StrCat("at most ", kMostAddedBudgets));
  };
  check_length("budgets.relus", request.relus_size());
  check_length("budgets.fractions", request.fractions_size());
  if (!errors.empty()) return errors.ToStatus();
  const JobId job{request.job()};
  ASSIGN_OR_RETURN(const auto reader, OpenReader());
  ASSIGN_OR_RETURN(const JobDetailView detail, reader->GetJob(job));
  const std::string& known = detail.job.spec_json;
  ASSIGN_OR_RETURN(v1::JobSpec message, StoredSpec(job, known));
  // An entry that stands there already is no second one.
  const auto append = [](const auto& added, auto& list) {
    for (const auto& one : added) {
      if (std::find(list.begin(), list.end(), one) == list.end()) list.Add(one);
    }
  };
  append(request.relus(), *message.mutable_budgets()->mutable_relus());
  append(request.fractions(), *message.mutable_budgets()->mutable_fractions());
  const JobSpec spec = JobSpecFromProto(message, errors);
  if (!errors.empty()) return errors.ToStatus();
  ASSIGN_OR_RETURN(const AddedBudgets added,
                   coordinator_.AddBudgets(job, spec, MessageToJson(ToProto(spec)), known));
  v1::AddBudgetsResponse response;
  ASSIGN_OR_RETURN(*response.mutable_job(), ReadJob(job.value));
  response.set_added(added.added);
  for (const std::string& note : added.notes) response.add_notes(note);
  return response;
}

grpc::Status JobService::AddBudgets(grpc::ServerContext*, const v1::AddBudgetsRequest* request,
                                    v1::AddBudgetsResponse* response) {
  absl::StatusOr<v1::AddBudgetsResponse> added = Add(*request);
  if (!added.ok()) return ToGrpc(added.status());
  *response = *std::move(added);
  return grpc::Status::OK;
}

grpc::Status JobService::CancelJob(grpc::ServerContext*, const v1::CancelJobRequest* request,
                                   v1::Job* response) {
  if (absl::Status status = coordinator_.Cancel(JobId{request->job()}); !status.ok()) {
    return ToGrpc(status);
  }
  absl::StatusOr<v1::Job> job = ReadJob(request->job());
  if (!job.ok()) return ToGrpc(job.status());
  *response = *std::move(job);
  return grpc::Status::OK;
}

grpc::Status JobService::UnsealJob(grpc::ServerContext*, const v1::UnsealJobRequest* request,
                                   v1::Job* response) {
  if (absl::Status status = coordinator_.Unseal(JobId{request->job()}); !status.ok()) {
    return ToGrpc(status);
  }
  absl::StatusOr<v1::Job> job = ReadJob(request->job());
  if (!job.ok()) return ToGrpc(job.status());
  *response = *std::move(job);
  return grpc::Status::OK;
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
  const std::filesystem::path path = artifacts_.PathOf(ArtifactRef{request->sha256(), 0});
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
  const ArtifactRef announced{part.sha256(), part.bytes()};
  v1::WriteArtifactResponse response;
  // Equal name and size could still be a file that a crash of the machine spoiled.
  const bool known = artifacts_.Has(announced) &&
                     Sha256OfFile(artifacts_.PathOf(announced)).value_or("") == announced.sha256;
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
  absl::StatusOr<v1::WriteArtifactResponse> received = Receive(*reader);
  if (!received.ok()) return ToGrpc(received.status());
  *response = *received;
  return grpc::Status::OK;
}

}  // namespace reluscape
