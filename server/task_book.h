#pragma once

// Changes Tasks within one unit of work, with all that follows from a change: the event, the Tasks
// that it sets free or makes impossible, the end of the Job. Every function stores `task`.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "storage/store.h"

namespace reluscape {

class TaskBook {
 public:
  TaskBook(Transaction& transaction, Time now) : transaction_(transaction), now_(now) {}

  absl::Status Lease(TaskRow& task, const std::string& worker, Time until);
  // To QUEUED; the Attempt does not count as lost.
  absl::Status HandBack(TaskRow& task, const std::string& reason);
  // To QUEUED or FAILED, see lease_policy.h. `event` is "lease.expired" or "task.retried".
  absl::Status LoseAttempt(TaskRow& task, const std::string& event, const std::string& reason);
  absl::Status Fail(TaskRow& task, const std::string& message);
  absl::Status Succeed(TaskRow& task);
  // A linearize that has succeeded, to QUEUED: it goes on for Budgets that are added.
  absl::Status Reopen(TaskRow& task, const std::string& reason);
  // Stores the Snapshot of the descent `task` and queues the fine-tune of its Budget.
  absl::Status AcceptSnapshot(const TaskRow& task, const SnapshotReport& snapshot);
  // Cancels all live Tasks. The Job is RUNNING.
  absl::Status CancelJob(JobRow& job);

  // An event of this moment. With a Task: its Job, Candidate and Worker are filled in.
  absl::Status Record(EventRow event);
  absl::Status Record(const TaskRow& task, const std::string& kind, const std::string& detail);

 private:
  absl::Status Unblock(TaskRow& task, const std::string& detail);
  // After `task` has ended in FAILED: cancels what waits for it, and ends the Job if that was all.
  absl::Status AfterFailure(const TaskRow& task);
  // After the pretrain `task` has succeeded: what learns from its network may begin.
  absl::Status FreeStudents(const TaskRow& task);
  // After it has failed: what would have learnt from its network cannot begin.
  absl::Status CancelStudents(const TaskRow& task);
  absl::Status FinishJobIfDone(JobId job);

  Transaction& transaction_;
  const Time now_;
};

// "fine-tune of 1000 ReLUs", "pretrain".
std::string TaskText(const TaskRow& task);

}  // namespace reluscape
