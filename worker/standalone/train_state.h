#pragma once

// Where a Job without a coordinator stands. Plain data, and its form on the disk (train.proto).

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/ids.h"
#include "search/sync.h"

namespace reluscape {

// One Task that has been begun.
struct TaskProgress {
  // As a Worker would report it; kRunning until the Task has ended. `epochs` holds the last one
  // alone: all of them are in the learning curves.
  TaskReport report;
  int64_t epochs_done = 0;
  int64_t checkpoint_epochs = 0;  // how many of them are behind report.checkpoint
  int64_t attempts_lost = 0;
  std::optional<Time> started_at;
  std::optional<Time> ended_at;

  bool succeeded() const { return report.state == ReportState::kSucceeded; }
  bool failed() const { return report.state == ReportState::kFailed; }
};

struct TrainState {
  std::string job_json;
  std::string plan_sha256;
  // How numbers are measured; a later start must not differ in device and threads.
  std::string device;
  int64_t threads = 0;  // 0 until the first measurement
  std::string torch_version;
  std::string build_commit;
  Time created_at;
  std::optional<Time> unsealed_at;
  std::map<TaskId, TaskProgress> tasks;
  std::vector<std::string> earlier_jobs;  // job_json of before Budgets were added, oldest first

  // Null where it has not been begun.
  const TaskProgress* Find(TaskId task) const {
    const auto found = tasks.find(task);
    return found == tasks.end() ? nullptr : &found->second;
  }
};

// What a coordinator would say to a Worker that reports this: INVALID_ARGUMENT names the field.
absl::Status CheckReport(const TaskReport& report);

std::string SerializeState(const TrainState& state);
// DATA_LOSS where `bytes` are no state that SerializeState writes.
absl::StatusOr<TrainState> ParseState(const std::string& bytes);

}  // namespace reluscape
