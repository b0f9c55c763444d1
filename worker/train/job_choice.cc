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
#include "search/export/pretrained_file.h"
#include "search/wire/brought_files.h"
#include "search/wire/job.h"
#include "search/wire/json.h"
#include "server/job_planner.h"
#include "server/order_sources.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxJobFileBytes = 4 << 20;  // as the coordinator's (job_service.proto)

std::string CanonicalJson(const JobSpec& spec) { return MessageToJson(ToProto(spec)); }

std::string WithoutBudgets(JobSpec spec) {
  spec.budgets = {};
  return CanonicalJson(spec);
}

// Whether `more` has every entry of `known`.
template <typename T>
bool Contains(const std::vector<T>& more, const std::vector<T>& known) {
  return std::all_of(known.begin(), known.end(), [&](const T& one) {
    return std::find(more.begin(), more.end(), one) != more.end();
  });
}

bool OnlyHasMoreBudgets(const JobSpec& more, const JobSpec& known) {
  return Contains(more.budgets.relus, known.budgets.relus) &&
         Contains(more.budgets.fractions, known.budgets.fractions) &&
         WithoutBudgets(more) == WithoutBudgets(known);
}

absl::Status StoreFiles(const JobFile& job, DataFolder& folder) {
  for (const std::string& file : job.files) {
    ASSIGN_OR_RETURN(const ArtifactRef artifact, folder.artifacts().Put(file));
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
  ASSIGN_OR_RETURN(BroughtJob brought, BringFiles(text, path.parent_path(), CheckPretrained));
  FieldErrors errors;
  JobFile job;
  job.spec = JobSpecFromJson(brought.json, errors);
  if (!errors.empty()) return errors.ToStatus();
  job.json = CanonicalJson(job.spec);
  for (BroughtFile& file : brought.files) job.files.push_back(std::move(file.content));
  return job;
}

absl::Status CheckJob(const JobFile& job) {
  if (AsksForMeasuredOrders(job.spec)) return absl::OkStatus();
  return PlanJob(job.spec, job.json, /*recipe=*/"").status();
}

absl::StatusOr<JobId> ChooseJob(const JobFile& job, DataFolder& folder) {
  RETURN_IF_ERROR(StoreFiles(job, folder));
  std::optional<JobDetailView> fewer_budgets;
  ASSIGN_OR_RETURN(const std::vector<JobView> jobs, folder.reader().ListJobs());
  for (const JobView& one : jobs) {
    if (one.state == JobState::kCancelled) continue;
    ASSIGN_OR_RETURN(JobDetailView detail, folder.reader().GetJob(one.id));
    // Of an older version it lacks what has come since, which has its default.
    FieldErrors errors;
    const JobSpec known = JobSpecFromJson(detail.job.spec_json, errors);
    if (!errors.empty()) continue;
    if (CanonicalJson(known) == job.json) {
      LogInfo("goes on with job ", one.id.value, " in ", folder.path().string());
      return one.id;
    }
    if (!fewer_budgets && OnlyHasMoreBudgets(job.spec, known)) fewer_budgets = std::move(detail);
  }
  if (fewer_budgets) {
    const JobView& known = fewer_budgets->job;
    ASSIGN_OR_RETURN(const AddedBudgets added, folder.coordinator().AddBudgets(
                                                   known.id, job.spec, job.json, known.spec_json));
    LogInfo("goes on with job ", known.id.value, " in ", folder.path().string(), ", which gets ",
            added.added, added.added == 1 ? " budget" : " budgets", " more");
    LogNotes(added.notes);
    return known.id;
  }
  ASSIGN_OR_RETURN(const SubmitOutcome submitted,
                   folder.coordinator().Submit(job.spec, job.json, RecipeHash(job.spec.stages),
                                               /*request_id=*/"", /*validate_only=*/false));
  LogInfo("begins job ", submitted.job.value, " in ", folder.path().string(), " with ",
          submitted.preview.candidates, " candidates");
  LogNotes(submitted.preview.notes);
  return submitted.job;
}

absl::Status RetryFailures(JobId job, DataFolder& folder) {
  ASSIGN_OR_RETURN(const JobDetailView detail, folder.reader().GetJob(job));
  if (detail.job.state == JobState::kCancelled) return absl::OkStatus();
  const auto comes_to_the_same = [](const TaskView& task) {
    return absl::StartsWith(task.message, FailureKindName(FailureKind::kDiverged)) ||
           absl::StartsWith(task.message, FailureKindName(FailureKind::kInfeasible));
  };
  for (const CandidateView& candidate : detail.candidates) {
    for (const TaskView& task : candidate.tasks) {
      if (task.state != TaskState::kFailed || comes_to_the_same(task)) continue;
      const absl::StatusOr<int64_t> retried =
          folder.coordinator().Retry(RetryScope(task.id), std::nullopt);
      // One that an earlier one needs runs again with that.
      if (!absl::IsFailedPrecondition(retried.status())) RETURN_IF_ERROR(retried.status());
    }
  }
  return absl::OkStatus();
}

}  // namespace reluscape
