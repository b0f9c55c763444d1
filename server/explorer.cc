#include "server/explorer.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "server/task_graph.h"

namespace reluscape {
namespace {

constexpr double kSecondsPerHour = 3600;

// The limit that the search has come to; empty where there is none.
absl::StatusOr<std::string> ReachedLimit(const JobRow& job, const SearchRun& run, Time now,
                                         Transaction& transaction) {
  const v1::LimitsSpec& limits = job.spec.limits();
  if (limits.max_trainings() > 0 && run.networks() >= limits.max_trainings()) {
    return absl::StrCat("limits.max_trainings: ", run.networks(), " networks");
  }
  if (limits.max_wall_hours() > 0) {
    const double hours =
        std::chrono::duration<double>(now - job.created_at).count() / kSecondsPerHour;
    if (hours >= limits.max_wall_hours()) {
      return absl::StrCat("limits.max_wall_hours: ", limits.max_wall_hours(), " hours");
    }
  }
  if (limits.max_device_hours() > 0) {
    ASSIGN_OR_RETURN(const double spent, transaction.SumDeviceSeconds(job.id));
    const double all = spent + run.ExpectedSeconds(spent);
    if (all >= limits.max_device_hours() * kSecondsPerHour) {
      return absl::StrCat("limits.max_device_hours: ", limits.max_device_hours(),
                          " hours with what is under way");
    }
  }
  return std::string();
}

}  // namespace

absl::StatusOr<std::optional<SearchStep>> Explorer::Next(JobId id, Time now) {
  JobRow job;
  bool waits = false;
  bool stale = false;
  const absl::Status looked = store_.Transact([&](Transaction& transaction) -> absl::Status {
    ASSIGN_OR_RETURN(job, transaction.GetJob(id));
    ASSIGN_OR_RETURN(const int64_t idle, transaction.CountIdleWorkers(id));
    waits = idle > 0;
    if (const auto known = runs_.find(id); waits && known != runs_.end() && known->second) {
      ASSIGN_OR_RETURN(stale, known->second->IsStale(transaction));
    }
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(looked);
  if (!IsSearching(job)) {
    runs_.erase(id);
    return std::optional<SearchStep>();
  }
  std::unique_ptr<SearchRun>& run = runs_[id];
  if (stale) run.reset();
  if (run == nullptr) {
    absl::StatusOr<std::unique_ptr<SearchRun>> made = SearchRun::Create(job, metrics_);
    if (!made.ok()) {
      return std::optional<SearchStep>(
          {.chosen = {}, .ended = std::string(made.status().message())});
    }
    run = *std::move(made);
  }
  SearchStep step;
  const absl::Status read = store_.Transact([&](Transaction& transaction) -> absl::Status {
    if (waits) RETURN_IF_ERROR(run->Read(transaction));
    ASSIGN_OR_RETURN(step.ended, ReachedLimit(job, *run, now, transaction));
    return absl::OkStatus();
  });
  RETURN_IF_ERROR(read);
  if (!step.ended.empty()) return std::optional<SearchStep>(std::move(step));
  if (!waits) return std::optional<SearchStep>();
  ASSIGN_OR_RETURN(step.chosen, run->Choose());
  if (!step.chosen) step.ended = "every network of the space was tried";
  return std::optional<SearchStep>(std::move(step));
}

absl::StatusOr<CandidateRow> AddChosen(JobRow& job, const ChosenNetwork& chosen,
                                       Transaction& transaction, TaskBook& book) {
  CandidateRow candidate = chosen.row;
  candidate.job = job.id;
  ASSIGN_OR_RETURN(candidate.id, transaction.InsertCandidate(candidate));
  for (TaskRow& task : PlanTasks(candidate, static_cast<uint64_t>(job.spec.seed()))) {
    ASSIGN_OR_RETURN(task.id, transaction.InsertTask(task));
    if (task.state != TaskState::kQueued) continue;
    RETURN_IF_ERROR(book.Record(task, "task.queued", TaskText(task)));
  }
  job.search_message = absl::StrCat(candidate.name, ": ", chosen.reason);
  RETURN_IF_ERROR(transaction.UpdateJob(job));
  EventRow event;
  event.kind = "search.chosen";
  event.job = job.id;
  event.candidate = candidate.id;
  event.detail = job.search_message;
  RETURN_IF_ERROR(book.Record(std::move(event)));
  return candidate;
}

absl::Status EndSearch(JobRow& job, const std::string& reason, Transaction& transaction,
                       TaskBook& book) {
  job.search_ended_at = book.now();
  job.search_message = absl::StrCat("the search has ended: ", reason);
  RETURN_IF_ERROR(transaction.UpdateJob(job));
  EventRow event;
  event.kind = "search.ended";
  event.job = job.id;
  event.detail = reason;
  RETURN_IF_ERROR(book.Record(std::move(event)));
  return book.FinishJobIfDone(job.id);
}

}  // namespace reluscape
