#include "worker/agent.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fault_point.h"
#include "base/foreign_text.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "search/vocabulary/recipe.h"
#include "worker/task_error.h"

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
    case absl::StatusCode::kAborted:
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

bool IsFinite(const v1::Epoch& epoch) {
  return std::isfinite(epoch.loss()) && std::isfinite(epoch.train_accuracy()) &&
         std::isfinite(epoch.validation_accuracy()) && std::isfinite(epoch.learning_rate()) &&
         std::isfinite(epoch.seconds()) && std::isfinite(epoch.lambda());
}

std::string Name(const v1::TaskDescription& task) {
  return absl::StrCat("task ", task.task(), " (", task.stage(), " of candidate ", task.candidate(),
                      ", attempt ", task.attempt(), ")");
}

// Why this build must not run `task`: empty where it may.
std::string Misread(const v1::TaskDescription& task, const v1::WorkerInfo& info) {
  if (task.recipe().empty()) return "";
  const std::string understood = RecipeHash(task.settings());
  if (task.recipe() == understood) return "";
  return absl::StrCat(Name(task), ": the coordinator gives the recipe ", task.recipe(),
                      ", of which this build (", info.build_commit(), ", protocol ",
                      info.protocol(), ", behaviour ", info.behaviour(), ") understands ",
                      understood, ": it is not of the coordinator's version; install that");
}

// At least so much is written to find out whether the artifact folder works.
constexpr int64_t kLeastProbeBytes = 64 << 10;

Milliseconds Until(SteadyClock::time_point deadline) {
  return std::max(Milliseconds(0),
                  std::chrono::duration_cast<Milliseconds>(deadline - SteadyClock::now()));
}

v1::DataState Unusable(const v1::DataRequest& request, const std::string& problem) {
  v1::DataState state;
  *state.mutable_request() = request;
  state.set_problem(ValidUtf8(problem));
  return state;
}

}  // namespace

// One Lease and everything its Task has left that is not known to be stored. Thread-safe: the
// Trainer writes, the talking thread reads.
class Agent::Work final : public TaskListener {
 public:
  Work(Agent& agent, v1::TaskDescription task) : task_(std::move(task)), agent_(agent) {}

  const v1::TaskDescription& task() const { return task_; }
  bool Is(int64_t task, int64_t attempt) const {
    return task_.task() == task && task_.attempt() == attempt;
  }

  void OnProvenance(const v1::Provenance& provenance, int64_t epochs_planned) override {
    {
      MutexLock lock(mutex_);
      provenance_ = provenance;
      epochs_planned_ = epochs_planned;
    }
    agent_.Notify();
  }
  void OnEpoch(const v1::Epoch& epoch) override {
    {
      MutexLock lock(mutex_);
      if (IsFinite(epoch)) {
        epochs_.push_back(epoch);
        next_epoch_ = epoch.epoch() + 1;
      } else if (!failure_) {
        // The coordinator refuses numbers that are not finite.
        failure_ = MakeFailure(v1::Failure::DIVERGED,
                               absl::StrCat("epoch ", epoch.epoch(),
                                            " ended with a number that is not finite; a lower "
                                            "learning rate may help"),
                               epoch.epoch());
        stop_.request_stop();
      }
    }
    agent_.Notify();
  }
  void OnCheckpoint(const v1::Artifact& artifact, double device_seconds) override {
    {
      MutexLock lock(mutex_);
      checkpoint_ = artifact;
      checkpoint_epochs_ = next_epoch_;
      device_seconds_ = device_seconds;
    }
    agent_.Notify();
  }
  void OnSnapshot(const v1::Snapshot& snapshot) override {
    {
      MutexLock lock(mutex_);
      snapshots_.push_back(snapshot);
    }
    agent_.Notify();
  }

  // The whole of the training thread.
  void Train(Trainer& trainer, const std::function<absl::Status(int64_t bytes)>& check_storage) {
    TaskOutcome outcome = trainer.Run(task_, *this, stop_.get_token());
    if (!outcome.failure && !outcome.stopped && check_storage) {
      // What is stored while the folder is away lies somewhere else.
      if (const absl::Status there = check_storage(0); !there.ok()) {
        outcome.weights = {};
        outcome.result = std::nullopt;
        outcome.failure = MakeFailure(v1::Failure::STORAGE, std::string(there.message()));
      }
    }
    {
      MutexLock lock(mutex_);
      device_seconds_ = std::max(device_seconds_, outcome.device_seconds);
      if (outcome.stopped && !failure_ && !stop_.stop_requested()) {
        failure_ =
            MakeFailure(v1::Failure::TRANSIENT, "the trainer stopped without being asked to");
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

  // After Returned.
  TaskOutcome Outcome() const {
    MutexLock lock(mutex_);
    return *outcome_;
  }
  bool Measured() const {
    MutexLock lock(mutex_);
    return provenance_.has_value();
  }

  // `ended`: the outcome has been judged and may be told.
  v1::TaskReport Report(int64_t most_epochs, bool shutting_down, bool ended) const {
    MutexLock lock(mutex_);
    v1::TaskReport report;
    report.set_task(task_.task());
    report.set_attempt(task_.attempt());
    report.set_state(v1::TaskReport::RUNNING);
    report.set_epochs_planned(epochs_planned_);
    SetList(report.mutable_snapshots(), snapshots_);
    if (provenance_) *report.mutable_provenance() = *provenance_;
    report.set_device_seconds(device_seconds_);
    // The coordinator takes a checkpoint for one of the epochs that it has stored by then: it goes
    // with the last of its own, behind which the report ends.
    const auto own =
        static_cast<size_t>(std::count_if(epochs_.begin(), epochs_.end(), [&](const v1::Epoch& e) {
          return e.epoch() < checkpoint_epochs_;
        }));
    const auto most = static_cast<size_t>(most_epochs);
    if (own <= most && IsSet(checkpoint_)) *report.mutable_checkpoint() = checkpoint_;
    const size_t sent = std::min(own > 0 ? own : epochs_.size(), most);
    report.mutable_epochs()->Add(epochs_.begin(), epochs_.begin() + static_cast<int64_t>(sent));
    // The end is told with the last epochs, not before them: afterwards the Lease is gone.
    if (sent < epochs_.size()) return report;
    if (!ended || !outcome_ || outcome_->stopped) {
      if (shutting_down) report.set_state(v1::TaskReport::HANDED_BACK);
    } else if (outcome_->failure) {
      report.set_state(v1::TaskReport::FAILED);
      *report.mutable_failure() = *outcome_->failure;
      report.mutable_failure()->set_message(ValidUtf8(outcome_->failure->message()));
    } else {
      report.set_state(v1::TaskReport::SUCCEEDED);
      if (IsSet(outcome_->weights)) *report.mutable_weights() = outcome_->weights;
      if (outcome_->result) *report.mutable_result() = *outcome_->result;
      report.set_accuracy_test(outcome_->accuracy_test);
    }
    return report;
  }

  // The coordinator has stored those epochs of `sent` that are below `received`. Only what this
  // very call carried is taken as stored: `received` may still count epochs of an earlier Attempt
  // that this one trains again. Whether epochs are left.
  bool Acknowledge(const v1::TaskReport& sent, int64_t received) {
    MutexLock lock(mutex_);
    int stored = 0;
    while (stored < sent.epochs_size() && sent.epochs(stored).epoch() < received) ++stored;
    epochs_.erase(epochs_.begin(), epochs_.begin() + stored);
    return !epochs_.empty();
  }

 private:
  const v1::TaskDescription task_;
  Agent& agent_;
  std::stop_source stop_;

  mutable Mutex mutex_;
  std::vector<v1::Epoch> epochs_ GUARDED_BY(mutex_);
  int64_t epochs_planned_ GUARDED_BY(mutex_) = 0;
  int64_t next_epoch_ GUARDED_BY(mutex_) = 0;  // behind the last that this process trained
  v1::Artifact checkpoint_ GUARDED_BY(mutex_);
  int64_t checkpoint_epochs_ GUARDED_BY(mutex_) = 0;  // all below are in it
  std::vector<v1::Snapshot> snapshots_ GUARDED_BY(mutex_);
  std::optional<v1::Provenance> provenance_ GUARDED_BY(mutex_);
  double device_seconds_ GUARDED_BY(mutex_) = 0;
  std::optional<v1::Failure> failure_ GUARDED_BY(mutex_);  // found here, not by the Trainer
  std::optional<TaskOutcome> outcome_ GUARDED_BY(mutex_);
};

// What thread_ does while there is no Task: opens images, or tries the artifact folder.
class Agent::Look {
 public:
  explicit Look(v1::DataRequest request) : request_(std::move(request)) {}
  explicit Look(int64_t bytes) : bytes_(bytes) {}

  // Of images; none: at the artifact folder.
  const std::optional<v1::DataRequest>& request() const { return request_; }

  // The whole of the thread.
  void Do(Agent& agent) {
    std::optional<v1::DataState> found;
    std::string problem;
    if (request_) {
      found = agent.trainer_.OpenData(*request_, stop_.get_token());
      *found->mutable_request() = *request_;
      const bool hashed = !found->data_hash().empty() && !found->split_hash().empty();
      // A stop that came too late takes nothing from what was found.
      const bool stopped = !hashed && found->problem().empty() && stop_.stop_requested();
      if (!hashed && found->problem().empty()) {
        found->set_problem("opening it ended without a result");
      }
      if (!found->problem().empty()) found = Unusable(*request_, found->problem());
      if (stopped) found.reset();
    } else if (agent.options_.check_storage) {
      const absl::Status works = agent.options_.check_storage(bytes_);
      if (!works.ok()) problem = std::string(works.message());
    }
    {
      MutexLock lock(mutex_);
      found_ = std::move(found);
      problem_ = std::move(problem);
      returned_ = true;
    }
    agent.Notify();
  }

  void Stop() { stop_.request_stop(); }

  bool Returned() const {
    MutexLock lock(mutex_);
    return returned_;
  }

  // After Returned. Images: std::nullopt where it was stopped.
  std::optional<v1::DataState> found() const {
    MutexLock lock(mutex_);
    return found_;
  }
  std::string problem() const {
    MutexLock lock(mutex_);
    return problem_;
  }

 private:
  const std::optional<v1::DataRequest> request_;
  const int64_t bytes_ = 0;
  std::stop_source stop_;

  mutable Mutex mutex_;
  std::optional<v1::DataState> found_ GUARDED_BY(mutex_);
  std::string problem_ GUARDED_BY(mutex_);
  bool returned_ GUARDED_BY(mutex_) = false;
};

Agent::Agent(AgentOptions options, CoordinatorLink& link, Trainer& trainer)
    : options_(std::move(options)),
      link_(link),
      trainer_(trainer),
      info_(options_.worker),
      storage_pause_(options_.first_pause, options_.longest_pause) {
  trainer_.Describe(info_);
}

Agent::~Agent() {
  StopTrainer();
  if (thread_.joinable()) thread_.join();
}

absl::Status Agent::Run(const std::stop_token& stop) {
  const std::stop_callback wake(stop, [this] { Notify(); });
  // The Trainer keeps its promise within this time, or not at all.
  const Milliseconds patience = std::min(Milliseconds(2'200), options_.shutdown_time / 2);
  while (!stop.stop_requested() && ending_.ok()) {
    const absl::StatusOr<Milliseconds> wait = RunOnce(stop);
    if (!wait.ok()) {
      StopTrainer();
      WaitForTrainer(SteadyClock::now() + patience);
      return wait.status();
    }
    // News wakes at once, but not while the coordinator is away: it would be asked every epoch.
    const SteadyClock::time_point until = SteadyClock::now() + *wait;
    while (!stop.stop_requested() && ending_.ok() && Until(until) > Milliseconds(0)) {
      const SteadyClock::time_point due = NextLookDue();
      if (WaitForNews(Until(std::min(until, due)) + Milliseconds(1)) && failures_ == 0) break;
      StartNext();
    }
  }

  const absl::Status ending = ending_;  // what is found out from here on changes nothing
  const SteadyClock::time_point deadline = SteadyClock::now() + options_.shutdown_time;
  if (running_) LogInfo("stopping; ", Name(running_->task()), " is handed back");
  StopTrainer();
  // The last epoch and checkpoint are worth waiting for.
  WaitForTrainer(SteadyClock::now() + patience);
  while (Until(deadline) > Milliseconds(0)) {
    if (HandBackOnce(std::min(options_.call_timeout, Until(deadline)))) return ending;
    WaitForNews(std::min(options_.first_backoff, Until(deadline)));
  }
  LogWarning(
      "the coordinator did not answer; what was worked on returns to its queue when the "
      "lease ends");
  return ending;
}

absl::StatusOr<Milliseconds> Agent::RunOnce(const std::stop_token& cancel) {
  const v1::SynchronizeRequest request = MakeRequest(/*shutting_down=*/false);
  const absl::StatusOr<v1::SynchronizeResponse> response =
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
  if (std::any_of(request.reports().begin(), request.reports().end(),
                  [](const v1::TaskReport& report) {
                    return report.state() == v1::TaskReport::SUCCEEDED;
                  })) {
    FaultPoint("worker.after_report");
  }
  Apply(request, *response);
  StartNext();
  return std::exchange(call_again_, false) ? Milliseconds(0) : next_call_;
}

bool Agent::HandBackOnce(Milliseconds timeout) {
  const v1::SynchronizeRequest request = MakeRequest(/*shutting_down=*/true);
  const absl::StatusOr<v1::SynchronizeResponse> response = link_.Synchronize(request, timeout, {});
  if (!response.ok()) return !MayPass(response.status());
  // A Lease that is still there was handed out by a call whose answer was lost, or has more epochs
  // than fit into one report: the next call hands it back.
  Apply(request, *response);
  return held_.empty();
}

v1::SynchronizeRequest Agent::MakeRequest(bool shutting_down) {
  {
    // What the request is made of below is at least as new as this.
    MutexLock lock(mutex_);
    news_ = false;
  }
  Collect();
  v1::SynchronizeRequest request;
  v1::WorkerInfo& worker = *request.mutable_worker();
  worker = info_;
  for (const Opened& opened : opened_) *worker.add_data() = opened.state;
  worker.set_problem(ValidUtf8(Problem()));
  request.set_artifact_folder_id(options_.artifact_folder_id);
  request.set_accepts_work(!shutting_down && ending_.ok());
  for (const auto& work : held_) {
    // An end that was not collected above waits for the next request: a failure is told together
    // with what it says about this Worker.
    *request.add_reports() =
        work->Report(options_.epochs_per_report, shutting_down, /*ended=*/work != running_);
  }
  return request;
}

void Agent::Apply(const v1::SynchronizeRequest& request, const v1::SynchronizeResponse& response) {
  next_call_ =
      std::clamp(Milliseconds(response.next_call_ms()), Milliseconds(1), Milliseconds(60'000));
  std::vector<std::shared_ptr<Work>> held;
  bool epochs_left = false;
  for (const v1::Lease& lease : response.leases()) {
    const v1::TaskDescription& task = lease.description();
    const auto known = std::find_if(held_.begin(), held_.end(), [&](const auto& work) {
      return work->Is(task.task(), task.attempt());
    });
    if (known == held_.end()) {
      LogInfo("leased ", Name(task));
      if (const std::string misread = Misread(task, info_); !misread.empty() && ending_.ok()) {
        LogError(misread);
        ending_ = absl::FailedPreconditionError(misread);
      }
      held.push_back(std::make_shared<Work>(*this, task));
      continue;
    }
    held.push_back(*known);
    for (const v1::TaskReport& report : request.reports()) {
      if (!(*known)->Is(report.task(), report.attempt()) || report.epochs().empty()) continue;
      const bool progress = report.epochs(0).epoch() < lease.epochs_received();
      const bool left = (*known)->Acknowledge(report, lease.epochs_received());
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
  open_ = ListOf(response.open());
  NoteOtherCopies(ListOf(request.worker().data()));
  // A coordinator that has just taken a Result may have new work.
  call_again_ = epochs_left || (ended && held_.empty());
}

void Agent::StartNext() {
  Collect();
  if (running_ || !ending_.ok()) return;
  const auto next =
      std::find_if(held_.begin(), held_.end(), [](const auto& work) { return !work->Returned(); });
  if (looking_) {
    // Images that the Task needs are nearly open; for others it need not wait.
    if (next != held_.end() && looking_->request() != DataRequestOf((*next)->task())) {
      looking_->Stop();
    }
    return;
  }
  if (next != held_.end()) {
    running_ = *next;
    thread_ =
        std::jthread([work = running_, this] { work->Train(trainer_, options_.check_storage); });
    return;
  }
  looking_ = DueLook(SteadyClock::now());
  if (looking_) thread_ = std::jthread([look = looking_, this] { look->Do(*this); });
}

void Agent::Collect() {
  if (running_ && running_->Returned()) {
    thread_.join();
    Judge(*std::exchange(running_, nullptr));
  }
  if (looking_ && looking_->Returned()) {
    thread_.join();
    TakeOver(*std::exchange(looking_, nullptr));
  }
}

void Agent::Judge(const Work& work) {
  const TaskOutcome outcome = work.Outcome();
  if (work.Measured()) {
    // Opening is not proof enough: the pauses grow as long as Tasks fail over what was opened.
    const size_t index = IndexOf(DataRequestOf(work.task()));
    if (index < opened_.size()) opened_[index].pause.Reset();
  }
  if (outcome.stopped) return;
  if (outcome.failure) return JudgeFailure(work.task(), outcome);
  failures_in_a_row_ = 0;
  // Likewise: an artifact folder has proved to work when a Task has stored what it made.
  storage_pause_.Reset();
}

void Agent::JudgeFailure(const v1::TaskDescription& task, const TaskOutcome& outcome) {
  const std::string message = outcome.failure->message().empty()
                                  ? Name(task) + " failed without a word"
                                  : outcome.failure->message();
  switch (outcome.failure->kind()) {
    case v1::Failure::DATA:
      return TakeOver(Unusable(DataRequestOf(task), message));
    case v1::Failure::STORAGE:
      storage_bytes_ = std::max(outcome.unstored_bytes, kLeastProbeBytes);
      return TakeOverStorage(message);
    case v1::Failure::TRANSIENT:
      break;
    default:
      return;  // of others, and no sign that this Worker is well
  }
  if (++failures_in_a_row_ < options_.most_failures || !ending_.ok()) return;
  ending_ = absl::AbortedError(absl::StrCat(
      failures_in_a_row_, " tasks in a row failed here; the last: ", Name(task), ": ", message));
  LogError("taking no more tasks: ", std::string(ending_.message()));
}

void Agent::TakeOver(const Look& look) {
  if (!look.request()) return TakeOverStorage(look.problem());
  if (std::optional<v1::DataState> found = look.found()) TakeOver(*std::move(found));
}

void Agent::TakeOver(v1::DataState state) {
  Opened opened{.state = std::move(state),
                .pause = GrowingPause(options_.first_pause, options_.longest_pause)};
  const v1::DataState& now = opened.state;
  v1::DataState before;
  if (const size_t index = IndexOf(now.request()); index < opened_.size()) {
    opened.pause = opened_[index].pause;
    before = opened_[index].state;
    opened.is_other_copy = opened_[index].is_other_copy && before == now;
    opened_.erase(opened_.begin() + static_cast<int64_t>(index));
  }
  if (!now.problem().empty()) opened.pause.Failed(SteadyClock::now());
  if (now == before) {
    // Said already.
  } else if (now.problem().empty()) {
    LogInfo("opened data set ", now.request().data().set(), ", data hash ", now.data_hash());
  } else {
    LogWarning("data set ", now.request().data().set(),
               " cannot be used, trying again from time to time: ", now.problem());
  }
  opened_.push_back(std::move(opened));
  if (opened_.size() > static_cast<size_t>(kMostDataStates)) opened_.erase(opened_.begin());
}

void Agent::TakeOverStorage(const std::string& problem) {
  if (problem.empty()) {
    LogInfo("the artifact folder can be used again");
  } else {
    storage_pause_.Failed(SteadyClock::now());
    if (problem != storage_problem_) {
      LogWarning("the artifact folder cannot be used, trying again from time to time: ", problem);
    }
  }
  storage_problem_ = problem;
}

void Agent::NoteOtherCopies(const std::vector<v1::DataState>& told) {
  const SteadyClock::time_point now = SteadyClock::now();
  for (Opened& opened : opened_) {
    const v1::DataState& state = opened.state;
    const bool asked = std::find(open_.begin(), open_.end(), state.request()) != open_.end();
    // The answer may be older than what was found since.
    if (!state.problem().empty() || std::find(told.begin(), told.end(), state) == told.end()) {
      continue;
    }
    if (asked && !opened.is_other_copy) {
      LogWarning("data set ", state.request().data().set(), " with the data hash ",
                 state.data_hash(),
                 " is another copy than a job goes by, looking again from time to time");
    }
    opened.is_other_copy = asked;
    if (asked && !looking_ && opened.pause.due() <= now) opened.pause.Failed(now);
  }
}

std::shared_ptr<Agent::Look> Agent::DueLook(GrowingPause::TimePoint now) const {
  // What a Task has come to is told first, with what it says about this Worker: a look that ends
  // well in between would tell a failure without its reason.
  if (!held_.empty()) return nullptr;
  if (!storage_problem_.empty() && storage_pause_.due() <= now) {
    return std::make_shared<Look>(storage_bytes_);
  }
  for (const v1::DataRequest& request : open_) {
    if (IndexOf(request) == opened_.size()) return std::make_shared<Look>(request);
  }
  for (const v1::DataRequest& request : open_) {
    const Opened& known = opened_[IndexOf(request)];
    if (known.IsLookedAtAgain() && known.pause.due() <= now) return std::make_shared<Look>(request);
  }
  return nullptr;
}

GrowingPause::TimePoint Agent::NextLookDue() const {
  GrowingPause::TimePoint due = GrowingPause::TimePoint::max();
  if (running_ || looking_ || !held_.empty()) return due;  // its end is news
  if (!storage_problem_.empty()) due = storage_pause_.due();
  for (const v1::DataRequest& request : open_) {
    const size_t index = IndexOf(request);
    if (index == opened_.size()) return SteadyClock::now();
    const Opened& known = opened_[index];
    if (known.IsLookedAtAgain()) due = std::min(due, known.pause.due());
  }
  return due;
}

size_t Agent::IndexOf(const v1::DataRequest& request) const {
  const auto found = std::find_if(opened_.begin(), opened_.end(), [&](const Opened& opened) {
    return opened.state.request() == request;
  });
  return static_cast<size_t>(found - opened_.begin());
}

std::string Agent::Problem() const {
  return ending_.ok() ? storage_problem_ : std::string(ending_.message());
}

void Agent::StopTrainer() {
  if (running_) running_->Stop();
  if (looking_) looking_->Stop();
}

void Agent::WaitForTrainer(GrowingPause::TimePoint deadline) {
  while (!TrainerReturned() && Until(deadline) > Milliseconds(0)) WaitForNews(Until(deadline));
}

bool Agent::TrainerReturned() const {
  return (!running_ || running_->Returned()) && (!looking_ || looking_->Returned());
}

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
