#include "server/archive.h"

#include <array>
#include <ctime>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

// "2026-03-01 09:30 UTC"
std::string TimeText(Time time) {
  const std::time_t seconds = ToUnixMs(time) / 1000;
  std::tm parts{};
  std::array<char, 32> text{};
  if (gmtime_r(&seconds, &parts) == nullptr) return "?";
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M UTC", &parts)};
}

absl::Status CheckHasEnded(const JobRow& job, const char* action) {
  if (job.state != JobState::kRunning) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("job ", job.id.value,
                                                    " is running; wait until it has ended, or "
                                                    "cancel it, before it is ",
                                                    action));
}

// Which of `artifacts` nothing refers to any more.
absl::StatusOr<FreedFiles> Freed(const std::vector<v1::Artifact>& artifacts, Time uploaded_before,
                                 Transaction& transaction) {
  FreedFiles freed;
  for (const v1::Artifact& artifact : artifacts) {
    ASSIGN_OR_RETURN(const bool unused, transaction.IsUnused(artifact, uploaded_before));
    if (!unused) continue;
    ++freed.files;
    freed.bytes += artifact.bytes();
  }
  return freed;
}

std::string KeptText(v1::JobSpec::Retention keeps) {
  switch (keeps) {
    case v1::JobSpec::RESULTS:
      return "the weights of its results alone";
    case v1::JobSpec::FRONT:
      return "the weights of its front alone";
    default:
      return "no weights";
  }
}

// Stores `job`.
absl::Status Archive(JobRow& job, v1::JobSpec::Retention keep, Transaction& transaction,
                     TaskBook& book) {
  std::vector<ResultId> dropped;
  if (keep != v1::JobSpec::RESULTS) {
    ASSIGN_OR_RETURN(const v1::ResultList list, transaction.ListResults(job.id));
    for (const v1::Result& result : list.results()) {
      if (keep == v1::JobSpec::FRONT && result.on_front()) continue;
      dropped.push_back(ResultId{result.result()});
    }
  }
  RETURN_IF_ERROR(transaction.DropArtifacts(job.id, dropped, book.now()));
  job.archived_at = book.now();
  job.keeps = keep;
  RETURN_IF_ERROR(transaction.UpdateJob(job));
  EventRow event;
  event.kind = "job.archived";
  event.job = job.id;
  event.detail = absl::StrCat("keeps ", KeptText(keep));
  return book.Record(std::move(event));
}

}  // namespace

absl::StatusOr<FreedFiles> ArchiveJob(JobId id, v1::JobSpec::Retention keep, Time uploaded_before,
                                      Transaction& transaction, TaskBook& book) {
  ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
  if (!v1::JobSpec::Retention_IsValid(keep) || keep <= v1::JobSpec::ALL) {
    return absl::InvalidArgumentError(
        absl::StrCat("keep: found \"", NameOf(keep), "\"; allowed: results, front, nothing"));
  }
  RETURN_IF_ERROR(CheckHasEnded(job, "archived"));
  if (keep == job.keeps) return FreedFiles();
  if (keep < job.keeps) {  // each keeps less than those before it
    return absl::FailedPreconditionError(
        absl::StrCat("job ", id.value, " keeps ", KeptText(job.keeps), " since ",
                     TimeText(job.archived_at.value_or(Time())), ": the others are gone"));
  }
  ASSIGN_OR_RETURN(const std::vector<v1::Artifact> before, transaction.ListArtifactsOf(id));
  RETURN_IF_ERROR(Archive(job, keep, transaction, book));
  return Freed(before, uploaded_before, transaction);
}

absl::Status ArchiveEnded(JobRow& job, Transaction& transaction, TaskBook& book) {
  // What has failed may be retried.
  if (job.state == JobState::kFailed || job.spec.retention() <= job.keeps) return absl::OkStatus();
  return Archive(job, job.spec.retention(), transaction, book);
}

absl::StatusOr<DeletedJob> DeleteJob(JobId id, Time uploaded_before, Transaction& transaction,
                                     TaskBook& book) {
  ASSIGN_OR_RETURN(const JobRow job, transaction.GetJob(id));
  RETURN_IF_ERROR(CheckHasEnded(job, "deleted"));
  ASSIGN_OR_RETURN(const std::vector<JobId> ordered, transaction.ListOrderedBy(id));
  if (!ordered.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "job ", id.value, " measured the order of criticality from which these jobs take theirs: ",
        absl::StrJoin(ordered, ", ",
                      [](std::string* text, JobId one) { absl::StrAppend(text, one.value); }),
        "; delete them first, or archive this one to free its disk space"));
  }
  DeletedJob deleted;
  deleted.name = job.spec.name();
  ASSIGN_OR_RETURN(const v1::ResultList list, transaction.ListResults(id));
  deleted.results = list.results_size();
  ASSIGN_OR_RETURN(const std::vector<v1::Artifact> before, transaction.ListArtifactsOf(id));
  RETURN_IF_ERROR(transaction.DeleteJob(id));
  ASSIGN_OR_RETURN(deleted.freed, Freed(before, uploaded_before, transaction));
  EventRow event;
  event.kind = "job.deleted";
  event.job = id;
  event.detail = absl::StrCat(deleted.name, ", ", deleted.results, " results");
  RETURN_IF_ERROR(book.Record(std::move(event)));
  return deleted;
}

absl::Status CheckGoesOn(const JobRow& job) {
  if (!job.archived_at) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("job ", job.id.value, " is archived: what it would go on from was removed on ",
                   TimeText(*job.archived_at), "; submit another job"));
}

}  // namespace reluscape
