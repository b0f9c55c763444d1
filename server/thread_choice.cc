#include "server/thread_choice.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/counted.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

// Tasks of so many threads that run beside each other.
int64_t RunBeside(const std::vector<SharedCores>& cores, int64_t threads) {
  int64_t tasks = 0;
  for (const SharedCores& shared : cores) {
    tasks += std::min(shared.workers, std::max<int64_t>(shared.cores / threads, 1));
  }
  return tasks;
}

}  // namespace

int64_t ChooseThreads(const std::vector<SharedCores>& cores, int64_t tasks, int64_t macs) {
  int64_t most = 1;
  for (const SharedCores& shared : cores) most = std::max(most, shared.cores);
  most = std::min({most, std::max<int64_t>(macs / kMacsPerThread, 1), kMostThreads});
  const int64_t wanted = std::min(tasks, RunBeside(cores, 1));
  int64_t threads = 1;
  while (threads < most && RunBeside(cores, threads + 1) >= wanted) ++threads;
  return threads;
}

absl::StatusOr<int64_t> SetThreads(JobId id, Transaction& transaction, TaskBook& book) {
  ASSIGN_OR_RETURN(JobRow job, transaction.GetJob(id));
  ASSIGN_OR_RETURN(const std::vector<SharedCores> list, transaction.ListConnectedCores());
  ASSIGN_OR_RETURN(const std::vector<CandidateId> candidates, transaction.ListCandidates(id));
  int64_t macs = 0;
  for (const CandidateId candidate : candidates) {
    ASSIGN_OR_RETURN(const CandidateRow row, transaction.GetCandidate(candidate));
    macs = std::max(macs, row.macs);
  }
  const auto tasks = static_cast<int64_t>(candidates.size());
  const int64_t threads = ChooseThreads(list, tasks, macs);
  job.spec.set_threads(threads);
  RETURN_IF_ERROR(transaction.UpdateJob(job));
  int64_t cores = 0;
  int64_t workers = 0;
  for (const SharedCores& shared : list) {
    cores += shared.cores;
    workers += shared.workers;
  }
  const std::string where =
      cores == 0 ? "no connected worker computes on a CPU"
                 : absl::StrCat(Counted(workers, "worker"), " on ", Counted(cores, "CPU core"));
  EventRow event;
  event.kind = "job.threads";
  event.job = id;
  event.detail =
      absl::StrCat(Counted(threads, "CPU thread"), " for each task: ", Counted(tasks, "candidate"),
                   ", the largest of ", macs, " MACs; ", where);
  LogInfo("job ", id.value, ": ", event.detail);
  RETURN_IF_ERROR(book.Record(std::move(event)));
  return threads;
}

bool HaveRoom(int64_t cores, int64_t threads, int64_t beside) {
  return cores == 0 || beside == 0 || beside + threads <= cores;
}

}  // namespace reluscape
