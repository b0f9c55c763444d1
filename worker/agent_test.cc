#include "worker/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace reluscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Milliseconds kPatience{10'000};  // only waited out by a test that fails

// A Trainer that does what the test says, from the test's own thread.
class Puppet final : public Trainer {
 public:
  void Describe(WorkerInfo& info) const override {
    info.device = "puppet";
    info.data_sets = {"synthetic"};
  }

  DataState OpenData(const DataRequest& request, std::stop_token stop) override {
    const std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      changed_.NotifyAll();
    });
    MutexLock lock(mutex_);
    opened_.push_back(request.data.set);
    changed_.NotifyAll();
    while (opening_waits_ && !stop.stop_requested()) changed_.WaitFor(mutex_, kPatience);
    if (stop.stop_requested()) return {request, "", "", ""};
    const auto problem = problems_.find(request.data.set);
    if (problem != problems_.end()) return {request, "", "", problem->second};
    return {request, "d-" + request.data.set, "s", ""};
  }

  TaskOutcome Run(const TaskDescription& task, TaskListener& listener,
                  std::stop_token stop) override {
    const std::stop_callback wake(stop, [this] {
      MutexLock lock(mutex_);
      changed_.NotifyAll();
    });
    MutexLock lock(mutex_);
    started_.push_back(task.task);
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
  using Answer = absl::StatusOr<SyncResponse>;

  absl::StatusOr<SyncResponse> Synchronize(const SyncRequest& request, Milliseconds,
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
  std::vector<SyncRequest> requests() {
    MutexLock lock(mutex_);
    return requests_;
  }
  SyncRequest last() { return requests().back(); }
  // Waits until one of the requests is such.
  bool WaitFor(const std::function<bool(const SyncRequest&)>& condition) {
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
  Answer last_ GUARDED_BY(mutex_) = SyncResponse{};
  bool hangs_ GUARDED_BY(mutex_) = false;
  std::vector<SyncRequest> requests_ GUARDED_BY(mutex_);
};

SyncResponse NoLease() { return {}; }

DataRequest Images(const std::string& set) { return {.data = {.set = set}, .split_seed = 1}; }

SyncResponse Asks(const std::vector<std::string>& sets) {
  SyncResponse response;
  for (const std::string& set : sets) response.open.push_back(Images(set));
  return response;
}

SyncResponse Leased(int64_t task, int64_t epochs_received = 0, int64_t attempt = 1) {
  SyncResponse response;
  Lease lease;
  lease.description.task = TaskId{task};
  lease.description.attempt = attempt;
  lease.epochs_received = epochs_received;
  response.leases.push_back(lease);
  return response;
}

EpochReport Epoch(int64_t number) {
  EpochReport epoch;
  epoch.epoch = number;
  return epoch;
}

std::vector<int64_t> EpochsOf(const SyncRequest& request) {
  std::vector<int64_t> epochs;
  for (const TaskReport& report : request.reports) {
    for (const EpochReport& epoch : report.epochs) epochs.push_back(epoch.epoch);
  }
  return epochs;
}

// Lets a Task use those images; the coordinator says by which copy the Job goes.
SyncResponse LeasedOn(int64_t task, const std::string& set) {
  SyncResponse response = Leased(task);
  response.leases[0].description.data.set = set;
  response.leases[0].description.data.hash = "d-" + set;
  response.leases[0].description.split_seed = 1;
  return response;
}

TaskOutcome Failed(FailureKind kind, const std::string& message = "why") {
  TaskOutcome outcome;
  outcome.failure = Failure{kind, message, -1};
  return outcome;
}

// "set: data hash" or "set! problem" of all that a Worker says of its data.
std::vector<std::string> DataOf(const SyncRequest& request) {
  std::vector<std::string> texts;
  for (const DataState& state : request.worker.data) {
    texts.push_back(state.request.data.set +
                    (state.problem.empty() ? ": " + state.data_hash : "! " + state.problem));
  }
  return texts;
}

TaskOutcome Weights(const std::string& sha256) {
  TaskOutcome outcome;
  outcome.weights = {sha256, 1};
  return outcome;
}

class AgentTest : public testing::Test {
 protected:
  AgentTest() {
    options_.worker.id = "w";
    options_.worker.incarnation = "i";
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
  bool ExchangeUntil(const SyncResponse& answer,
                     const std::function<bool(const SyncRequest&)>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (std::chrono::steady_clock::now() < deadline) {
      Exchange(answer);
      if (condition(link_.last())) return true;
      agent_->WaitForNews(Milliseconds(1));
    }
    return false;
  }
  // One Task that ends so and is taken by the coordinator.
  void Play(const SyncResponse& leased, TaskOutcome outcome) {
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

TEST_F(AgentTest, SaysWhoItIsAndAsksForWork) {
  EXPECT_EQ(Exchange(NoLease()), Milliseconds(1'000));
  const SyncRequest request = link_.last();
  EXPECT_EQ(request.worker.id, "w");
  EXPECT_EQ(request.worker.device, "puppet");
  EXPECT_THAT(request.worker.data_sets, ElementsAre("synthetic"));
  EXPECT_EQ(request.worker.slots, 1);
  EXPECT_EQ(request.artifact_folder_id, "folder");
  EXPECT_TRUE(request.accepts_work);
  EXPECT_THAT(request.reports, IsEmpty());
}

TEST_F(AgentTest, StartsALeaseOnceHoweverOftenItIsAnswered) {
  Exchange(Leased(7));
  Exchange(Leased(7));
  puppet_.listener();
  Exchange(Leased(7));
  EXPECT_THAT(puppet_.started(), ElementsAre(TaskId{7}));
  ASSERT_THAT(link_.last().reports, SizeIs(1));
  EXPECT_EQ(link_.last().reports[0].task, TaskId{7});
  EXPECT_EQ(link_.last().reports[0].attempt, 1);
  EXPECT_EQ(link_.last().reports[0].state, ReportState::kRunning);
}

TEST_F(AgentTest, SendsAnEpochAgainUntilItIsKnownToBeStored) {
  Exchange(Leased(7));
  puppet_.listener().OnEpoch(Epoch(0));
  Exchange(absl::UnavailableError("lost"));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(0));
  puppet_.listener().OnEpoch(Epoch(1));
  Exchange(Leased(7, /*epochs_received=*/0));  // an answer that had not seen it
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(0, 1));
  Exchange(Leased(7, /*epochs_received=*/1));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(0, 1));
  Exchange(Leased(7, /*epochs_received=*/2));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(1));
  Exchange(Leased(7, /*epochs_received=*/2));
  EXPECT_THAT(EpochsOf(link_.last()), IsEmpty());
}

TEST_F(AgentTest, DoesNotTakeEpochsOfAnEarlierAttemptForItsOwn) {
  Exchange(Leased(7, /*epochs_received=*/5, /*attempt=*/2));
  TaskListener& listener = puppet_.listener();
  link_.Next(Leased(7, /*epochs_received=*/5, /*attempt=*/2));
  ASSERT_TRUE(agent_->RunOnce().ok());
  listener.OnEpoch(Epoch(3));  // trained again; the answer above had not seen it
  Exchange(Leased(7, /*epochs_received=*/4, /*attempt=*/2));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(3));
}

TEST_F(AgentTest, ALongListOfEpochsGoesInPiecesAndTheEndComesLast) {
  Exchange(Leased(7));
  for (int64_t epoch = 0; epoch < 7; ++epoch) puppet_.listener().OnEpoch(Epoch(epoch));
  End(Weights("a"));
  EXPECT_EQ(Exchange(Leased(7, 3)), Milliseconds(0));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(0, 1, 2));
  EXPECT_EQ(link_.last().reports[0].state, ReportState::kRunning);
  EXPECT_EQ(Exchange(Leased(7, 6)), Milliseconds(0));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(3, 4, 5));
  EXPECT_EQ(link_.last().reports[0].state, ReportState::kRunning);
  Exchange(NoLease());
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(6));
  EXPECT_EQ(link_.last().reports[0].state, ReportState::kSucceeded);
}

TEST_F(AgentTest, ACheckpointGoesWithTheLastOfItsEpochs) {
  Exchange(Leased(7));
  TaskListener& listener = puppet_.listener();
  listener.OnCheckpoint({"old", 1}, 1);
  for (int64_t epoch = 0; epoch < 5; ++epoch) listener.OnEpoch(Epoch(epoch));
  listener.OnCheckpoint({"new", 1}, 2);
  listener.OnEpoch(Epoch(5));
  EXPECT_EQ(Exchange(Leased(7, 3)), Milliseconds(0));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(0, 1, 2));
  EXPECT_FALSE(link_.last().reports[0].checkpoint) << "its epochs 3 and 4 would be dropped";
  EXPECT_EQ(Exchange(Leased(7, 5)), Milliseconds(0));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(3, 4));
  EXPECT_EQ(link_.last().reports[0].checkpoint.sha256, "new");
  Exchange(Leased(7, 6));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(5));
  EXPECT_EQ(link_.last().reports[0].checkpoint.sha256, "new");
}

TEST_F(AgentTest, ReportsEverythingThatATaskLeaves) {
  Exchange(Leased(7));
  TaskListener& listener = puppet_.listener();
  Measurement measurement;
  measurement.device = "puppet";
  listener.OnMeasurement(measurement, /*epochs_planned=*/20);
  listener.OnCheckpoint({"old", 1}, 1.5);
  listener.OnCheckpoint({"new", 2}, 2.5);
  const SnapshotReport first = {200, {"s1", 3}, 205, 1, 1.0};
  const SnapshotReport second = {100, {"s2", 3}, 101, 2, 2.0};
  listener.OnSnapshot(first);
  listener.OnSnapshot(second);
  Exchange(Leased(7));
  const TaskReport report = link_.last().reports.at(0);
  EXPECT_EQ(report.measurement, measurement);
  EXPECT_EQ(report.epochs_planned, 20);
  EXPECT_EQ(report.checkpoint.sha256, "new");
  EXPECT_EQ(report.device_seconds, 2.5);
  EXPECT_THAT(report.snapshots, ElementsAre(first, second));
  Exchange(Leased(7));
  EXPECT_THAT(link_.last().reports.at(0).snapshots, ElementsAre(first, second));
}

TEST_F(AgentTest, SendsASuccessAgainUntilTheLeaseIsGoneThenAsksForWorkAtOnce) {
  Exchange(Leased(7));
  TaskOutcome outcome;
  outcome.result = ResultReport{};
  outcome.result->budget = 100;
  outcome.device_seconds = 3;
  End(outcome);
  Exchange(absl::UnavailableError("lost"));
  EXPECT_EQ(link_.last().reports.at(0).state, ReportState::kSucceeded);
  EXPECT_EQ(Exchange(Leased(7)), Milliseconds(1'000));
  EXPECT_EQ(link_.last().reports.at(0).result, outcome.result);
  EXPECT_EQ(link_.last().reports.at(0).device_seconds, 3);
  EXPECT_EQ(Exchange(NoLease()), Milliseconds(0));
  EXPECT_EQ(Exchange(Leased(8)), Milliseconds(1'000));
  EXPECT_THAT(link_.last().reports, IsEmpty());
  puppet_.listener();
  EXPECT_THAT(puppet_.started(), ElementsAre(TaskId{7}, TaskId{8}));
}

TEST_F(AgentTest, AFailurePassesThrough) {
  Exchange(Leased(7));
  TaskOutcome outcome;
  outcome.failure = Failure{FailureKind::kInfeasible, "ended above the budget", 9};
  End(outcome);
  Exchange(NoLease());
  EXPECT_EQ(link_.last().reports.at(0).state, ReportState::kFailed);
  EXPECT_EQ(link_.last().reports.at(0).failure, outcome.failure);
}

TEST_F(AgentTest, AnEpochWithANumberThatIsNotFiniteFailsTheTask) {
  Exchange(Leased(7));
  EpochReport epoch = Epoch(4);
  epoch.loss = std::numeric_limits<double>::quiet_NaN();
  puppet_.listener().OnEpoch(epoch);
  EXPECT_TRUE(puppet_.WaitUntilIdle());
  while (!agent_->TrainerReturned()) agent_->WaitForNews(Milliseconds(100));
  Exchange(NoLease());
  EXPECT_THAT(EpochsOf(link_.last()), IsEmpty());
  ASSERT_TRUE(link_.last().reports.at(0).failure.has_value());
  EXPECT_EQ(link_.last().reports[0].failure->kind, FailureKind::kDiverged);
  EXPECT_EQ(link_.last().reports[0].failure->epoch, 4);
}

TEST_F(AgentTest, ALeaseThatIsMissingStopsTheTrainerAndDropsItsWork) {
  Exchange(Leased(7));
  puppet_.listener().OnEpoch(Epoch(0));
  Exchange(NoLease());
  EXPECT_TRUE(puppet_.WaitUntilIdle());
  Exchange(NoLease());
  EXPECT_THAT(link_.last().reports, IsEmpty());
}

TEST_F(AgentTest, ANewAttemptOfTheSameTaskReplacesTheOldOne) {
  Exchange(Leased(7, 0, /*attempt=*/1));
  puppet_.listener().OnEpoch(Epoch(0));
  Exchange(Leased(7, 0, /*attempt=*/2));
  while (!agent_->TrainerReturned()) agent_->WaitForNews(Milliseconds(100));
  Exchange(Leased(7, 0, /*attempt=*/2));
  ASSERT_THAT(link_.last().reports, SizeIs(1));
  EXPECT_EQ(link_.last().reports[0].attempt, 2);
  EXPECT_THAT(EpochsOf(link_.last()), IsEmpty());
  puppet_.listener();
  EXPECT_THAT(puppet_.started(), ElementsAre(TaskId{7}, TaskId{7}));
}

TEST_F(AgentTest, TrainsOnWhileTheCoordinatorIsAwayAndAsksLessAndLessOften) {
  Exchange(Leased(7));
  TaskListener& listener = puppet_.listener();
  std::vector<int64_t> waits;
  for (int64_t i = 0; i < 7; ++i) {
    listener.OnEpoch(Epoch(i));
    waits.push_back(Exchange(absl::UnavailableError("away")).count());
  }
  EXPECT_THAT(waits, ElementsAre(200, 400, 800, 1600, 3200, 5000, 5000));
  EXPECT_EQ(Exchange(Leased(7, 0)), Milliseconds(1'000));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(0, 1, 2));
  EXPECT_EQ(Exchange(absl::UnavailableError("away again")), Milliseconds(200));
  EXPECT_THAT(puppet_.started(), SizeIs(1));
}

TEST_F(AgentTest, RefusalsForGoodEndTheAgent) {
  for (const absl::Status& refusal : {absl::FailedPreconditionError("foreign folder"),
                                      absl::UnimplementedError("no such call")}) {
    link_.Next(refusal);
    EXPECT_EQ(agent_->RunOnce().status(), refusal);
  }
  // What a program answers to with the exit status of refused options.
  link_.Next(absl::InvalidArgumentError("malformed"));
  const absl::Status malformed = agent_->RunOnce().status();
  EXPECT_EQ(malformed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(malformed.message()), testing::HasSubstr("malformed"));
}

TEST_F(AgentTest, NewsWakeTheLoopAtOnce) {
  SyncResponse leased = Leased(7);
  leased.next_call = Milliseconds(60'000);
  link_.Next(leased);
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  puppet_.listener().OnEpoch(Epoch(0));
  EXPECT_TRUE(link_.WaitFor([](const SyncRequest& r) { return EpochsOf(r).size() == 1; }));
  link_.Next(NoLease());
  puppet_.End(Weights("a"));
  EXPECT_TRUE(link_.WaitFor([](const SyncRequest& r) {
    return !r.reports.empty() && r.reports[0].state == ReportState::kSucceeded;
  }));
  stop.request_stop();
}

TEST_F(AgentTest, ShutdownHandsBackWithTheLastCheckpoint) {
  link_.Next(Leased(7));
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  puppet_.listener().OnCheckpoint({"c", 1}, 1);
  EXPECT_TRUE(link_.WaitFor(
      [](const SyncRequest& r) { return !r.reports.empty() && r.reports[0].checkpoint; }));
  link_.Next(Leased(7));  // perhaps taken by a call that still runs
  stop.request_stop();
  EXPECT_TRUE(link_.WaitFor([](const SyncRequest& r) { return !r.accepts_work; }));
  link_.Next(NoLease());
  loop.join();
  const TaskReport report = link_.last().reports.at(0);
  EXPECT_EQ(report.state, ReportState::kHandedBack);
  EXPECT_EQ(report.checkpoint.sha256, "c");
  EXPECT_TRUE(agent_->TrainerReturned());
}

TEST_F(AgentTest, ShutdownHandsBackALeaseWhoseAnswerWasLost) {
  link_.Next(Leased(9));
  EXPECT_FALSE(agent_->HandBackOnce(Milliseconds(1'000)));
  link_.Next(NoLease());
  EXPECT_TRUE(agent_->HandBackOnce(Milliseconds(1'000)));
  ASSERT_THAT(link_.last().reports, SizeIs(1));
  EXPECT_EQ(link_.last().reports[0].task, TaskId{9});
  EXPECT_EQ(link_.last().reports[0].state, ReportState::kHandedBack);
  EXPECT_THAT(puppet_.started(), IsEmpty());
}

TEST_F(AgentTest, ATaskThatEndsDuringTheShutdownIsReportedAsEnded) {
  Exchange(Leased(7));
  End(Weights("a"));
  link_.Next(NoLease());
  EXPECT_TRUE(agent_->HandBackOnce(Milliseconds(1'000)));
  EXPECT_EQ(link_.last().reports.at(0).state, ReportState::kSucceeded);
}

TEST_F(AgentTest, ShutdownEndsInTimeWhetherOrNotAnybodyAnswersOrStops) {
  Exchange(Leased(7));
  puppet_.listener();
  puppet_.IgnoreStop(true);
  link_.Next(absl::UnavailableError("away"));
  std::stop_source stop;
  stop.request_stop();
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(agent_->Run(stop.get_token()).ok());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, Milliseconds(3'000));
  EXPECT_FALSE(agent_->TrainerReturned());
}

TEST_F(AgentTest, AStopCancelsACallThatHangs) {
  link_.Hang(true);
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  EXPECT_TRUE(link_.WaitFor([](const SyncRequest&) { return true; }));
  link_.Hang(false);
  stop.request_stop();
  loop.join();
  EXPECT_FALSE(link_.last().accepts_work);
}

// ---------------------------------------------------------------------------------------------
// Images.

TEST_F(AgentTest, OpensWhatIsAskedForInThatOrderAndSaysAtOnceWhatItFound) {
  puppet_.SetProblem("b", "b/test.bin: found 10 bytes");
  Exchange(Asks({"a", "b"}));
  EXPECT_THAT(DataOf(link_.last()), IsEmpty());
  EXPECT_TRUE(agent_->WaitForNews(kPatience));
  Exchange(Asks({"a", "b"}));
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a: d-a"));
  EXPECT_EQ(link_.last().worker.data[0].request, Images("a"));
  EXPECT_EQ(link_.last().worker.data[0].split_hash, "s");
  EXPECT_TRUE(agent_->WaitForNews(kPatience));
  // It goes on saying what is no longer asked for.
  Exchange(NoLease());
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a: d-a", "b! b/test.bin: found 10 bytes"));
  EXPECT_TRUE(link_.last().worker.problem.empty());
  EXPECT_THAT(puppet_.opened(), ElementsAre("a", "b"));
}

TEST_F(AgentTest, WhatCannotBeOpenedIsOpenedAgainAfterPausesUntilItCan) {
  puppet_.SetProblem("a", "a is missing");
  SyncResponse asks = Asks({"a", "b"});
  asks.next_call = Milliseconds(60'000);
  link_.Next(asks);
  link_.Next(asks);           // what came of a is told
  asks.open = {Images("a")};  // what came of b is told
  link_.Next(asks);
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  // While the coordinator is not called: the loop wakes for what is due.
  EXPECT_TRUE(puppet_.WaitUntilOpened(5));
  puppet_.SetProblem("a", "");
  EXPECT_TRUE(link_.WaitFor([](const SyncRequest& request) {
    return !request.worker.data.empty() && request.worker.data.back().data_hash == "d-a";
  }));
  stop.request_stop();
  loop.join();
  const std::vector<std::string> opened = puppet_.opened();
  EXPECT_EQ(opened[0], "a");
  EXPECT_EQ(opened[1], "b") << "what is not known comes before what was in vain";
  EXPECT_EQ(std::ranges::count(opened, "b"), 1) << "what can be used is not opened again";
}

// The coordinator goes by another copy; this one may be mended meanwhile.
TEST_F(AgentTest, ImagesThatAreAskedForThoughTheyAreOpenAreOpenedAgainAfterPauses) {
  SyncResponse asks = Asks({"a"});
  asks.next_call = Milliseconds(60'000);
  for (int i = 0; i < 20; ++i) link_.Next(asks);
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  EXPECT_TRUE(puppet_.WaitUntilOpened(4));
  stop.request_stop();
  loop.join();
}

TEST_F(AgentTest, OpensNothingWhileATaskRuns) {
  Exchange(LeasedOn(7, "a"));
  puppet_.listener();
  SyncResponse both = LeasedOn(7, "a");
  both.open = {Images("b")};
  Exchange(both);
  EXPECT_FALSE(agent_->TrainerReturned());
  EXPECT_THAT(puppet_.opened(), IsEmpty());
  puppet_.End(Weights("w"));
  while (!agent_->TrainerReturned()) agent_->WaitForNews(Milliseconds(100));
  Exchange(Asks({"b"}));
  EXPECT_TRUE(puppet_.WaitUntilOpened(1));
}

TEST_F(AgentTest, ALeaseStopsTheOpeningOfOtherImages) {
  puppet_.HoldOpening(true);
  Exchange(Asks({"b"}));
  EXPECT_TRUE(puppet_.WaitUntilOpened(1));
  Exchange(LeasedOn(7, "a"));
  while (!agent_->TrainerReturned()) agent_->WaitForNews(Milliseconds(100));
  Exchange(LeasedOn(7, "a"));
  puppet_.listener();
  EXPECT_THAT(puppet_.started(), ElementsAre(TaskId{7}));
  EXPECT_THAT(DataOf(link_.last()), IsEmpty()) << "an opening that was stopped has found nothing";
}

TEST_F(AgentTest, ALeaseWaitsForTheOpeningOfItsImages) {
  puppet_.HoldOpening(true);
  Exchange(Asks({"a"}));
  EXPECT_TRUE(puppet_.WaitUntilOpened(1));
  Exchange(LeasedOn(7, "a"));
  Exchange(LeasedOn(7, "a"));
  EXPECT_THAT(puppet_.started(), IsEmpty());
  puppet_.HoldOpening(false);
  while (!agent_->TrainerReturned()) agent_->WaitForNews(Milliseconds(100));
  Exchange(LeasedOn(7, "a"));
  puppet_.listener();
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a: d-a"));
  EXPECT_THAT(puppet_.opened(), ElementsAre("a"));
}

TEST_F(AgentTest, AStopEndsAnOpening) {
  puppet_.HoldOpening(true);
  link_.Next(Asks({"a"}));
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  EXPECT_TRUE(puppet_.WaitUntilOpened(1));
  stop.request_stop();
  loop.join();
  EXPECT_TRUE(agent_->TrainerReturned());
}

TEST_F(AgentTest, ForgetsTheOldestOfTooManyImages) {
  for (size_t i = 0; i <= kMostDataStates; ++i) {
    const std::string set = "set" + std::to_string(i);
    ASSERT_TRUE(ExchangeUntil(Asks({set}), [&](const SyncRequest& request) {
      return !request.worker.data.empty() && request.worker.data.back().request.data.set == set;
    }));
  }
  ASSERT_THAT(link_.last().worker.data, SizeIs(kMostDataStates));
  EXPECT_EQ(link_.last().worker.data.front().request.data.set, "set1");
}

TEST_F(AgentTest, ATaskThatCouldNotUseItsImagesTakesBackThatTheyAreOpen) {
  Exchange(Asks({"a"}));
  EXPECT_TRUE(agent_->WaitForNews(kPatience));
  Exchange(LeasedOn(7, "a"));
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a: d-a"));
  End(Failed(FailureKind::kData, "a/1.png is broken"));
  puppet_.SetProblem("a", "a/1.png is broken");
  Exchange(Asks({"a"}));
  // Together with the report: between the two the coordinator would give the next one.
  EXPECT_EQ(link_.last().reports.at(0).failure->kind, FailureKind::kData);
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a! a/1.png is broken"));
  puppet_.SetProblem("a", "");
  EXPECT_TRUE(ExchangeUntil(Asks({"a"}), [](const SyncRequest& request) {
    return DataOf(request) == std::vector<std::string>{"a: d-a"};
  }));
  EXPECT_TRUE(link_.last().worker.problem.empty());
}

TEST_F(AgentTest, PausesGoOnGrowingWhereOpeningWorksAndTasksFailAllTheSame) {
  options_.longest_pause = Milliseconds(3'600'000);
  MakeAgain();
  const auto is_open = [](const SyncRequest& request) {
    return DataOf(request) == std::vector<std::string>{"a: d-a"};
  };
  const auto fails = [&](int64_t task) {
    Play(LeasedOn(task, "a"), Failed(FailureKind::kData));
    EXPECT_TRUE(ExchangeUntil(Asks({"a"}), is_open));
  };
  EXPECT_TRUE(ExchangeUntil(Asks({"a"}), is_open));
  for (int64_t task = 1; task <= 5; ++task) fails(task);
  const auto begin = std::chrono::steady_clock::now();
  fails(6);  // 32 ms
  EXPECT_GE(std::chrono::steady_clock::now() - begin, Milliseconds(32));
}

// ---------------------------------------------------------------------------------------------
// The artifact folder.

TEST_F(AgentTest, TakesNoTaskUntilTheArtifactFolderWorksAgain) {
  storage_.Set(absl::InternalError("still full"));
  Exchange(Leased(7));
  TaskOutcome full = Failed(FailureKind::kStorage, "no space left");
  full.unstored_bytes = 5 << 20;
  End(full);
  Exchange(NoLease());
  EXPECT_EQ(link_.last().reports.at(0).failure->kind, FailureKind::kStorage);
  EXPECT_EQ(link_.last().worker.problem, "no space left");
  EXPECT_TRUE(link_.last().accepts_work) << "it is only a pause";
  EXPECT_TRUE(ExchangeUntil(NoLease(), [](const SyncRequest& request) {
    return request.worker.problem == "still full";
  }));
  EXPECT_THAT(storage_.checks(), testing::Each(5 << 20)) << "as large as what did not fit";
  storage_.Set(absl::OkStatus());
  EXPECT_TRUE(ExchangeUntil(
      NoLease(), [](const SyncRequest& request) { return request.worker.problem.empty(); }));
  const size_t checks = storage_.checks().size();
  Exchange(NoLease());
  EXPECT_TRUE(agent_->TrainerReturned());
  EXPECT_EQ(storage_.checks().size(), checks) << "what works is not tried";
}

TEST_F(AgentTest, AFileThatCouldNotBeReadIsTriedWithASmallOne) {
  Exchange(Leased(7));
  TaskOutcome unreadable = Failed(FailureKind::kStorage);
  unreadable.failure->artifact = {"a", int64_t{1} << 40};
  End(unreadable);
  EXPECT_TRUE(ExchangeUntil(
      NoLease(), [](const SyncRequest& request) { return request.worker.problem.empty(); }));
  EXPECT_THAT(storage_.checks(), ElementsAre(64 << 10));
}

TEST_F(AgentTest, PausesGoOnGrowingUntilATaskHasStoredSomething) {
  options_.longest_pause = Milliseconds(3'600'000);
  MakeAgain();
  const auto fails = [&](int64_t task) {
    Play(Leased(task), Failed(FailureKind::kStorage));
    EXPECT_TRUE(ExchangeUntil(
        NoLease(), [](const SyncRequest& request) { return request.worker.problem.empty(); }));
  };
  for (int64_t task = 1; task <= 5; ++task) fails(task);
  const auto begin = std::chrono::steady_clock::now();
  fails(6);  // 32 ms
  EXPECT_GE(std::chrono::steady_clock::now() - begin, Milliseconds(32));
}

TEST_F(AgentTest, WhatIsStoredWhileTheFolderIsAwayIsNotStored) {
  storage_.Set(absl::NotFoundError("there is no marker"));
  Exchange(Leased(7));
  End(Weights("w"));
  Exchange(NoLease());
  const TaskReport report = link_.last().reports.at(0);
  EXPECT_EQ(report.state, ReportState::kFailed);
  EXPECT_EQ(report.failure->kind, FailureKind::kStorage);
  EXPECT_FALSE(report.weights);
  EXPECT_EQ(link_.last().worker.problem, "there is no marker");
}

// ---------------------------------------------------------------------------------------------
// Failures in a row, and a recipe that is misread.

TEST_F(AgentTest, EndsWhenThreeTasksInARowHaveFailed) {
  Play(Leased(1), Failed(FailureKind::kTransient, "first"));
  Play(Leased(2), Failed(FailureKind::kTransient, "second"));
  EXPECT_TRUE(link_.last().worker.problem.empty());
  link_.Next(Leased(3));
  std::stop_source stop;
  absl::Status end;
  std::jthread loop([&] { end = agent_->Run(stop.get_token()); });
  puppet_.listener();
  link_.Next(NoLease());
  puppet_.End(Failed(FailureKind::kTransient, "out of memory"));
  loop.join();
  EXPECT_EQ(end.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(end.message()),
              HasSubstr("3 tasks in a row failed here; the last: task 3"));
  EXPECT_THAT(std::string(end.message()), HasSubstr("out of memory"));
  // From the call on that carries the third.
  for (const SyncRequest& request : link_.requests()) {
    const bool third = !request.reports.empty() && request.reports[0].task == TaskId{3} &&
                       request.reports[0].state == ReportState::kFailed;
    if (third) {
      EXPECT_EQ(request.worker.problem, std::string(end.message()));
    }
    EXPECT_EQ(request.accepts_work, request.worker.problem.empty());
  }
  EXPECT_TRUE(link_.WaitFor([](const SyncRequest& request) {
    return !request.accepts_work && !request.reports.empty() && request.reports[0].failure;
  }));
}

TEST_F(AgentTest, EndsInTimeWhereTheCoordinatorDoesNotTakeTheLastReport) {
  options_.most_failures = 1;
  MakeAgain();
  link_.Next(Leased(1));
  link_.Next(absl::UnavailableError("away"));
  absl::Status end;
  std::jthread loop([&] { end = agent_->Run({}); });
  const auto begin = std::chrono::steady_clock::now();
  puppet_.End(Failed(FailureKind::kTransient));
  loop.join();
  EXPECT_EQ(end.code(), absl::StatusCode::kAborted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience / 2);
  EXPECT_EQ(link_.last().reports.at(0).failure->kind, FailureKind::kTransient);
}

TEST_F(AgentTest, OnlySuccessesEndARowAndOnlyWhatNobodyElseExplainsCounts) {
  Play(Leased(1), Failed(FailureKind::kTransient));
  Play(Leased(2), Failed(FailureKind::kTransient));
  Play(Leased(3), Weights("w"));
  Play(Leased(4), Failed(FailureKind::kTransient));
  Play(Leased(5), Failed(FailureKind::kTransient));
  int64_t task = 6;
  for (const FailureKind kind : {FailureKind::kRefused, FailureKind::kDiverged,
                                 FailureKind::kInfeasible, FailureKind::kArtifact}) {
    Play(Leased(task++), Failed(kind));
    EXPECT_TRUE(link_.last().worker.problem.empty()) << FailureKindName(kind);
  }
  Play(Leased(task++), Failed(FailureKind::kData));
  Play(Leased(task++), Failed(FailureKind::kStorage));
  EXPECT_TRUE(link_.last().accepts_work);
  EXPECT_TRUE(ExchangeUntil(
      NoLease(), [](const SyncRequest& request) { return request.worker.problem.empty(); }));
  // A trainer that stops without having been asked to counts like one that failed.
  Play(Leased(task), {.stopped = true, .weights = {}, .result = {}, .failure = {}});
  EXPECT_FALSE(link_.last().accepts_work);
  EXPECT_THAT(link_.last().worker.problem, HasSubstr("without being asked"));
}

TEST_F(AgentTest, HandsBackARecipeThatItMisreadsAndEnds) {
  options_.worker.build_commit = "c0ffee";
  MakeAgain();
  SyncResponse misread = Leased(7);
  misread.leases[0].description.recipe = "theirs";
  misread.leases[0].description.recipe_understood = "ours";
  link_.Next(misread);
  link_.Next(NoLease());
  const absl::Status end = agent_->Run({});
  EXPECT_EQ(end.code(), absl::StatusCode::kFailedPrecondition);
  for (const char* part : {"theirs", "ours", "c0ffee", "protocol 1", "behaviour 1"}) {
    EXPECT_THAT(std::string(end.message()), HasSubstr(part));
  }
  EXPECT_THAT(puppet_.started(), IsEmpty());
  EXPECT_EQ(link_.last().reports.at(0).state, ReportState::kHandedBack) << "costs no attempt";
  EXPECT_FALSE(link_.last().accepts_work);
  EXPECT_EQ(link_.last().worker.problem, std::string(end.message()));
}

TEST_F(AgentTest, ARecipeThatOneSideDoesNotStateIsTaken) {
  SyncResponse same = Leased(7);
  same.leases[0].description.recipe = "same";
  same.leases[0].description.recipe_understood = "same";
  Play(same, Weights("w"));
  SyncResponse unstated = Leased(8);
  unstated.leases[0].description.recipe_understood = "ours";
  Play(unstated, Weights("w"));
  EXPECT_THAT(puppet_.started(), ElementsAre(TaskId{7}, TaskId{8}));
}

}  // namespace
}  // namespace reluscape
