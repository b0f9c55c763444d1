#pragma once

// Changes Tasks within one unit of work, with all that follows from a change: the event, the Tasks
// that it sets free or makes impossible, the end of the Job. Every function stores `task`.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "server/task_graph.h"
#include "storage/store.h"

namespace reluscape {

class TaskBook {
 public:
  TaskBook(Transaction& transaction, const Clock& clock)
      : transaction_(transaction), now_(clock.Now()), steady_now_(clock.Steady()) {}

  // Leases last until `until` on the steady clock.
  absl::Status Lease(TaskRow& task, const std::string& worker, Time until);
  // The Worker of a QUEUED Task, whose Lease expired, is heard of again: its Attempt goes on as if
  // it had not been lost.
  absl::Status Readopt(TaskRow& task, Time until);
  // To QUEUED; the Attempt does not count as lost.
  absl::Status HandBack(TaskRow& task, const std::string& reason);
  // To QUEUED after a pause, or FAILED; see lease_policy.h. The Lease expired, or the Attempt
  // failed.
  enum class Loss { kExpired, kFailed };
  // `useless_input`: the SHA-256 of the artifact over which it failed, if it was one.
  absl::Status LoseAttempt(TaskRow& task, Loss loss, const std::string& reason,
                           const std::string& useless_input = "");
  absl::Status Fail(TaskRow& task, const std::string& message);
  // The Task is to run (again), from its checkpoint if it has one, as soon as what it needs is
  // there; its lost Attempts are forgotten. The Job is RUNNING.
  absl::Status RunAgain(TaskRow& task, const std::string& reason);
  // What `maker` left is gone or of no use: it makes it again, from its beginning, and the
  // Candidates that need it wait. With `blame` on another Worker than before, where there is one.
  absl::Status Remake(const ArtifactMaker& maker, const std::string& reason, bool blame);
  absl::Status Succeed(TaskRow& task);
  // Queues those BLOCKED Tasks of the Candidate that have what they need.
  absl::Status Settle(CandidateId candidate);
  // Stores the Snapshot of the descent `task` and queues the fine-tune of its Budget.
  absl::Status AcceptSnapshot(const TaskRow& task, const v1::Snapshot& snapshot);
  // Cancels all live Tasks. The Job is RUNNING.
  absl::Status CancelJob(JobRow& job);

  // Ends the Job where no Task of it is live and its search, if it has one, has ended.
  absl::Status FinishJobIfDone(JobId job);

  // The present time by the wall clock, of everything that this book writes.
  Time now() const { return now_; }

  // An event of this moment. With a Task: its Job, Candidate and Worker are filled in.
  absl::Status Record(EventRow event);
  absl::Status Record(const TaskRow& task, const std::string& kind, const std::string& detail);

 private:
  // After `task` has ended in FAILED: cancels what waits for it, and ends the Job if that was all.
  absl::Status AfterFailure(const TaskRow& task);
  // After the pretrain `task` has succeeded: what learns from its network may begin.
  absl::Status FreeStudents(const TaskRow& task);
  // The pretrain of `candidate` is to run again: Tasks that have not ended wait for it.
  absl::Status BlockWaiting(CandidateId candidate);
  absl::StatusOr<Inputs> InputsOf(CandidateId candidate);
  // After it has failed: what would have learnt from its network cannot begin.
  absl::Status CancelStudents(const TaskRow& task);

  Transaction& transaction_;
  const Time now_;
  const Time steady_now_;
};

// "fine-tune of 1000 ReLUs", "pretrain".
std::string TaskText(const TaskRow& task);

}  // namespace reluscape
