#include "worker/standalone/train_state.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "reluscape/v1/train.pb.h"
#include "search/wire/sync.h"

namespace reluscape {
namespace {

// search/wire/sync.h checks requests, of at most this many reports.
constexpr size_t kReportsAtATime = 1000;

SyncRequest RequestOf(std::vector<TaskReport> reports) {
  SyncRequest request;
  request.worker.id = "reluscape-train";
  request.worker.incarnation = std::string("1");
  request.reports = std::move(reports);
  return request;
}

absl::Status Broken(const std::string& why) {
  return absl::DataLossError(absl::StrCat("no state of reluscape-train: ", why));
}

absl::StatusOr<std::vector<TaskReport>> ReportsOf(const v1::TrainState& message) {
  std::vector<TaskReport> reports;
  for (int begin = 0; begin < message.tasks_size(); begin += static_cast<int>(kReportsAtATime)) {
    v1::SynchronizeRequest part = ToProto(RequestOf({}));
    const int end = std::min(message.tasks_size(), begin + static_cast<int>(kReportsAtATime));
    for (int i = begin; i < end; ++i) *part.add_reports() = message.tasks(i).report();
    absl::StatusOr<SyncRequest> request = FromProto(part);
    if (!request.ok()) return Broken(std::string(request.status().message()));
    for (TaskReport& report : request->reports) reports.push_back(std::move(report));
  }
  return reports;
}

absl::Status CheckCounts(const v1::TrainTask& task) {
  if (task.epochs_done() < 0 || task.checkpoint_epochs() < 0 ||
      task.checkpoint_epochs() > task.epochs_done() || task.attempts_lost() < 0) {
    return Broken(absl::StrCat("task ", task.report().task(), " has ", task.epochs_done(),
                               " epochs, ", task.checkpoint_epochs(),
                               " of them behind its checkpoint, and lost ", task.attempts_lost(),
                               " attempts"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckReport(const TaskReport& report) {
  return FromProto(ToProto(RequestOf({report}))).status();
}

std::string SerializeState(const TrainState& state) {
  v1::TrainState message;
  message.set_job_json(state.job_json);
  message.set_plan_sha256(state.plan_sha256);
  message.set_device(state.device);
  message.set_threads(state.threads);
  message.set_torch_version(state.torch_version);
  message.set_build_commit(state.build_commit);
  message.set_created_at_ms(ToUnixMs(state.created_at));
  for (const std::string& job : state.earlier_jobs) message.add_earlier_job_json(job);
  if (state.unsealed_at) message.set_unsealed_at_ms(ToUnixMs(*state.unsealed_at));
  for (const auto& [id, task] : state.tasks) {
    v1::TrainTask& written = *message.add_tasks();
    *written.mutable_report() = ToProto(RequestOf({task.report})).reports(0);
    written.set_epochs_done(task.epochs_done);
    written.set_checkpoint_epochs(task.checkpoint_epochs);
    written.set_attempts_lost(task.attempts_lost);
    if (task.started_at) written.set_started_at_ms(ToUnixMs(*task.started_at));
    if (task.ended_at) written.set_ended_at_ms(ToUnixMs(*task.ended_at));
  }
  return message.SerializeAsString();
}

absl::StatusOr<TrainState> ParseState(const std::string& bytes) {
  v1::TrainState message;
  if (!message.ParseFromString(bytes)) return Broken("its bytes are none of this form");
  TrainState state;
  state.job_json = message.job_json();
  state.plan_sha256 = message.plan_sha256();
  state.device = message.device();
  state.threads = message.threads();
  state.torch_version = message.torch_version();
  state.build_commit = message.build_commit();
  state.created_at = TimeFromUnixMs(message.created_at_ms());
  for (const std::string& job : message.earlier_job_json()) state.earlier_jobs.push_back(job);
  if (message.has_unsealed_at_ms()) state.unsealed_at = TimeFromUnixMs(message.unsealed_at_ms());
  absl::StatusOr<std::vector<TaskReport>> reports = ReportsOf(message);
  if (!reports.ok()) return reports.status();
  for (int i = 0; i < message.tasks_size(); ++i) {
    const v1::TrainTask& read = message.tasks(i);
    if (absl::Status counts = CheckCounts(read); !counts.ok()) return counts;
    TaskProgress task;
    task.report = std::move((*reports)[static_cast<size_t>(i)]);
    task.epochs_done = read.epochs_done();
    task.checkpoint_epochs = read.checkpoint_epochs();
    task.attempts_lost = read.attempts_lost();
    if (read.has_started_at_ms()) task.started_at = TimeFromUnixMs(read.started_at_ms());
    if (read.has_ended_at_ms()) task.ended_at = TimeFromUnixMs(read.ended_at_ms());
    const TaskId id = task.report.task;
    if (!state.tasks.emplace(id, std::move(task)).second) {
      return Broken(absl::StrCat("task ", id.value, " stands there twice"));
    }
  }
  return state;
}

}  // namespace reluscape
