#include "worker/agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "search/vocabulary/messages.h"
#include "worker/agent_test_util.h"

namespace reluscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(AgentTest, SaysWhoItIsAndAsksForWork) {
  EXPECT_EQ(Exchange(NoLease()), Milliseconds(1'000));
  const v1::SynchronizeRequest request = link_.last();
  EXPECT_EQ(request.worker().id(), "w");
  EXPECT_EQ(request.worker().device(), "puppet");
  EXPECT_THAT(request.worker().data_sets(), ElementsAre("synthetic"));
  EXPECT_EQ(request.artifact_folder_id(), "folder");
  EXPECT_TRUE(request.accepts_work());
  EXPECT_THAT(request.reports(), IsEmpty());
}

TEST_F(AgentTest, StartsALeaseOnceHoweverOftenItIsAnswered) {
  Exchange(Leased(7));
  Exchange(Leased(7));
  puppet_.listener();
  Exchange(Leased(7));
  EXPECT_THAT(puppet_.started(), ElementsAre(TaskId{7}));
  ASSERT_THAT(link_.last().reports(), SizeIs(1));
  EXPECT_EQ(link_.last().reports(0).task(), 7);
  EXPECT_EQ(link_.last().reports(0).attempt(), 1);
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::RUNNING);
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
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::RUNNING);
  EXPECT_EQ(Exchange(Leased(7, 6)), Milliseconds(0));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(3, 4, 5));
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::RUNNING);
  Exchange(NoLease());
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(6));
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::SUCCEEDED);
}

TEST_F(AgentTest, ACheckpointGoesWithTheLastOfItsEpochs) {
  Exchange(Leased(7));
  TaskListener& listener = puppet_.listener();
  listener.OnCheckpoint(MakeArtifact("old", 1), 1);
  for (int64_t epoch = 0; epoch < 5; ++epoch) listener.OnEpoch(Epoch(epoch));
  listener.OnCheckpoint(MakeArtifact("new", 1), 2);
  listener.OnEpoch(Epoch(5));
  EXPECT_EQ(Exchange(Leased(7, 3)), Milliseconds(0));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(0, 1, 2));
  EXPECT_FALSE(IsSet(link_.last().reports(0).checkpoint()))
      << "its epochs 3 and 4 would be dropped";
  EXPECT_EQ(Exchange(Leased(7, 5)), Milliseconds(0));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(3, 4));
  EXPECT_EQ(link_.last().reports(0).checkpoint().sha256(), "new");
  Exchange(Leased(7, 6));
  EXPECT_THAT(EpochsOf(link_.last()), ElementsAre(5));
  EXPECT_EQ(link_.last().reports(0).checkpoint().sha256(), "new");
}

TEST_F(AgentTest, ReportsEverythingThatATaskLeaves) {
  Exchange(Leased(7));
  TaskListener& listener = puppet_.listener();
  v1::Provenance provenance;
  provenance.set_device("puppet");
  listener.OnProvenance(provenance, /*epochs_planned=*/20);
  listener.OnCheckpoint(MakeArtifact("old", 1), 1.5);
  listener.OnCheckpoint(MakeArtifact("new", 2), 2.5);
  v1::Snapshot first;
  first.set_budget(200);
  *first.mutable_artifact() = MakeArtifact("s1", 3);
  v1::Snapshot second;
  second.set_budget(100);
  *second.mutable_artifact() = MakeArtifact("s2", 3);
  listener.OnSnapshot(first);
  listener.OnSnapshot(second);
  Exchange(Leased(7));
  const v1::TaskReport report = link_.last().reports(0);
  EXPECT_EQ(report.provenance(), provenance);
  EXPECT_EQ(report.epochs_planned(), 20);
  EXPECT_EQ(report.checkpoint().sha256(), "new");
  EXPECT_EQ(report.device_seconds(), 2.5);
  EXPECT_THAT(report.snapshots(), ElementsAre(first, second));
  Exchange(Leased(7));
  EXPECT_THAT(link_.last().reports(0).snapshots(), ElementsAre(first, second));
}

TEST_F(AgentTest, SendsASuccessAgainUntilTheLeaseIsGoneThenAsksForWorkAtOnce) {
  Exchange(Leased(7));
  TaskOutcome outcome;
  outcome.result.emplace();
  outcome.result->set_budget(100);
  outcome.device_seconds = 3;
  End(outcome);
  Exchange(absl::UnavailableError("lost"));
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::SUCCEEDED);
  EXPECT_EQ(Exchange(Leased(7)), Milliseconds(1'000));
  EXPECT_EQ(link_.last().reports(0).result(), outcome.result);
  EXPECT_EQ(link_.last().reports(0).device_seconds(), 3);
  EXPECT_EQ(Exchange(NoLease()), Milliseconds(0));
  EXPECT_EQ(Exchange(Leased(8)), Milliseconds(1'000));
  EXPECT_THAT(link_.last().reports(), IsEmpty());
  puppet_.listener();
  EXPECT_THAT(puppet_.started(), ElementsAre(TaskId{7}, TaskId{8}));
}

TEST_F(AgentTest, AFailurePassesThrough) {
  Exchange(Leased(7));
  TaskOutcome outcome;
  outcome.failure = MakeFailure(v1::Failure::INFEASIBLE, "ended above the budget", 9);
  End(outcome);
  Exchange(NoLease());
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::FAILED);
  EXPECT_EQ(link_.last().reports(0).failure(), outcome.failure);
}

TEST_F(AgentTest, AnEpochWithANumberThatIsNotFiniteFailsTheTask) {
  Exchange(Leased(7));
  v1::Epoch epoch = Epoch(4);
  epoch.set_loss(std::numeric_limits<double>::quiet_NaN());
  puppet_.listener().OnEpoch(epoch);
  EXPECT_TRUE(puppet_.WaitUntilIdle());
  while (!agent_->TrainerReturned()) agent_->WaitForNews(Milliseconds(100));
  Exchange(NoLease());
  EXPECT_THAT(EpochsOf(link_.last()), IsEmpty());
  ASSERT_TRUE(link_.last().reports(0).has_failure());
  EXPECT_EQ(link_.last().reports(0).failure().kind(), v1::Failure::DIVERGED);
  EXPECT_EQ(link_.last().reports(0).failure().epoch(), 4);
}

TEST_F(AgentTest, ALeaseThatIsMissingStopsTheTrainerAndDropsItsWork) {
  Exchange(Leased(7));
  puppet_.listener().OnEpoch(Epoch(0));
  Exchange(NoLease());
  EXPECT_TRUE(puppet_.WaitUntilIdle());
  Exchange(NoLease());
  EXPECT_THAT(link_.last().reports(), IsEmpty());
}

TEST_F(AgentTest, ANewAttemptOfTheSameTaskReplacesTheOldOne) {
  Exchange(Leased(7, 0, /*attempt=*/1));
  puppet_.listener().OnEpoch(Epoch(0));
  Exchange(Leased(7, 0, /*attempt=*/2));
  while (!agent_->TrainerReturned()) agent_->WaitForNews(Milliseconds(100));
  Exchange(Leased(7, 0, /*attempt=*/2));
  ASSERT_THAT(link_.last().reports(), SizeIs(1));
  EXPECT_EQ(link_.last().reports(0).attempt(), 2);
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
  v1::SynchronizeResponse leased = Leased(7);
  leased.set_next_call_ms(60'000);
  link_.Next(leased);
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  puppet_.listener().OnEpoch(Epoch(0));
  EXPECT_TRUE(
      link_.WaitFor([](const v1::SynchronizeRequest& r) { return EpochsOf(r).size() == 1; }));
  link_.Next(NoLease());
  puppet_.End(Weights("a"));
  EXPECT_TRUE(link_.WaitFor([](const v1::SynchronizeRequest& r) {
    return !r.reports().empty() && r.reports(0).state() == v1::TaskReport::SUCCEEDED;
  }));
  stop.request_stop();
}

TEST_F(AgentTest, ShutdownHandsBackWithTheLastCheckpoint) {
  link_.Next(Leased(7));
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  puppet_.listener().OnCheckpoint(MakeArtifact("c", 1), 1);
  EXPECT_TRUE(link_.WaitFor([](const v1::SynchronizeRequest& r) {
    return !r.reports().empty() && IsSet(r.reports(0).checkpoint());
  }));
  link_.Next(Leased(7));  // perhaps taken by a call that still runs
  stop.request_stop();
  EXPECT_TRUE(link_.WaitFor([](const v1::SynchronizeRequest& r) { return !r.accepts_work(); }));
  link_.Next(NoLease());
  loop.join();
  const v1::TaskReport report = link_.last().reports(0);
  EXPECT_EQ(report.state(), v1::TaskReport::HANDED_BACK);
  EXPECT_EQ(report.checkpoint().sha256(), "c");
  EXPECT_TRUE(agent_->TrainerReturned());
}

TEST_F(AgentTest, ShutdownHandsBackALeaseWhoseAnswerWasLost) {
  link_.Next(Leased(9));
  EXPECT_FALSE(agent_->HandBackOnce(Milliseconds(1'000)));
  link_.Next(NoLease());
  EXPECT_TRUE(agent_->HandBackOnce(Milliseconds(1'000)));
  ASSERT_THAT(link_.last().reports(), SizeIs(1));
  EXPECT_EQ(link_.last().reports(0).task(), 9);
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::HANDED_BACK);
  EXPECT_THAT(puppet_.started(), IsEmpty());
}

TEST_F(AgentTest, ATaskThatEndsDuringTheShutdownIsReportedAsEnded) {
  Exchange(Leased(7));
  End(Weights("a"));
  link_.Next(NoLease());
  EXPECT_TRUE(agent_->HandBackOnce(Milliseconds(1'000)));
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::SUCCEEDED);
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
  EXPECT_TRUE(link_.WaitFor([](const v1::SynchronizeRequest&) { return true; }));
  link_.Hang(false);
  stop.request_stop();
  loop.join();
  EXPECT_FALSE(link_.last().accepts_work());
}

TEST_F(AgentTest, AFailureOfAnyLengthAndEncodingCanBeReported) {
  Exchange(Leased(7));
  End(Failed(v1::Failure::REFUSED, "cannot read \xe9.png " + std::string(20'000, 'x')));
  Exchange(Leased(7));
  v1::SynchronizeRequest parsed;
  ASSERT_TRUE(parsed.ParseFromString(link_.last().SerializeAsString()));
  const std::string& message = parsed.reports(0).failure().message();
  EXPECT_EQ(message.substr(0, 20), "cannot read ?.png xx");
  EXPECT_LE(message.size(), 10'000u);
}

}  // namespace
}  // namespace reluscape
