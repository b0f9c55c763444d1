#pragma once

// The states of a Task and the only changes between them.
//
//   BLOCKED --- what it waits for is there ---> QUEUED --- lease ---> LEASED --- accepted -->
//   SUCCEEDED
//                                                 ^                   |   '--- no retry ---->
//                                                 FAILED
//                                                 '-- expired, failed, handed back
//   BLOCKED, QUEUED, LEASED --- Job cancelled, or what it waits for will never be there --->
//   CANCELLED
//   QUEUED --- the Worker whose Lease expired is heard of again ---> LEASED, the same Attempt
//   all but BLOCKED --- it is to run again, or what it needs has to be made again ---> BLOCKED

#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "storage/store.h"

namespace reluscape {

// SUCCEEDED, FAILED or CANCELLED: nothing happens to such a Task any more, unless it is to run
// again.
bool HasEnded(TaskState state);

// Whether the picture above has that arrow.
bool MayBecome(TaskState from, TaskState to);

// Each changes the row alone and fails with INTERNAL, naming Task and states, where the picture
// has no such arrow. The caller stores the row.
absl::Status Unblock(TaskRow& task);
// A new Attempt for `worker` until `until`.
absl::Status LeaseTo(TaskRow& task, const std::string& worker, Time now, Time until);
// QUEUED to LEASED, for the Attempt and the Worker that it had before.
absl::Status Readopt(TaskRow& task, Time until);
// LEASED to QUEUED. `message` says why, for listings.
absl::Status Requeue(TaskRow& task, const std::string& message);
// The checkpoint of a linearize stays: it is where it goes on from when it gets Budgets more.
absl::Status Succeed(TaskRow& task, Time now);
// To BLOCKED; the checkpoint stays.
absl::Status Block(TaskRow& task);
// The checkpoint stays, for whoever looks into the failure: `message` may name it as the last good
// one.
absl::Status Fail(TaskRow& task, Time now, const std::string& message);
absl::Status CancelTask(TaskRow& task, Time now, const std::string& message);

}  // namespace reluscape
