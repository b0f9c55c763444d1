#include "worker/train/job_choice.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/files.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "search/export/pretrained_job.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/messages.h"
#include "server/job_planner.h"
#include "server/order_sources.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxJobFileBytes = 4 << 20;  // as the coordinator's (job_service.proto)

// Whether `more` has every entry of `known`.
template <typename List>
bool Contains(const List& more, const List& known) {
  return std::all_of(known.begin(), known.end(), [&](const auto& one) {
    return std::find(more.begin(), more.end(), one) != more.end();
  });
}

bool OnlyHasMoreBudgets(const v1::JobSpec& more, const v1::JobSpec& known) {
  v1::JobSpec as_known = more;
  *as_known.mutable_budgets() = known.budgets();
  return as_known == known && Contains(more.budgets().relus(), known.budgets().relus()) &&
         Contains(more.budgets().fractions(), known.budgets().fractions());
}

absl::Status StoreFiles(const JobFile& job, DataFolder& folder) {
  for (const std::string& file : job.files) {
    ASSIGN_OR_RETURN(const v1::Artifact artifact, folder.artifacts().Put(file));
    RETURN_IF_ERROR(folder.coordinator().NoteUpload(artifact));
  }
  return absl::OkStatus();
}

void LogNotes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) LogInfo("note: ", note);
}

}  // namespace

absl::StatusOr<JobFile> ReadJobFile(const std::filesystem::path& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadFile(path, kMaxJobFileBytes));
  ASSIGN_OR_RETURN(PretrainedJob read, ReadPretrainedFiles(text, path.parent_path()));
  FieldErrors errors;
  std::optional<Checked<v1::JobSpec>> spec = JobFromJson(read.json, errors);
  if (!spec) return errors.ToStatus();
  JobFile job{*std::move(spec), {}};
  for (PretrainedFile& file : read.files) job.files.push_back(std::move(file.content));
  return job;
}

absl::Status CheckJob(const JobFile& job) {
  if (AsksForMeasuredOrders(*job.spec)) return absl::OkStatus();
  return PlanJob(*job.spec).status();
}

absl::StatusOr<JobId> ChooseJob(const JobFile& job, DataFolder& folder) {
  RETURN_IF_ERROR(StoreFiles(job, folder));
  JobId fewer_budgets;
  ASSIGN_OR_RETURN(const v1::JobList jobs, folder.reader().ListJobs());
  for (const v1::Job& one : jobs.jobs()) {
    if (one.state() == JobStateName(JobState::kCancelled)) continue;
    const JobId id{one.job()};
    ASSIGN_OR_RETURN(const v1::JobDetail detail, folder.reader().GetJob(id));
    // Of an older version it lacks what has come since, which has its default.
    FieldErrors errors;
    const auto checked = JobFromJson(detail.spec_json(), errors);
    if (!checked) continue;
    v1::JobSpec known = **checked;
    // Chosen when it began, where the file leaves them open.
    if (job.spec->threads() == 0) known.set_threads(0);
    if (known == *job.spec) {
      LogInfo("goes on with job ", id.value, " in ", folder.path().string());
      return id;
    }
    if (!fewer_budgets && OnlyHasMoreBudgets(*job.spec, known)) fewer_budgets = id;
  }
  if (fewer_budgets) {
    ASSIGN_OR_RETURN(const AddedBudgets added,
                     folder.coordinator().AddBudgets(fewer_budgets, job.spec->budgets()));
    LogInfo("goes on with job ", fewer_budgets.value, " in ", folder.path().string(),
            ", which gets ", added.added, added.added == 1 ? " budget" : " budgets", " more");
    LogNotes(added.notes);
    return fewer_budgets;
  }
  ASSIGN_OR_RETURN(const SubmitOutcome submitted,
                   folder.coordinator().Submit(job.spec, /*request_id=*/"",
                                               /*validate_only=*/false));
  LogInfo("begins job ", submitted.job.value, " in ", folder.path().string(), " with ",
          submitted.preview.candidates(), " candidates");
  LogNotes(ListOf(submitted.preview.notes()));
  return submitted.job;
}

absl::Status RetryFailures(JobId job, DataFolder& folder) {
  ASSIGN_OR_RETURN(const v1::JobDetail detail, folder.reader().GetJob(job));
  if (detail.job().state() == JobStateName(JobState::kCancelled)) return absl::OkStatus();
  const auto comes_to_the_same = [](const v1::Task& task) {
    return absl::StartsWith(task.message(), v1::Failure::Kind_Name(v1::Failure::DIVERGED)) ||
           absl::StartsWith(task.message(), v1::Failure::Kind_Name(v1::Failure::INFEASIBLE));
  };
  for (const v1::Candidate& candidate : detail.candidates()) {
    for (const v1::Task& task : candidate.tasks()) {
      if (task.state() != TaskStateName(TaskState::kFailed) || comes_to_the_same(task)) continue;
      const absl::StatusOr<int64_t> retried =
          folder.coordinator().Retry(RetryScope(TaskId{task.task()}), std::nullopt);
      // One that an earlier one needs runs again with that.
      if (!absl::IsFailedPrecondition(retried.status())) RETURN_IF_ERROR(retried.status());
    }
  }
  return absl::OkStatus();
}

}  // namespace reluscape
