#include "client/commands.h"

#include <filesystem>
#include <random>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "client/data_copies.h"
#include "client/format.h"
#include "client/job_text.h"
#include "client/listings.h"
#include "client/results_table.h"
#include "search/export/pretrained_job.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

std::string NewRequestId() {
  std::random_device source;
  std::string id;
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id, absl::StrFormat("%08x", source()));
  return id;
}

absl::Status Print(const google::protobuf::Message& message, std::ostream& out) {
  out << MessageToJson(message) << '\n';
  return absl::OkStatus();
}

// What becomes free on the disk.
std::string FreedText(int64_t files, int64_t bytes) {
  return absl::StrCat(BytesText(bytes), " in ", WithSeparators(files),
                      files == 1 ? " file" : " files", " that nothing else uses are removed");
}

// Says of errors of the job file which file that is.
absl::Status NotAValidJob(const SubmitOptions& options, const absl::Status& status) {
  if (status.code() != absl::StatusCode::kInvalidArgument) return status;
  return absl::InvalidArgumentError(
      absl::StrCat(options.file, " is not a valid job:\n", status.message()));
}

}  // namespace

absl::StatusOr<int64_t> Submit(Connection& connection, const SubmitOptions& options,
                               std::ostream& out) {
  ASSIGN_OR_RETURN(const std::string text, ReadJobText(options.file));
  const std::filesystem::path folder = options.file == "-"
                                           ? std::filesystem::path()
                                           : std::filesystem::path(options.file).parent_path();
  absl::StatusOr<PretrainedJob> job = ReadPretrainedFiles(text, folder);
  if (!job.ok()) return NotAValidJob(options, job.status());
  v1::SubmitJobRequest request;
  request.set_job_json(job->json);
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  if (!job->files.empty() && !options.validate_only) {
    // Before anything is sent, which may take a while.
    request.set_validate_only(true);
    const auto preview = connection.SubmitJob(request);
    if (!preview.ok()) return NotAValidJob(options, preview.status());
    for (const PretrainedFile& file : job->files) {
      RETURN_IF_ERROR(connection.WriteArtifact(file.artifact.sha256(), file.content).status());
    }
  }
  request.set_validate_only(options.validate_only);
  const absl::StatusOr<v1::SubmitJobResponse> response = connection.SubmitJob(request);
  if (response.status().code() == absl::StatusCode::kUnavailable ||
      response.status().code() == absl::StatusCode::kDeadlineExceeded) {
    // The call may have been stored before its answer was lost.
    return absl::Status(
        response.status().code(),
        absl::StrCat(response.status().message(),
                     options.validate_only ? ""
                                           : absl::StrCat("\nto submit again without a second job: "
                                                          "add --request-id ",
                                                          request.request_id())));
  }
  if (!response.ok()) return NotAValidJob(options, response.status());
  if (options.json) {
    RETURN_IF_ERROR(Print(*response, out));
    return response->job();
  }
  if (options.validate_only) {
    out << "valid; nothing was stored\n\n";
  } else {
    out << "submitted job " << response->job() << "\n\n";
  }
  out << PreviewText(response->preview());
  if (!options.validate_only && options.announce_watch) {
    out << "\n`reluscape watch " << response->job() << "` follows it, `reluscape results "
        << response->job() << "` shows its results\n";
  }
  return response->job();
}

absl::Status List(Connection& connection, bool json, std::ostream& out) {
  ASSIGN_OR_RETURN(const v1::JobList list, connection.ListJobs());
  if (json) return Print(list, out);
  out << JobsText(list);
  return absl::OkStatus();
}

absl::Status Show(Connection& connection, int64_t job, bool json, std::ostream& out) {
  ASSIGN_OR_RETURN(const v1::JobDetail detail, connection.GetJob(job));
  if (json) return Print(detail, out);
  out << JobText(detail);
  return absl::OkStatus();
}

absl::Status Workers(Connection& connection, bool json, std::ostream& out) {
  ASSIGN_OR_RETURN(const v1::WorkerList list, connection.ListWorkers());
  if (json) return Print(list, out);
  out << WorkersText(list);
  return absl::OkStatus();
}

absl::Status AddBudgets(Connection& connection, int64_t job, const std::vector<int64_t>& relus,
                        const std::vector<double>& fractions, bool json, std::ostream& out) {
  v1::AddBudgetsRequest request;
  request.set_job(job);
  request.mutable_relus()->Add(relus.begin(), relus.end());
  request.mutable_fractions()->Add(fractions.begin(), fractions.end());
  ASSIGN_OR_RETURN(const v1::AddBudgetsResponse answer, connection.AddBudgets(request));
  if (json) return Print(answer, out);
  if (answer.added() == 0) {
    out << "nothing was added to job " << job << "\n";
  } else {
    out << "job " << job << " has " << answer.added()
        << (answer.added() == 1 ? " result" : " results") << " more to come; `reluscape watch "
        << job << "` follows it\n";
  }
  for (const std::string& note : answer.notes()) out << "note: " << note << '\n';
  return absl::OkStatus();
}

absl::Status Retry(Connection& connection, const RetryOptions& options, std::ostream& out) {
  v1::RetryTasksRequest request;
  if (options.task > 0) {
    request.set_task(options.task);
  } else if (options.candidate > 0) {
    request.set_candidate(options.candidate);
  } else {
    request.set_job(options.job);
  }
  if (options.max_epochs > 0) request.set_max_epochs(options.max_epochs);
  ASSIGN_OR_RETURN(const v1::RetryTasksResponse answer, connection.RetryTasks(request));
  if (options.json) return Print(answer, out);
  out << WithSeparators(answer.tasks()) << (answer.tasks() == 1 ? " task" : " tasks") << " of job "
      << answer.job().job() << (answer.tasks() == 1 ? " goes on" : " go on")
      << "; `reluscape watch " << answer.job().job() << "` follows it\n";
  return absl::OkStatus();
}

absl::Status ShowData(Connection& connection, int64_t job, bool json, std::ostream& out) {
  ASSIGN_OR_RETURN(const v1::JobDetail detail, connection.GetJob(job));
  if (json) return Print(detail.job(), out);
  ASSIGN_OR_RETURN(const v1::WorkerList workers, connection.ListWorkers());
  out << DataCopiesText(detail, workers);
  return absl::OkStatus();
}

absl::Status ChooseData(Connection& connection, int64_t job, const std::string& data_hash,
                        bool json, std::ostream& out) {
  ASSIGN_OR_RETURN(const v1::ChooseDataResponse answer, connection.ChooseData(job, data_hash));
  if (json) return Print(answer, out);
  out << "job " << job << " goes by the copy " << answer.job().data_hash() << "; ";
  if (answer.candidates() == 0) {
    out << "no candidate has to run again\n";
  } else {
    out << WithSeparators(answer.candidates())
        << (answer.candidates() == 1 ? " candidate that was trained on another runs again"
                                     : " candidates that were trained on another run again")
        << " from the beginning\n";
  }
  return absl::OkStatus();
}

absl::Status Cancel(Connection& connection, int64_t job, bool json, std::ostream& out) {
  ASSIGN_OR_RETURN(const v1::Job answer, connection.CancelJob(job));
  if (json) return Print(answer, out);
  out << "job " << job << " is " << answer.state() << "; " << answer.results()
      << (answer.results() == 1 ? " result stays\n" : " results stay\n");
  return absl::OkStatus();
}

absl::Status Archive(Connection& connection, int64_t job, const std::string& keep, bool json,
                     std::ostream& out) {
  v1::JobSpec::Retention kept{};
  v1::JobSpec::Retention_Parse(absl::AsciiStrToUpper(keep), &kept);
  ASSIGN_OR_RETURN(const v1::ArchiveJobResponse answer, connection.ArchiveJob(job, kept));
  if (json) return Print(answer, out);
  out << "job " << job << " is archived and keeps " << KeptText(answer.job()) << "; "
      << FreedText(answer.files(), answer.bytes()) << '\n';
  return absl::OkStatus();
}

absl::Status Delete(Connection& connection, const DeleteOptions& options, std::ostream& out) {
  if (!options.yes) {
    if (!options.ask) {
      return absl::FailedPreconditionError(
          "delete asks before it removes a job, and nobody is there to answer: add --yes");
    }
    ASSIGN_OR_RETURN(const v1::JobDetail detail, connection.GetJob(options.job));
    const v1::Job& job = detail.job();
    const std::string answer = options.ask(
        absl::StrCat("job ", job.job(), " \"", Printable(job.name()), "\" (", job.state(), ", ",
                     WithSeparators(job.results()), job.results() == 1 ? " result" : " results",
                     ", ", BytesText(detail.artifact_bytes()),
                     " of weights) is removed for good. Delete it? [yes/no] "));
    if (answer != "yes") {
      return absl::FailedPreconditionError(
          absl::StrCat("job ", options.job, " stays: the answer was not yes"));
    }
  }
  ASSIGN_OR_RETURN(const v1::DeleteJobResponse answer, connection.DeleteJob(options.job));
  if (options.json) return Print(answer, out);
  out << "job " << answer.job() << " \"" << Printable(answer.name()) << "\" is deleted with "
      << WithSeparators(answer.results()) << (answer.results() == 1 ? " result" : " results")
      << "; " << FreedText(answer.files(), answer.bytes()) << '\n';
  return absl::OkStatus();
}

absl::Status Unseal(Connection& connection, int64_t job, bool json, std::ostream& out) {
  ASSIGN_OR_RETURN(const v1::Job answer, connection.UnsealJob(job));
  if (json) return Print(answer, out);
  out << "test accuracies of job " << job << " are shown since "
      << LocalTime(answer.unsealed_at_ms()) << "; `reluscape results " << job << "` has them\n";
  return absl::OkStatus();
}

absl::Status ShowResults(Connection& connection, int64_t job, ResultsFormat format,
                         std::ostream& out) {
  ASSIGN_OR_RETURN(const v1::ResultList list, connection.ListResults(job));
  if (format == ResultsFormat::kJson) return Print(list, out);
  if (format == ResultsFormat::kCsv) {
    out << ResultsCsv(list);
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const v1::JobDetail detail, connection.GetJob(job));
  out << ResultsText(detail.job(), list);
  return absl::OkStatus();
}

}  // namespace reluscape
