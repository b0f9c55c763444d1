#include "worker/agent.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Whether a call that failed so may succeed later without anybody mending anything here.
bool MayPass(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kUnimplemented:
    case absl::StatusCode::kPermissionDenied:
    case absl::StatusCode::kUnauthenticated:
      return false;
    default:
      return true;
  }
}

// INVALID_ARGUMENT is kept for options, which a program refuses before it works.
absl::Status Refusal(const absl::Status& status) {
  if (!absl::IsInvalidArgument(status)) return status;
  return absl::FailedPreconditionError(
      absl::StrCat("the coordinator refuses what this worker says; are both of one version? ",
                   std::string(status.message())));
}

bool IsFinite(const EpochReport& epoch) {
  return std::isfinite(epoch.loss) && std::isfinite(epoch.train_accuracy) &&
         std::isfinite(epoch.validation_accuracy) && std::isfinite(epoch.learning_rate) &&
         std::isfinite(epoch.seconds) && std::isfinite(epoch.lambda.value_or(0));
}

std::string Name(const TaskDescription& task) {
  return absl::StrCat("task ", task.task.value, " (", StageName(task.stage), " of candidate ",
                      task.candidate.value, ", attempt ", task.attempt, ")");
}

Milliseconds Until(SteadyClock::time_point deadline) {
  return std::max(Milliseconds(0),
                  std::chrono::duration_cast<Milliseconds>(deadline - SteadyClock::now()));
}

}  // namespace

// One Lease and everything its Task has left that is not known to be stored. Thread-safe: the
// Trainer writes, the talking thread reads.
class Agent::Work final : public TaskListener {
 public:
  Work(Agent& agent, TaskDescription task) : task_(std::move(task)), agent_(agent) {}

  const TaskDescription& task() const { return task_; }
  bool Is(TaskId task, int64_t attempt) const {
    return task_.task == task && task_.attempt == attempt;
  }

  void OnMeasurement(const Measurement& measurement, int64_t epochs_planned) override {
    {
      MutexLock lock(mutex_);
      measurement_ = measurement;
      epochs_planned_ = epochs_planned;
    }
    agent_.Notify();
  }
  void OnEpoch(const EpochReport& epoch) override {
    {
      MutexLock lock(mutex_);
      if (IsFinite(epoch)) {
        epochs_.push_back(epoch);
        next_epoch_ = epoch.epoch + 1;
      } else if (!failure_) {
        // The coordinator refuses numbers that are not finite.
        failure_ = Failure{FailureKind::kDiverged,
                           absl::StrCat("epoch ", epoch.epoch,
                                        " ended with a number that is not "
                                        "finite; a lower learning rate may help"),
                           epoch.epoch};
        stop_.request_stop();
      }
    }
    agent_.Notify();
  }
  void OnCheckpoint(const ArtifactRef& artifact, double device_seconds) override {
    {
      MutexLock lock(mutex_);
      checkpoint_ = artifact;
      checkpoint_epochs_ = next_epoch_;
      device_seconds_ = device_seconds;
    }
    agent_.Notify();
  }
  void OnSnapshot(const SnapshotReport& snapshot) override {
    {
      MutexLock lock(mutex_);
      snapshots_.push_back(snapshot);
    }
    agent_.Notify();
  }

  // The whole of the training thread.
  void Train(Trainer& trainer) {
    TaskOutcome outcome = trainer.Run(task_, *this, stop_.get_token());
    {
      MutexLock lock(mutex_);
      device_seconds_ = std::max(device_seconds_, outcome.device_seconds);
      if (outcome.stopped && !failure_ && !stop_.stop_requested()) {
        failure_ = Failure{FailureKind::kTransient, "the trainer stopped without being asked to"};
      }
      if (failure_) outcome.failure = failure_;
      if (outcome.failure) outcome.stopped = false;
      outcome_ = std::move(outcome);
    }
    agent_.Notify();
  }

  void Stop() { stop_.request_stop(); }

  bool Returned() const {
    MutexLock lock(mutex_);
    return outcome_.has_value();
  }

  TaskReport Report(int64_t most_epochs, bool shutting_down) const {
    MutexLock lock(mutex_);
    TaskReport report;
    report.task = task_.task;
    report.attempt = task_.attempt;
    report.epochs_planned = epochs_planned_;
    report.snapshots = snapshots_;
    report.measurement = measurement_;
    report.device_seconds = device_seconds_;
    // The coordinator takes a checkpoint for one of the epochs that it has stored by then: it goes
    // with the last of its own, behind which the report ends.
    const auto own = static_cast<size_t>(
        std::count_if(epochs_.begin(), epochs_.end(),
                      [&](const EpochReport& e) { return e.epoch < checkpoint_epochs_; }));
    const auto most = static_cast<size_t>(most_epochs);
    if (own <= most) report.checkpoint = checkpoint_;
    const size_t sent = std::min(own > 0 ? own : epochs_.size(), most);
    report.epochs.assign(epochs_.begin(), epochs_.begin() + static_cast<int64_t>(sent));
    // The end is told with the last epochs, not before them: afterwards the Lease is gone.
    if (sent < epochs_.size()) return report;
    if (!outcome_ || outcome_->stopped) {
      if (shutting_down) report.state = ReportState::kHandedBack;
    } else if (outcome_->failure) {
      report.state = ReportState::kFailed;
      report.failure = outcome_->failure;
    } else {
      report.state = ReportState::kSucceeded;
      report.weights = outcome_->weights;
      report.result = outcome_->result;
    }
    return report;
  }

  // The coordinator has stored those epochs of `sent` that are below `received`. Only what this
  // very call carried is taken as stored: `received` may still count epochs of an earlier Attempt
  // that this one trains again. Whether epochs are left.
  bool Acknowledge(const std::vector<EpochReport>& sent, int64_t received) {
    MutexLock lock(mutex_);
    size_t stored = 0;
    while (stored < sent.size() && sent[stored].epoch < received) ++stored;
    epochs_.erase(epochs_.begin(), epochs_.begin() + static_cast<int64_t>(stored));
    return !epochs_.empty();
  }

 private:
  const TaskDescription task_;
  Agent& agent_;
  std::stop_source stop_;

  mutable Mutex mutex_;
  std::vector<EpochReport> epochs_ GUARDED_BY(mutex_);
  int64_t epochs_planned_ GUARDED_BY(mutex_) = 0;
  int64_t next_epoch_ GUARDED_BY(mutex_) = 0;  // behind the last that this process trained
  ArtifactRef checkpoint_ GUARDED_BY(mutex_);
  int64_t checkpoint_epochs_ GUARDED_BY(mutex_) = 0;  // all below are in it
  std::vector<SnapshotReport> snapshots_ GUARDED_BY(mutex_);
  std::optional<Measurement> measurement_ GUARDED_BY(mutex_);
  double device_seconds_ GUARDED_BY(mutex_) = 0;
  std::optional<Failure> failure_ GUARDED_BY(mutex_);  // found here, not by the Trainer
  std::optional<TaskOutcome> outcome_ GUARDED_BY(mutex_);
};

Agent::Agent(AgentOptions options, CoordinatorLink& link, Trainer& trainer)
    : options_(std::move(options)), link_(link), trainer_(trainer), info_(options_.worker) {
  trainer_.Describe(info_);
  info_.slots = 1;
}

Agent::~Agent() {
  if (running_) running_->Stop();
  if (thread_.joinable()) thread_.join();
}

absl::Status Agent::Run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { Notify(); });
  while (!stop.stop_requested()) {
    const absl::StatusOr<Milliseconds> wait = RunOnce(stop);
    if (!wait.ok()) {
      if (running_) running_->Stop();
      return wait.status();
    }
    // News wakes at once, but not while the coordinator is away: it would be asked every epoch.
    const SteadyClock::time_point until = SteadyClock::now() + *wait;
    while (!stop.stop_requested() && Until(until) > Milliseconds(0)) {
      if (WaitForNews(Until(until)) && failures_ == 0) break;
    }
  }

  const SteadyClock::time_point deadline = SteadyClock::now() + options_.shutdown_time;
  if (running_) {
    LogInfo("stopping; ", Name(running_->task()), " is handed back");
    running_->Stop();
    // The last epoch and checkpoint are worth waiting for, if the Trainer keeps its promise.
    const SteadyClock::time_point patience =
        SteadyClock::now() + std::min(Milliseconds(2'200), options_.shutdown_time / 2);
    while (!running_->Returned() && Until(patience) > Milliseconds(0)) {
      WaitForNews(Until(patience));
    }
  }
  while (Until(deadline) > Milliseconds(0)) {
    if (HandBackOnce(std::min(options_.call_timeout, Until(deadline)))) return absl::OkStatus();
    WaitForNews(std::min(options_.first_backoff, Until(deadline)));
  }
  LogWarning(
      "the coordinator did not answer; what was worked on returns to its queue when the "
      "lease ends");
  return absl::OkStatus();
}

absl::StatusOr<Milliseconds> Agent::RunOnce(const std::stop_token& cancel) {
  const SyncRequest request = MakeRequest(/*shutting_down=*/false);
  const absl::StatusOr<SyncResponse> response =
      link_.Synchronize(request, options_.call_timeout, cancel);
  if (!response.ok()) {
    if (cancel.stop_requested()) return Milliseconds(0);
    if (!MayPass(response.status())) return Refusal(response.status());
    const Milliseconds longest = LongestBackoff();
    Milliseconds wait = options_.first_backoff;
    for (int64_t i = 0; i < failures_ && wait < longest; ++i) wait *= 2;
    wait = std::min(wait, longest);
    if (failures_++ == 0) {
      LogWarning("no answer from the coordinator, trying on: ",
                 std::string(response.status().message()));
    }
    StartNext();
    return wait;
  }
  if (failures_ > 0) LogInfo("the coordinator answers again after ", failures_, " failed calls");
  failures_ = 0;
  if (std::any_of(request.reports.begin(), request.reports.end(), [](const TaskReport& report) {
        return report.state == ReportState::kSucceeded;
      })) {
    FaultPoint("worker.after_report");
  }
  Apply(request, *response);
  StartNext();
  return std::exchange(call_again_, false) ? Milliseconds(0) : next_call_;
}

bool Agent::HandBackOnce(Milliseconds timeout) {
  const SyncRequest request = MakeRequest(/*shutting_down=*/true);
  const absl::StatusOr<SyncResponse> response = link_.Synchronize(request, timeout, {});
  if (!response.ok()) return !MayPass(response.status());
  // A Lease that is still there was handed out by a call whose answer was lost, or has more epochs
  // than fit into one report: the next call hands it back.
  Apply(request, *response);
  return held_.empty();
}

SyncRequest Agent::MakeRequest(bool shutting_down) {
  {
    // What the request is made of below is at least as new as this.
    MutexLock lock(mutex_);
    news_ = false;
  }
  if (running_ && running_->Returned()) {
    thread_.join();
    running_ = nullptr;
  }
  SyncRequest request;
  request.worker = info_;
  request.artifact_folder_id = options_.artifact_folder_id;
  request.accepts_work = !shutting_down;
  for (const auto& work : held_) {
    request.reports.push_back(work->Report(options_.epochs_per_report, shutting_down));
  }
  return request;
}

void Agent::Apply(const SyncRequest& request, const SyncResponse& response) {
  next_call_ = std::clamp(response.next_call, Milliseconds(1), Milliseconds(60'000));
  std::vector<std::shared_ptr<Work>> held;
  bool epochs_left = false;
  for (const Lease& lease : response.leases) {
    const TaskDescription& task = lease.description;
    const auto known = std::find_if(held_.begin(), held_.end(), [&](const auto& work) {
      return work->Is(task.task, task.attempt);
    });
    if (known == held_.end()) {
      LogInfo("leased ", Name(task));
      held.push_back(std::make_shared<Work>(*this, task));
      continue;
    }
    held.push_back(*known);
    for (const TaskReport& report : request.reports) {
      if (!(*known)->Is(report.task, report.attempt) || report.epochs.empty()) continue;
      const bool progress = report.epochs.front().epoch < lease.epochs_received;
      const bool left = (*known)->Acknowledge(report.epochs, lease.epochs_received);
      epochs_left = epochs_left || (progress && left);
    }
  }
  bool ended = false;
  for (const auto& work : held_) {
    if (std::find(held.begin(), held.end(), work) != held.end()) continue;
    if (work->Returned()) {
      ended = true;
    } else {
      LogInfo("the lease of ", Name(work->task()), " is gone; its work is dropped");
      work->Stop();
    }
  }
  held_ = std::move(held);
  // A coordinator that has just taken a Result may have new work.
  call_again_ = epochs_left || (ended && held_.empty());
}

void Agent::StartNext() {
  if (running_ && running_->Returned()) {
    thread_.join();
    running_ = nullptr;
  }
  if (running_) return;
  for (const auto& work : held_) {
    if (work->Returned()) continue;
    running_ = work;
    thread_ = std::jthread([work, this] { work->Train(trainer_); });
    return;
  }
}

bool Agent::TrainerReturned() const { return !running_ || running_->Returned(); }

bool Agent::WaitForNews(Milliseconds timeout) {
  const SteadyClock::time_point deadline = SteadyClock::now() + timeout;
  MutexLock lock(mutex_);
  while (!news_ && Until(deadline) > Milliseconds(0)) changed_.WaitFor(mutex_, Until(deadline));
  return std::exchange(news_, false);
}

void Agent::Notify() {
  MutexLock lock(mutex_);
  news_ = true;
  changed_.NotifyAll();
}

Milliseconds Agent::LongestBackoff() const {
  return std::max(options_.first_backoff, std::min(options_.longest_backoff, 5 * next_call_));
}

}  // namespace reluscape
