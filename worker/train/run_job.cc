#include "worker/train/run_job.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/machine.h"
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

  absl::StatusOr<JobState> Run(const std::vector<std::unique_ptr<Trainer>>& trainers,
                               const std::stop_token& stop);

 private:
  // Until the Job has ended, cannot go on, or the Agent has ended.
  absl::StatusOr<JobState> Watch(const std::stop_token& stop);
  // The Job as it is, told and exported.
  absl::StatusOr<v1::JobDetail> Look();
  // Why the Job waits for its user; empty where it does not.
  std::string WhyStuck(const v1::Job& job, const std::vector<v1::Worker>& workers);
  // Of this process, or of an earlier one until they have called.
  absl::StatusOr<std::vector<v1::Worker>> FindWorkers();
  void EndOfAgent(const absl::Status& status) EXCLUDES(mutex_);
  void Notify(size_t agent, bool has_lease) EXCLUDES(mutex_);
  // What is new since the last call, which is waited for until `timeout` or the end of the Agent.
  News WaitForNews(Milliseconds timeout) EXCLUDES(mutex_);
  std::optional<absl::Status> AgentEnd() EXCLUDES(mutex_);

  const JobId job_;
  DataFolder& folder_;
  const RunJobOptions& options_;
  JobExport export_;
  std::vector<std::string> workers_;  // ids
  std::optional<Time> idle_since_;    // steady

  Mutex mutex_;
  CondVar changed_;
  News news_ GUARDED_BY(mutex_) = News::kNone;
  std::vector<bool> have_leases_ GUARDED_BY(mutex_);            // by Agent
  std::optional<absl::Status> agent_ended_ GUARDED_BY(mutex_);  // the first that did
};

absl::StatusOr<JobState> JobRun::Run(const std::vector<std::unique_ptr<Trainer>>& trainers,
                                     const std::stop_token& stop) {
  ASSIGN_OR_RETURN(const std::string folder_id, folder_.artifacts().ReadId());
  for (size_t i = 0; i < trainers.size(); ++i) {
    workers_.push_back(i == 0 ? kTrainWorker : absl::StrCat(kTrainWorker, "-", i + 1));
  }
  ASSIGN_OR_RETURN(const std::vector<v1::Worker> before, FindWorkers());
  std::deque<DirectLink> links;
  std::deque<Agent> agents;
  for (size_t i = 0; i < trainers.size(); ++i) {
    AgentOptions agent_options = AgentOptionsFor(*trainers[i], folder_.artifacts(), folder_id);
    v1::WorkerInfo& info = agent_options.worker;
    info.set_id(workers_[i]);
    if (i == 0 && !before.empty()) WarnOfOtherMachine(before.front(), info);
    info.set_machine(MachineName());
    info.set_sharers(static_cast<int64_t>(trainers.size()));
    links.emplace_back(folder_.coordinator(), [this, i](bool has_lease) { Notify(i, has_lease); });
    agents.emplace_back(std::move(agent_options), links.back(), *trainers[i]);
  }
  {
    const MutexLock lock(mutex_);
    have_leases_.resize(trainers.size());
  }
  std::stop_source end;
  absl::StatusOr<JobState> outcome = JobState::kRunning;
  {
    const std::stop_callback on_stop(stop, [&end] { end.request_stop(); });
    std::vector<std::jthread> talking;
    talking.reserve(agents.size());
    for (Agent& agent : agents) {
      talking.emplace_back([&] { EndOfAgent(agent.Run(end.get_token())); });
    }
    outcome = Watch(stop);
    end.request_stop();
  }
  RETURN_IF_ERROR(outcome.status());
  // With what the Agents have handed back.
  ASSIGN_OR_RETURN(const v1::JobDetail last, folder_.reader().GetJob(job_));
  RETURN_IF_ERROR(export_.Write(last));
  return *ParseJobState(last.job().state());
}

absl::StatusOr<JobState> JobRun::Watch(const std::stop_token& stop) {
  const Clock& clock = folder_.clock();
  Coordinator& coordinator = folder_.coordinator();
  Time next_tick = clock.Steady();
  Time next_explore = next_tick;
  Time next_look = next_tick;
  Time next_idle_look = next_tick;
  News news = News::kNone;  // since the last look
  while (true) {
    if (clock.Steady() >= next_tick) {
      RETURN_IF_ERROR(coordinator.Tick());
      next_tick = clock.Steady() + coordinator.tick_interval();
    }
    if (clock.Steady() >= next_explore) {
      RETURN_IF_ERROR(coordinator.Explore());
      next_explore = clock.Steady() + coordinator.explore_interval();
    }
    const Time due = news == News::kNone   ? next_tick
                     : news == News::kIdle ? next_idle_look
                                           : next_look;
    news = std::max(WaitForNews(std::min({due, next_tick, next_explore}) - clock.Steady()), news);
    const std::optional<absl::Status> ended = AgentEnd();
    const Time look = clock.Steady();
    const bool is_due = (news == News::kIdle && look >= next_idle_look) ||
                        (news == News::kProgress && look >= next_look);
    if (!ended && !is_due) continue;
    news = News::kNone;
    // Before the Job, whose obstacles are then of Workers that have done at least this.
    ASSIGN_OR_RETURN(const std::vector<v1::Worker> workers, FindWorkers());
    ASSIGN_OR_RETURN(const v1::JobDetail detail, Look());
    const JobState state = *ParseJobState(detail.job().state());
    if (state != JobState::kRunning) return state;
    if (ended) {
      if (ended->ok() && stop.stop_requested()) return JobState::kRunning;
      return CannotGoOn(std::string(ended->message()));
    }
    const std::string stuck = WhyStuck(detail.job(), workers);
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

std::string JobRun::WhyStuck(const v1::Job& job, const std::vector<v1::Worker>& workers) {
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
  // Images that one has not tried to open yet are about to be.
  const auto has_tried = [&](const v1::Worker& worker) {
    const bool has_opened = std::any_of(
        worker.data().begin(), worker.data().end(),
        [&](const v1::WorkerData& opened) { return opened.data_set() == job.data_set(); });
    return worker.connected() && (has_opened || !worker.problem().empty());
  };
  const bool have_all =
      workers.size() == workers_.size() && std::all_of(workers.begin(), workers.end(), has_tried);
  return have_all ? job.message() : "";
}

absl::StatusOr<std::vector<v1::Worker>> JobRun::FindWorkers() {
  ASSIGN_OR_RETURN(const v1::WorkerList list, folder_.reader().ListWorkers());
  std::vector<v1::Worker> found;
  for (const v1::Worker& worker : list.workers()) {
    if (std::find(workers_.begin(), workers_.end(), worker.worker()) != workers_.end()) {
      found.push_back(worker);
    }
  }
  return found;
}

void JobRun::EndOfAgent(const absl::Status& status) {
  const MutexLock lock(mutex_);
  if (!agent_ended_ || agent_ended_->ok()) agent_ended_ = status;
  changed_.NotifyAll();
}

void JobRun::Notify(size_t agent, bool has_lease) {
  const MutexLock lock(mutex_);
  have_leases_[agent] = has_lease;
  const bool is_idle =
      std::find(have_leases_.begin(), have_leases_.end(), true) == have_leases_.end();
  news_ = is_idle ? News::kIdle : std::max(news_, News::kProgress);
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

absl::StatusOr<JobState> RunJob(JobId job, DataFolder& folder,
                                const std::vector<std::unique_ptr<Trainer>>& trainers,
                                const RunJobOptions& options, const std::stop_token& stop) {
  folder.coordinator().WorkOn(job);
  return JobRun(job, folder, options).Run(trainers, stop);
}

}  // namespace reluscape
