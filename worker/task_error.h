#pragma once

// Errors of a Task as statuses that say whose fault they are, so that they can pass through
// functions that return a status. The kind is stated where the error arises, for there alone it is
// known: whether a file cannot be read or does not hold what it should, the code of a status does
// not tell. Thread-safe.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/vocabulary/synchronize.h"
#include "worker/trainer.h"

namespace reluscape {

// What a status carries beside its message.
struct TaskFault {
  v1::Failure::Kind kind = v1::Failure::TRANSIENT;
  v1::Artifact artifact = {};  // see Failure
  int64_t unstored_bytes = 0;  // see TaskOutcome
};

// `status` with `fault`, or as it is where it carries one already, is OK or is CANCELLED.
absl::Status WithFault(const absl::Status& status, const TaskFault& fault);

// Likewise for a value or the error in its place.
template <typename T>
absl::StatusOr<T> WithFault(absl::StatusOr<T> value, const TaskFault& fault) {
  if (value.ok()) return value;
  return WithFault(value.status(), fault);
}

// FAILED_PRECONDITION with `message`.
absl::Status TaskError(const TaskFault& fault, const std::string& message);

// `status` with `prefix` before its message; what it carries stays.
absl::Status WithPrefix(const std::string& prefix, const absl::Status& status);

// `epoch`: -1 = before the first.
v1::Failure MakeFailure(v1::Failure::Kind kind, const std::string& message, int64_t epoch = -1);

// The failure that `status`, an error, means for its Task. One that carries no fault is kTransient:
// nobody has said that another Attempt cannot cure it.
TaskOutcome FailureOf(const absl::Status& status);

}  // namespace reluscape
