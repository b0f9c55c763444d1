// What an agent says of itself, and when it takes no Task: images, the artifact folder, failures in
// a row, recipes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "worker/agent_test_util.h"

namespace reluscape {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// ---------------------------------------------------------------------------------------------
// Images.

TEST_F(AgentTest, OpensWhatIsAskedForInThatOrderAndSaysAtOnceWhatItFound) {
  puppet_.SetProblem("b", "b/test.bin: found 10 bytes");
  Exchange(Asks({"a", "b"}));
  EXPECT_THAT(DataOf(link_.last()), IsEmpty());
  EXPECT_TRUE(agent_->WaitForNews(kPatience));
  Exchange(Asks({"a", "b"}));
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a: d-a"));
  EXPECT_EQ(link_.last().worker().data(0).request(), Images("a"));
  EXPECT_EQ(link_.last().worker().data(0).split_hash(), "s");
  EXPECT_TRUE(agent_->WaitForNews(kPatience));
  // It goes on saying what is no longer asked for.
  Exchange(NoLease());
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a: d-a", "b! b/test.bin: found 10 bytes"));
  EXPECT_TRUE(link_.last().worker().problem().empty());
  EXPECT_THAT(puppet_.opened(), ElementsAre("a", "b"));
}

TEST_F(AgentTest, WhatCannotBeOpenedIsOpenedAgainAfterPausesUntilItCan) {
  puppet_.SetProblem("a", "a is missing");
  v1::SynchronizeResponse asks = Asks({"a", "b"});
  asks.set_next_call_ms(60'000);
  link_.Next(asks);
  link_.Next(asks);  // what came of a is told
  asks.clear_open();
  *asks.add_open() = Images("a");  // what came of b is told
  link_.Next(asks);
  std::stop_source stop;
  std::jthread loop([&] { EXPECT_TRUE(agent_->Run(stop.get_token()).ok()); });
  // While the coordinator is not called: the loop wakes for what is due.
  EXPECT_TRUE(puppet_.WaitUntilOpened(5));
  puppet_.SetProblem("a", "");
  EXPECT_TRUE(link_.WaitFor([](const v1::SynchronizeRequest& request) {
    return !request.worker().data().empty() &&
           request.worker().data().rbegin()->data_hash() == "d-a";
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
  v1::SynchronizeResponse asks = Asks({"a"});
  asks.set_next_call_ms(60'000);
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
  v1::SynchronizeResponse both = LeasedOn(7, "a");
  both.clear_open();
  *both.add_open() = Images("b");
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
    ASSERT_TRUE(ExchangeUntil(Asks({set}), [&](const v1::SynchronizeRequest& request) {
      return !request.worker().data().empty() &&
             request.worker().data().rbegin()->request().data().set() == set;
    }));
  }
  ASSERT_THAT(link_.last().worker().data(), SizeIs(kMostDataStates));
  EXPECT_EQ(link_.last().worker().data(0).request().data().set(), "set1");
}

TEST_F(AgentTest, ATaskThatCouldNotUseItsImagesTakesBackThatTheyAreOpen) {
  Exchange(Asks({"a"}));
  EXPECT_TRUE(agent_->WaitForNews(kPatience));
  Exchange(LeasedOn(7, "a"));
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a: d-a"));
  End(Failed(v1::Failure::DATA, "a/1.png is broken"));
  puppet_.SetProblem("a", "a/1.png is broken");
  Exchange(Asks({"a"}));
  // Together with the report: between the two the coordinator would give the next one.
  EXPECT_EQ(link_.last().reports(0).failure().kind(), v1::Failure::DATA);
  EXPECT_THAT(DataOf(link_.last()), ElementsAre("a! a/1.png is broken"));
  puppet_.SetProblem("a", "");
  EXPECT_TRUE(ExchangeUntil(Asks({"a"}), [](const v1::SynchronizeRequest& request) {
    return DataOf(request) == std::vector<std::string>{"a: d-a"};
  }));
  EXPECT_TRUE(link_.last().worker().problem().empty());
}

TEST_F(AgentTest, PausesGoOnGrowingWhereOpeningWorksAndTasksFailAllTheSame) {
  options_.longest_pause = Milliseconds(3'600'000);
  MakeAgain();
  const auto is_open = [](const v1::SynchronizeRequest& request) {
    return DataOf(request) == std::vector<std::string>{"a: d-a"};
  };
  const auto fails = [&](int64_t task) {
    Play(LeasedOn(task, "a"), Failed(v1::Failure::DATA));
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
  TaskOutcome full = Failed(v1::Failure::STORAGE, "no space left");
  full.unstored_bytes = 5 << 20;
  End(full);
  Exchange(NoLease());
  EXPECT_EQ(link_.last().reports(0).failure().kind(), v1::Failure::STORAGE);
  EXPECT_EQ(link_.last().worker().problem(), "no space left");
  EXPECT_TRUE(link_.last().accepts_work()) << "it is only a pause";
  EXPECT_TRUE(ExchangeUntil(NoLease(), [](const v1::SynchronizeRequest& request) {
    return request.worker().problem() == "still full";
  }));
  EXPECT_THAT(storage_.checks(), testing::Each(5 << 20)) << "as large as what did not fit";
  storage_.Set(absl::OkStatus());
  EXPECT_TRUE(ExchangeUntil(NoLease(), [](const v1::SynchronizeRequest& request) {
    return request.worker().problem().empty();
  }));
  const size_t checks = storage_.checks().size();
  Exchange(NoLease());
  EXPECT_TRUE(agent_->TrainerReturned());
  EXPECT_EQ(storage_.checks().size(), checks) << "what works is not tried";
}

TEST_F(AgentTest, AFileThatCouldNotBeReadIsTriedWithASmallOne) {
  Exchange(Leased(7));
  TaskOutcome unreadable = Failed(v1::Failure::STORAGE);
  unreadable.failure->mutable_artifact()->CopyFrom(MakeArtifact("a", int64_t{1} << 40));
  End(unreadable);
  EXPECT_TRUE(ExchangeUntil(NoLease(), [](const v1::SynchronizeRequest& request) {
    return request.worker().problem().empty();
  }));
  EXPECT_THAT(storage_.checks(), ElementsAre(64 << 10));
}

TEST_F(AgentTest, PausesGoOnGrowingUntilATaskHasStoredSomething) {
  options_.longest_pause = Milliseconds(3'600'000);
  MakeAgain();
  const auto fails = [&](int64_t task) {
    Play(Leased(task), Failed(v1::Failure::STORAGE));
    EXPECT_TRUE(ExchangeUntil(NoLease(), [](const v1::SynchronizeRequest& request) {
      return request.worker().problem().empty();
    }));
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
  const v1::TaskReport report = link_.last().reports(0);
  EXPECT_EQ(report.state(), v1::TaskReport::FAILED);
  EXPECT_EQ(report.failure().kind(), v1::Failure::STORAGE);
  EXPECT_FALSE(IsSet(report.weights()));
  EXPECT_EQ(link_.last().worker().problem(), "there is no marker");
}

// ---------------------------------------------------------------------------------------------
// Failures in a row, and a recipe that is misread.

TEST_F(AgentTest, EndsWhenThreeTasksInARowHaveFailed) {
  Play(Leased(1), Failed(v1::Failure::TRANSIENT, "first"));
  Play(Leased(2), Failed(v1::Failure::TRANSIENT, "second"));
  EXPECT_TRUE(link_.last().worker().problem().empty());
  link_.Next(Leased(3));
  std::stop_source stop;
  absl::Status end;
  std::jthread loop([&] { end = agent_->Run(stop.get_token()); });
  puppet_.listener();
  link_.Next(NoLease());
  puppet_.End(Failed(v1::Failure::TRANSIENT, "out of memory"));
  loop.join();
  EXPECT_EQ(end.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(end.message()),
              HasSubstr("3 tasks in a row failed here; the last: task 3"));
  EXPECT_THAT(std::string(end.message()), HasSubstr("out of memory"));
  // From the call on that carries the third.
  for (const v1::SynchronizeRequest& request : link_.requests()) {
    const bool third = !request.reports().empty() && request.reports(0).task() == 3 &&
                       request.reports(0).state() == v1::TaskReport::FAILED;
    if (third) {
      EXPECT_EQ(request.worker().problem(), std::string(end.message()));
    }
    EXPECT_EQ(request.accepts_work(), request.worker().problem().empty());
  }
  EXPECT_TRUE(link_.WaitFor([](const v1::SynchronizeRequest& request) {
    return !request.accepts_work() && !request.reports().empty() &&
           request.reports(0).has_failure();
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
  puppet_.End(Failed(v1::Failure::TRANSIENT));
  loop.join();
  EXPECT_EQ(end.code(), absl::StatusCode::kAborted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kPatience / 2);
  EXPECT_EQ(link_.last().reports(0).failure().kind(), v1::Failure::TRANSIENT);
}

TEST_F(AgentTest, OnlySuccessesEndARowAndOnlyWhatNobodyElseExplainsCounts) {
  Play(Leased(1), Failed(v1::Failure::TRANSIENT));
  Play(Leased(2), Failed(v1::Failure::TRANSIENT));
  Play(Leased(3), Weights("w"));
  Play(Leased(4), Failed(v1::Failure::TRANSIENT));
  Play(Leased(5), Failed(v1::Failure::TRANSIENT));
  int64_t task = 6;
  for (const v1::Failure::Kind kind : {v1::Failure::REFUSED, v1::Failure::DIVERGED,
                                       v1::Failure::INFEASIBLE, v1::Failure::ARTIFACT}) {
    Play(Leased(task++), Failed(kind));
    EXPECT_TRUE(link_.last().worker().problem().empty()) << v1::Failure::Kind_Name(kind);
  }
  Play(Leased(task++), Failed(v1::Failure::DATA));
  Play(Leased(task++), Failed(v1::Failure::STORAGE));
  EXPECT_TRUE(link_.last().accepts_work());
  EXPECT_TRUE(ExchangeUntil(NoLease(), [](const v1::SynchronizeRequest& request) {
    return request.worker().problem().empty();
  }));
  // A trainer that stops without having been asked to counts like one that failed.
  Play(Leased(task), {.stopped = true, .weights = {}, .result = {}, .failure = {}});
  EXPECT_FALSE(link_.last().accepts_work());
  EXPECT_THAT(link_.last().worker().problem(), HasSubstr("without being asked"));
}

TEST_F(AgentTest, HandsBackARecipeThatItMisreadsAndEnds) {
  options_.worker.set_build_commit("c0ffee");
  options_.worker.set_protocol(2);
  options_.worker.set_behaviour(1);
  MakeAgain();
  v1::SynchronizeResponse misread = Leased(7);
  misread.mutable_leases(0)->mutable_description()->set_recipe("theirs");
  const std::string ours = RecipeHash(misread.leases(0).description().settings());
  link_.Next(misread);
  link_.Next(NoLease());
  const absl::Status end = agent_->Run({});
  EXPECT_EQ(end.code(), absl::StatusCode::kFailedPrecondition);
  for (const std::string& part :
       std::vector<std::string>{"theirs", ours, "c0ffee", "protocol 2", "behaviour 1"}) {
    EXPECT_THAT(std::string(end.message()), HasSubstr(part));
  }
  EXPECT_THAT(puppet_.started(), IsEmpty());
  EXPECT_EQ(link_.last().reports(0).state(), v1::TaskReport::HANDED_BACK) << "costs no attempt";
  EXPECT_FALSE(link_.last().accepts_work());
  EXPECT_EQ(link_.last().worker().problem(), std::string(end.message()));
}

TEST_F(AgentTest, ARecipeThatIsTheSameOrNotStatedIsTaken) {
  v1::SynchronizeResponse same = Leased(7);
  v1::TaskDescription& task = *same.mutable_leases(0)->mutable_description();
  task.set_recipe(RecipeHash(task.settings()));
  Play(same, Weights("w"));
  Play(Leased(8), Weights("w"));
  EXPECT_THAT(puppet_.started(), ElementsAre(TaskId{7}, TaskId{8}));
}

}  // namespace
}  // namespace reluscape
