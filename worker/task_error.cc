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
  return absl::Cord(absl::StrCat(static_cast<int>(fault.kind), ",", fault.artifact.sha256, ",",
                                 fault.artifact.bytes, ",", fault.unstored_bytes));
}

TaskFault FaultOf(const absl::Status& status) {
  TaskFault fault;
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return fault;
  const std::vector<std::string> parts = absl::StrSplit(std::string(*payload), ',');
  int kind = 0;
  if (parts.size() != 4 || !absl::SimpleAtoi(parts[0], &kind) ||
      !absl::SimpleAtoi(parts[2], &fault.artifact.bytes) ||
      !absl::SimpleAtoi(parts[3], &fault.unstored_bytes)) {
    return fault;
  }
  fault.kind = static_cast<FailureKind>(kind);
  fault.artifact.sha256 = parts[1];
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

TaskOutcome FailureOf(const absl::Status& status) {
  const TaskFault fault = FaultOf(status);
  TaskOutcome outcome;
  outcome.failure = Failure{.kind = fault.kind,
                            .message = std::string(status.message()),
                            .epoch = -1,
                            .artifact = fault.artifact};
  outcome.unstored_bytes = fault.unstored_bytes;
  return outcome;
}

}  // namespace reluscape
