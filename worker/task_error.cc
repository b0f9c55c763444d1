#include "worker/task_error.h"

#include <optional>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace reluscape {
namespace {

constexpr char kPayload[] = "reluscape.TaskFault";

absl::Cord ToPayload(const TaskFault& fault) {
  return absl::Cord(absl::StrCat(static_cast<int>(fault.kind), ",", fault.artifact.sha256(), ",",
                                 fault.artifact.bytes(), ",", fault.unstored_bytes));
}

TaskFault FaultOf(const absl::Status& status) {
  TaskFault fault;
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return fault;
  const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), ',');
  int kind = 0;
  int64_t bytes = 0;
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[0], &kind) ||
      !absl::SimpleAtoi(parts[2], &bytes) || !absl::SimpleAtoi(parts[3], &fault.unstored_bytes)) {
    return fault;
  }
  if (v1::Failure::Kind_IsValid(kind)) fault.kind = static_cast<v1::Failure::Kind>(kind);
  fault.artifact = MakeArtifact(parts[1], bytes);
  return fault;
}

}  // namespace

absl::Status WithFault(const absl::Status& status, const TaskFault& fault) {
  if (status.ok() || absl::IsCancelled(status) || status.GetPayload(kPayload)) return status;
  absl::Status with = status;
  with.SetPayload(kPayload, ToPayload(fault));
  return with;
}

absl::Status TaskError(const TaskFault& fault, const std::string& message) {
  return WithFault(absl::FailedPreconditionError(message), fault);
}

absl::Status WithPrefix(const std::string& prefix, const absl::Status& status) {
  if (status.ok()) return status;
  absl::Status with(status.code(), absl::StrCat(prefix, std::string(status.message())));
  if (const auto payload = status.GetPayload(kPayload)) with.SetPayload(kPayload, *payload);
  return with;
}

v1::Failure MakeFailure(v1::Failure::Kind kind, const std::string& message, int64_t epoch) {
  v1::Failure failure;
  failure.set_kind(kind);
  failure.set_message(message);
  failure.set_epoch(epoch);
  return failure;
}

TaskOutcome FailureOf(const absl::Status& status) {
  const TaskFault fault = FaultOf(status);
  TaskOutcome outcome;
  outcome.failure = MakeFailure(fault.kind, std::string(status.message()));
  if (IsSet(fault.artifact)) *outcome.failure->mutable_artifact() = fault.artifact;
  outcome.unstored_bytes = fault.unstored_bytes;
  return outcome;
}

}  // namespace reluscape
