#pragma once

// An agent whose coordinator and Trainer do what a test says.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "search/vocabulary/recipe.h"
#include "worker/agent.h"
#include "worker/task_error.h"

namespace reluscape {

inline constexpr Milliseconds kPatience{10'000};  // only waited out by a test that fails

// A Trainer that does what the test says, from the test's own thread.
class Puppet final : public Trainer {
 public:
  void Describe(v1::WorkerInfo& info) const override {
    info.set_device("puppet");
    SetList(info.mutable_data_sets(), {std::string("synthetic")});
  }

  v1::DataState OpenData(const v1::DataRequest& request, std::stop_token stop) override {
    const std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      changed_.NotifyAll();
    });
    MutexLock lock(mutex_);
    opened_.push_back(request.data().set());
    changed_.NotifyAll();
    while (opening_waits_ && !stop.stop_requested()) changed_.WaitFor(mutex_, kPatience);
    v1::DataState state;
    *state.mutable_request() = request;
    if (stop.stop_requested()) return state;
    const auto problem = problems_.find(request.data().set());
    if (problem != problems_.end()) {
      state.set_problem(problem->second);
      return state;
    }
    state.set_data_hash("d-" + request.data().set());
    state.set_split_hash("s");
    return state;
  }

  TaskOutcome Run(const v1::TaskDescription& task, TaskListener& listener,
                  std::stop_token stop) override {
    const std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      changed_.NotifyAll();
    });
    MutexLock lock(mutex_);
    started_.push_back(TaskId{task.task()});
    listener_ = &listener;
    changed_.NotifyAll();
    while (!outcome_ && (!stop.stop_requested() || ignores_stop_)) {
      changed_.WaitFor(mutex_, kPatience);
    }
    listener_ = nullptr;
    changed_.NotifyAll();
    if (!outcome_) return {.stopped = true, .weights = {}, .result = {}, .failure = {}};
    return *std::exchange(outcome_, std::nullopt);
  }

  // Waits until Run works on something.
  TaskListener& listener() {
    MutexLock lock(mutex_);
    while (listener_ == nullptr) changed_.WaitFor(mutex_, kPatience);
    return *listener_;
  }
  bool WaitUntilIdle() {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    MutexLock lock(mutex_);
    while (listener_ != nullptr && std::chrono::steady_clock::now() < deadline) {
      changed_.WaitFor(mutex_, Milliseconds(100));
    }
    return listener_ == nullptr;
  }
  void End(TaskOutcome outcome) {
    listener();
    MutexLock lock(mutex_);
    outcome_ = std::move(outcome);
    changed_.NotifyAll();
  }
  void IgnoreStop(bool ignore) {
    MutexLock lock(mutex_);
    ignores_stop_ = ignore;
    changed_.NotifyAll();
  }
  std::vector<TaskId> started() {
    MutexLock lock(mutex_);
    return started_;
  }
  // What opening that data set comes to; empty: it can be used.
  void SetProblem(const std::string& set, const std::string& problem) {
    MutexLock lock(mutex_);
    if (problem.empty()) {
      problems_.erase(set);
    } else {
      problems_[set] = problem;
    }
  }
  void HoldOpening(bool hold) {
    MutexLock lock(mutex_);
    opening_waits_ = hold;
    changed_.NotifyAll();
  }
  // In the order of the calls.
  std::vector<std::string> opened() {
    MutexLock lock(mutex_);
    return opened_;
  }
  bool WaitUntilOpened(size_t times) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    MutexLock lock(mutex_);
    while (opened_.size() < times && std::chrono::steady_clock::now() < deadline) {
      changed_.WaitFor(mutex_, Milliseconds(100));
    }
    return opened_.size() >= times;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  TaskListener* listener_ GUARDED_BY(mutex_) = nullptr;
  std::optional<TaskOutcome> outcome_ GUARDED_BY(mutex_);
  bool ignores_stop_ GUARDED_BY(mutex_) = false;
  std::vector<TaskId> started_ GUARDED_BY(mutex_);
  std::map<std::string, std::string> problems_ GUARDED_BY(mutex_);
  bool opening_waits_ GUARDED_BY(mutex_) = false;
  std::vector<std::string> opened_ GUARDED_BY(mutex_);
};

// An artifact folder that works or does not as the test says, and counts how often it was tried.
class Storage {
 public:
  absl::Status Check(int64_t bytes) {
    MutexLock lock(mutex_);
    checks_.push_back(bytes);
    return status_;
  }
  void Set(absl::Status status) {
    MutexLock lock(mutex_);
    status_ = std::move(status);
  }
  std::vector<int64_t> checks() {
    MutexLock lock(mutex_);
    return checks_;
  }

 private:
  Mutex mutex_;
  absl::Status status_ GUARDED_BY(mutex_);
  std::vector<int64_t> checks_ GUARDED_BY(mutex_);
};

// A coordinator that answers what the test has lined up, else the last answer again; remembers what
// it was told.
class FakeLink final : public CoordinatorLink {
 public:
  using Answer = absl::StatusOr<v1::SynchronizeResponse>;

  absl::StatusOr<v1::SynchronizeResponse> Synchronize(const v1::SynchronizeRequest& request,
                                                      Milliseconds,
                                                      std::stop_token cancel) override {
    MutexLock lock(mutex_);
    requests_.push_back(request);
    changed_.NotifyAll();
    if (hangs_) {
      const std::stop_callback wake(cancel, [this] { changed_.NotifyAll(); });
      while (!cancel.stop_requested()) changed_.WaitFor(mutex_, Milliseconds(10));
      return absl::CancelledError("cancelled");
    }
    if (!answers_.empty()) {
      last_ = answers_.front();
      answers_.pop_front();
    }
    return last_;
  }

  void Next(Answer answer) {
    MutexLock lock(mutex_);
    answers_.push_back(std::move(answer));
  }
  void Hang(bool hang) {
    MutexLock lock(mutex_);
    hangs_ = hang;
  }
  std::vector<v1::SynchronizeRequest> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }
  v1::SynchronizeRequest last() { return requests().back(); }
  // Waits until one of the requests is such.
  bool WaitFor(const std::function<bool(const v1::SynchronizeRequest&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    MutexLock lock(mutex_);
    size_t looked_at = 0;
    while (std::chrono::steady_clock::now() < deadline) {
      for (; looked_at < requests_.size(); ++looked_at) {
        if (condition(requests_[looked_at])) return true;
      }
      changed_.WaitFor(mutex_, Milliseconds(100));
    }
    return false;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::deque<Answer> answers_ GUARDED_BY(mutex_);
  Answer last_ GUARDED_BY(mutex_) = v1::SynchronizeResponse{};
  bool hangs_ GUARDED_BY(mutex_) = false;
  std::vector<v1::SynchronizeRequest> requests_ GUARDED_BY(mutex_);
};

inline v1::SynchronizeResponse NoLease() {
  v1::SynchronizeResponse response;
  response.set_next_call_ms(1'000);
  return response;
}

inline v1::DataRequest Images(const std::string& set) {
  v1::DataRequest request;
  request.mutable_data()->set_set(set);
  request.set_split_seed(1);
  return request;
}

inline v1::SynchronizeResponse Asks(const std::vector<std::string>& sets) {
  v1::SynchronizeResponse response = NoLease();
  for (const std::string& set : sets) *response.add_open() = Images(set);
  return response;
}

inline v1::SynchronizeResponse Leased(int64_t task, int64_t epochs_received = 0,
                                      int64_t attempt = 1) {
  v1::SynchronizeResponse response = NoLease();
  v1::Lease& lease = *response.add_leases();
  lease.mutable_description()->set_task(task);
  lease.mutable_description()->set_attempt(attempt);
  lease.set_epochs_received(epochs_received);
  return response;
}

inline v1::Epoch Epoch(int64_t number) {
  v1::Epoch epoch;
  epoch.set_epoch(number);
  return epoch;
}

inline std::vector<int64_t> EpochsOf(const v1::SynchronizeRequest& request) {
  std::vector<int64_t> epochs;
  for (const v1::TaskReport& report : request.reports()) {
    for (const v1::Epoch& epoch : report.epochs()) epochs.push_back(epoch.epoch());
  }
  return epochs;
}

// Lets a Task use those images; the coordinator says by which copy the Job goes.
inline v1::SynchronizeResponse LeasedOn(int64_t task, const std::string& set) {
  v1::SynchronizeResponse response = Leased(task);
  response.mutable_leases(0)->mutable_description()->mutable_data()->set_set(set);
  response.mutable_leases(0)->mutable_description()->mutable_data()->set_hash("d-" + set);
  response.mutable_leases(0)->mutable_description()->set_split_seed(1);
  return response;
}

inline TaskOutcome Failed(v1::Failure::Kind kind, const std::string& message = "why") {
  TaskOutcome outcome;
  outcome.failure = MakeFailure(kind, message);
  return outcome;
}

// "set: data hash" or "set! problem" of all that a Worker says of its data.
inline std::vector<std::string> DataOf(const v1::SynchronizeRequest& request) {
  std::vector<std::string> texts;
  for (const v1::DataState& state : request.worker().data()) {
    texts.push_back(state.request().data().set() +
                    (state.problem().empty() ? ": " + state.data_hash() : "! " + state.problem()));
  }
  return texts;
}

inline TaskOutcome Weights(const std::string& sha256) {
  TaskOutcome outcome;
  outcome.weights = MakeArtifact(sha256, 1);
  return outcome;
}

class AgentTest : public testing::Test {
 protected:
  AgentTest() {
    options_.worker.set_id("w");
    options_.worker.set_incarnation("i");
    options_.artifact_folder_id = "folder";
    options_.epochs_per_report = 3;
    options_.shutdown_time = Milliseconds(1'000);
    options_.first_pause = Milliseconds(1);
    options_.longest_pause = Milliseconds(4);
    options_.check_storage = [this](int64_t bytes) { return storage_.Check(bytes); };
    agent_ = std::make_unique<Agent>(options_, link_, puppet_);
  }
  ~AgentTest() override { puppet_.IgnoreStop(false); }

  // With other options, before anything else.
  void MakeAgain() { agent_ = std::make_unique<Agent>(options_, link_, puppet_); }

  // One exchange answered with `answer`.
  Milliseconds Exchange(FakeLink::Answer answer) {
    link_.Next(std::move(answer));
    const absl::StatusOr<Milliseconds> wait = agent_->RunOnce();
    EXPECT_TRUE(wait.ok()) << wait.status();
    return wait.value_or(Milliseconds(-1));
  }
  // Lets the Task end, and waits until the agent has noticed.
  void End(TaskOutcome outcome) {
    agent_->WaitForNews(Milliseconds(0));
    puppet_.End(std::move(outcome));
    while (!agent_->TrainerReturned()) agent_->WaitForNews(Milliseconds(100));
  }

  // Exchanges with the same answer until what the Worker says is such; looks go on meanwhile.
  bool ExchangeUntil(const v1::SynchronizeResponse& answer,
                     const std::function<bool(const v1::SynchronizeRequest&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      Exchange(answer);
      if (condition(link_.last())) return true;
      agent_->WaitForNews(Milliseconds(1));
    }
    return false;
  }
  // One Task that ends so and is taken by the coordinator.
  void Play(const v1::SynchronizeResponse& leased, TaskOutcome outcome) {
    Exchange(leased);
    End(std::move(outcome));
    Exchange(NoLease());
  }

  AgentOptions options_;
  Storage storage_;
  FakeLink link_;
  Puppet puppet_;
  std::unique_ptr<Agent> agent_;
};

}  // namespace reluscape
