#include "worker/train/run_job.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "worker/agent.h"
#include "worker/agent_setup.h"
#include "worker/train/direct_link.h"
#include "worker/train/job_export.h"

namespace reluscape {
namespace {

// While there is something to work on looks take at most a part in so many of the time.
constexpr int kLookShare = 20;
constexpr Milliseconds kLongestPause{60'000};

int64_t CountIn(const v1::Job& job, TaskState state) {
  const auto found = job.tasks().find(TaskStateName(state));
  return found == job.tasks().end() ? 0 : found->second;
}

void WarnOfOtherMachine(const v1::Worker& before, const v1::WorkerInfo& now) {
  const auto warn = [](const char* what, const std::string& old_text, const std::string& text) {
    if (old_text == text) return;
    LogWarning("the folder was worked on with ", what, " ", old_text, ", now it is ", text,
               ": results may differ in their last bits; each says what it was measured with");
  };
  warn("device", before.device(), now.device());
  warn("LibTorch", before.torch_version(), now.torch_version());
  warn("commit", before.build_commit(), now.build_commit());
}

absl::Status CannotGoOn(const std::string& reason) {
  return absl::FailedPreconditionError(
      absl::StrCat(reason, "; the same command goes on when this is mended"));
}

enum class News {
  kNone,
  kProgress,  // the Agent has told something, perhaps nothing new; a look can wait
  kIdle,      // it has nothing to work on: the Job has perhaps ended, or cannot go on
};

class JobRun {
 public:
  JobRun(JobId job, DataFolder& folder, const RunJobOptions& options)
      : job_(job), folder_(folder), options_(options), export_(folder) {}

  absl::StatusOr<JobState> Run(Trainer& trainer, const std::stop_token& stop);

 private:
  // Until the Job has ended, cannot go on, or the Agent has ended.
  absl::StatusOr<JobState> Watch(const std::stop_token& stop);
  // The Job as it is, told and exported.
  absl::StatusOr<v1::JobDetail> Look();
  // Why the Job waits for its user; empty where it does not.
  std::string WhyStuck(const v1::Job& job, const std::optional<v1::Worker>& worker);
  absl::StatusOr<std::optional<v1::Worker>> FindWorker();
  void EndOfAgent(const absl::Status& status) EXCLUDES(mutex_);
  void Notify(bool has_lease) EXCLUDES(mutex_);
  // What is new since the last call, which is waited for until `timeout` or the end of the Agent.
  News WaitForNews(Milliseconds timeout) EXCLUDES(mutex_);
  std::optional<absl::Status> AgentEnd() EXCLUDES(mutex_);

  const JobId job_;
  DataFolder& folder_;
  const RunJobOptions& options_;
  JobExport export_;
  std::optional<Time> idle_since_;  // steady

  Mutex mutex_;
  CondVar changed_;
  News news_ GUARDED_BY(mutex_) = News::kNone;
  std::optional<absl::Status> agent_ended_ GUARDED_BY(mutex_);
};

absl::StatusOr<JobState> JobRun::Run(Trainer& trainer, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::string folder_id, folder_.artifacts().ReadId());
  AgentOptions agent_options = AgentOptionsFor(trainer, folder_.artifacts(), folder_id);
  agent_options.worker.set_id(kTrainWorker);
  ASSIGN_OR_RETURN(const std::optional<v1::Worker> before, FindWorker());
  if (before) WarnOfOtherMachine(*before, agent_options.worker);
  DirectLink link(folder_.coordinator(), [this](bool has_lease) { Notify(has_lease); });
  Agent agent(std::move(agent_options), link, trainer);
  std::stop_source end;
  absl::StatusOr<JobState> outcome = JobState::kRunning;
  {
    const std::stop_callback on_stop(stop, [&end] { end.request_stop(); });
    const std::jthread talking([&] { EndOfAgent(agent.Run(end.get_token())); });
    outcome = Watch(stop);
    end.request_stop();
  }
  RETURN_IF_ERROR(outcome.status());
  // With what the Agent has handed back.
  ASSIGN_OR_RETURN(const v1::JobDetail last, folder_.reader().GetJob(job_));
  RETURN_IF_ERROR(export_.Write(last));
  return *ParseJobState(last.job().state());
}

absl::StatusOr<JobState> JobRun::Watch(const std::stop_token& stop) {
  const Clock& clock = folder_.clock();
  Coordinator& coordinator = folder_.coordinator();
  Time next_tick = clock.Steady();
  Time next_look = next_tick;
  Time next_idle_look = next_tick;
  News news = News::kNone;  // since the last look
  while (true) {
    if (clock.Steady() >= next_tick) {
      RETURN_IF_ERROR(coordinator.Tick());
      next_tick = clock.Steady() + coordinator.tick_interval();
    }
    const Time due = news == News::kNone   ? next_tick
                     : news == News::kIdle ? next_idle_look
                                           : next_look;
    news = std::max(WaitForNews(std::min(due, next_tick) - clock.Steady()), news);
    const std::optional<absl::Status> ended = AgentEnd();
    const Time look = clock.Steady();
    const bool is_due = (news == News::kIdle && look >= next_idle_look) ||
                        (news == News::kProgress && look >= next_look);
    if (!ended && !is_due) continue;
    news = News::kNone;
    // Before the Job, whose obstacles are then of a Worker that has done at least this.
    ASSIGN_OR_RETURN(const std::optional<v1::Worker> worker, FindWorker());
    ASSIGN_OR_RETURN(const v1::JobDetail detail, Look());
    const JobState state = *ParseJobState(detail.job().state());
    if (state != JobState::kRunning) return state;
    if (ended) {
      if (ended->ok() && stop.stop_requested()) return JobState::kRunning;
      return CannotGoOn(std::string(ended->message()));
    }
    const std::string stuck = WhyStuck(detail.job(), worker);
    if (!stuck.empty() && !stop.stop_requested()) return CannotGoOn(stuck);
    const Time done = clock.Steady();
    next_look = done + std::min(kLongestPause, kLookShare * (done - look));
    next_idle_look = done + std::min(kLongestPause, done - look);
  }
}

absl::StatusOr<v1::JobDetail> JobRun::Look() {
  ASSIGN_OR_RETURN(v1::JobDetail detail, folder_.reader().GetJob(job_));
  if (options_.on_look) options_.on_look(detail);
  RETURN_IF_ERROR(export_.Write(detail));
  return detail;
}

std::string JobRun::WhyStuck(const v1::Job& job, const std::optional<v1::Worker>& worker) {
  if (CountIn(job, TaskState::kLeased) > 0 || CountIn(job, TaskState::kQueued) == 0) {
    idle_since_.reset();
    return "";
  }
  if (job.obstacles().empty()) {
    const Time now = folder_.clock().Steady();
    if (!idle_since_) idle_since_ = now;
    return now - *idle_since_ > options_.longest_wait ? job.message() : "";
  }
  idle_since_.reset();
  if (!worker || !worker->connected()) return "";
  const bool tried = std::any_of(
      worker->data().begin(), worker->data().end(),
      [&](const v1::WorkerData& opened) { return opened.data_set() == job.data_set(); });
  // Images that it has not tried to open yet are about to be.
  const bool is_wrong = !worker->problem().empty();
  return tried || is_wrong ? job.message() : "";
}

absl::StatusOr<std::optional<v1::Worker>> JobRun::FindWorker() {
  ASSIGN_OR_RETURN(const v1::WorkerList workers, folder_.reader().ListWorkers());
  for (const v1::Worker& worker : workers.workers()) {
    if (worker.worker() == kTrainWorker) return worker;
  }
  return std::nullopt;
}

void JobRun::EndOfAgent(const absl::Status& status) {
  const MutexLock lock(mutex_);
  agent_ended_ = status;
  changed_.NotifyAll();
}

void JobRun::Notify(bool has_lease) {
  const MutexLock lock(mutex_);
  news_ = has_lease ? std::max(news_, News::kProgress) : News::kIdle;
  changed_.NotifyAll();
}

News JobRun::WaitForNews(Milliseconds timeout) {
  const MutexLock lock(mutex_);
  if (news_ == News::kNone && !agent_ended_ && timeout > Milliseconds(0)) {
    changed_.WaitFor(mutex_, timeout);
  }
  return std::exchange(news_, News::kNone);
}

std::optional<absl::Status> JobRun::AgentEnd() {
  const MutexLock lock(mutex_);
  return agent_ended_;
}

}  // namespace

absl::StatusOr<JobState> RunJob(JobId job, DataFolder& folder, Trainer& trainer,
                                const RunJobOptions& options, const std::stop_token& stop) {
  folder.coordinator().WorkOn(job);
  return JobRun(job, folder, options).Run(trainer, stop);
}

}  // namespace reluscape
