// A Worker is wrong while others are right: its data, its storage, its build, its clock, what it
// reports. The Job ends as if it had not been there, and listings say what was wrong.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "server/coordinator_test_util.h"

namespace reluscape {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class WrongWorkerTest : public CoordinatorTest {
 protected:
  // A Worker that says `state` of the images of the small Job.
  SyncRequest Saying(const std::string& worker, const DataState& state,
                     std::vector<TaskReport> reports = {}) {
    SyncRequest request = Request(worker, std::move(reports));
    request.worker.data = {state};
    return request;
  }
  WorkerView Worker(const std::string& id) {
    const std::vector<WorkerView> workers = reader_->ListWorkers().value();
    for (const WorkerView& worker : workers) {
      if (worker.info.id == id) return worker;
    }
    ADD_FAILURE() << "no worker " << id;
    return {};
  }
  // `worker` does all that it is given, and what waits for a pause, until the Job has ended.
  void FinishAll(const std::string& worker, JobId job) {
    for (int i = 0; i < 100 && Job(job).state == JobState::kRunning; ++i) {
      Finish(worker);
      Pass(Milliseconds(1'000));
    }
    EXPECT_EQ(Job(job).state, JobState::kFinished) << Job(job).message;
    EXPECT_EQ(Job(job).results, 2);
  }
  // Cuts the file short.
  void Damage(const ArtifactRef& artifact) { std::ofstream(artifacts_.PathOf(artifact)) << "x"; }
};

TEST_F(WrongWorkerTest, DataIsOpenedBeforeATaskIsLeasedForIt) {
  const JobId job = Submit();
  SyncRequest request = Request("a");
  request.worker.data.clear();
  const auto answer = coordinator_->Synchronize(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->leases, IsEmpty());
  EXPECT_THAT(answer->open, ElementsAre(Opened(SmallJob()).request));
  EXPECT_THAT(Job(job).message, HasSubstr("worker a: it has not opened data set toy yet"));
  EXPECT_THAT(Sync("a"), SizeIs(1));
  EXPECT_THAT(coordinator_->Synchronize(Request("a"))->open, IsEmpty());
}

TEST_F(WrongWorkerTest, DataThatCannotBeUsedCostsNothing) {
  const JobId job = Submit();
  const DataState bad = Unusable(SmallJob(), "/data/toy: there is no such folder");
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Call(Saying("bad", bad)), IsEmpty());
    Pass(Milliseconds(1'000));
  }
  EXPECT_THAT(Job(job).message, HasSubstr("none of the 1 connected worker can take its tasks"));
  EXPECT_THAT(Job(job).obstacles,
              ElementsAre(AllOf(HasSubstr("worker bad"), HasSubstr("no such folder"))));
  FinishAll("good", job);

  // It may fail once a Task is under way, too.
  const JobId second = Submit();
  const Lease lease = One("bad");
  EXPECT_THAT(Call(Saying("bad", bad, {Failed(lease, FailureKind::kData, bad.problem)})),
              IsEmpty());
  EXPECT_EQ(CountEvents("task.handed_back"), 1);
  EXPECT_EQ(CountEvents("task.retried"), 0);
  FinishAll("good", second);
}

TEST_F(WrongWorkerTest, OneThatHandsBackWithoutSayingWhyLosesTheAttempt) {
  Submit();
  const Lease lease = One("liar");
  Call(Request("liar", {Failed(lease, FailureKind::kData, "no data, it says")}));
  EXPECT_EQ(CountEvents("task.retried"), 1);
}

TEST_F(WrongWorkerTest, AFullDiskCostsNothingAndIsSaid) {
  const JobId job = Submit();
  const Lease lease = One("bad");
  TaskReport report = Failed(lease, FailureKind::kStorage, "No space left on device");
  SyncRequest request = Request("bad", {report});
  request.worker.problem = "artifact folder: No space left on device";
  EXPECT_THAT(Call(request), IsEmpty());
  EXPECT_EQ(CountEvents("task.handed_back"), 1);
  EXPECT_THAT(Job(job).message, HasSubstr("No space left on device"));
  EXPECT_EQ(Worker("bad").info.problem, "artifact folder: No space left on device");
  EXPECT_THAT(Sync("bad"), SizeIs(1)) << "it can again";
}

TEST_F(WrongWorkerTest, CopiesThatDifferWaitForAChoice) {
  const JobId job = Submit();
  // The wrong one is first.
  const Lease first = One("wrong", {});
  const DataState wrong = Opened(SmallJob(), "deadbeef00");
  SyncRequest reports = Saying("wrong", wrong, {Running(first)});
  reports.reports[0].measurement = Measured("deadbeef00");
  reports.reports[0].epochs = {Epoch(0), Epoch(1)};
  reports.reports[0].checkpoint = File("after two epochs of wrong images");
  Call(reports);
  EXPECT_THAT(Sync("right"), IsEmpty());
  EXPECT_EQ(Job(job).data_copies,
            (std::vector<DataCopy>{{"data", {"right"}, 0}, {"deadbeef00", {"wrong"}, 0}}));
  EXPECT_THAT(Job(job).message,
              AllOf(HasSubstr("2 copies of data set toy"), HasSubstr("reluscape data ")));
  // What runs may end; nothing more begins.
  reports.reports[0] = Pretrained(first);
  reports.reports[0].measurement = Measured("deadbeef00");
  EXPECT_THAT(Call(reports), IsEmpty());
  EXPECT_EQ(Job(job).data_copies[1].candidates, 1);

  EXPECT_EQ(coordinator_->ChooseData(job, "cafe").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(coordinator_->ChooseData(job, "deadbee").status().message()),
              HasSubstr("data, deadbeef00"));
  EXPECT_EQ(coordinator_->ChooseData(JobId{99}, "deadbeef").status().code(),
            absl::StatusCode::kNotFound);
  SyncRequest right = Saying("right", Opened(SmallJob(), "0123456789"));
  EXPECT_THAT(Call(right), IsEmpty());
  EXPECT_EQ(coordinator_->ChooseData(job, "01234567").value(), 1);
  EXPECT_EQ(coordinator_->ChooseData(job, "01234567").value(), 0) << "it is chosen already";
  EXPECT_EQ(Job(job).data_hash, "0123456789");
  EXPECT_EQ(Task(first).state, TaskState::kQueued);
  EXPECT_EQ(Task(first).epochs_done, 0);
  EXPECT_EQ(CountEvents("job.data_chosen"), 1);
  EXPECT_THAT(Call(Saying("wrong", wrong)), IsEmpty());
  EXPECT_THAT(Job(job).obstacles,
              ElementsAre(AllOf(HasSubstr("worker wrong"), HasSubstr("deadbeef00"))));

  std::vector<Lease> leases = Call(right);
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].description.data_hash, "0123456789");
  EXPECT_FALSE(leases[0].description.checkpoint);
  while (!leases.empty()) {
    TaskReport report = Done(leases[0]);
    report.measurement = Measured("0123456789");
    leases = Call(Saying("right", Opened(SmallJob(), "0123456789"), {report}));
  }
  EXPECT_EQ(Job(job).state, JobState::kFinished);
  EXPECT_EQ(Job(job).results, 2);
}

TEST_F(WrongWorkerTest, ResultsOfTheOtherCopyAreRemovedAndMadeAgain) {
  const JobId job = Submit();
  FinishAll("a", job);
  Call(Saying("b", Opened(SmallJob(), "0123456789")));
  EXPECT_EQ(coordinator_->ChooseData(job, "0123456789").value(), 1);
  EXPECT_EQ(Job(job).state, JobState::kRunning);
  EXPECT_EQ(Job(job).results, 0);
  EXPECT_THAT(reader_->GetFront(job)->results, IsEmpty());
  EXPECT_THAT(Sync("a"), IsEmpty());
  EXPECT_THAT(Call(Saying("b", Opened(SmallJob(), "0123456789"))), SizeIs(1));
  Tick();
}

TEST_F(WrongWorkerTest, AStatedHashNeedsNobody) {
  JobSpec spec = SmallJob();
  spec.data.hash = "data";
  const JobId job = Submit(spec);
  EXPECT_THAT(Call(Saying("wrong", Opened(SmallJob(), "other"))), IsEmpty());
  FinishAll("right", job);
  EXPECT_EQ(coordinator_->ChooseData(job, "other123").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(WrongWorkerTest, AWorkerThatAlwaysFailsIsQuarantinedUntilItIsStartedAgain) {
  JobSpec spec = SmallJob();
  spec.candidates.replicates = 5;
  Submit(spec);
  Sync("good");  // is there, and busy
  int failures = 0;
  for (int i = 0; i < 60; ++i) {
    const auto answer = coordinator_->Synchronize(Request("bad"));
    if (failures == 3) {
      EXPECT_TRUE(absl::IsAborted(answer.status())) << answer.status();
    } else if (!answer->leases.empty()) {
      ++failures;
      Sync("bad", {Failed(answer->leases[0], FailureKind::kTransient, "CUDA error")});
    }
    Sync("good");
    Pass(Milliseconds(1'000));
  }
  EXPECT_EQ(failures, 3);
  EXPECT_THAT(Worker("bad").quarantine,
              AllOf(HasSubstr("3 tasks in a row"), HasSubstr("CUDA error")));
  EXPECT_EQ(CountEvents("worker.quarantined"), 1);

  SyncRequest again = Request("bad");
  again.worker.incarnation = "second";
  Pass(Milliseconds(5'000));
  EXPECT_THAT(Call(again), SizeIs(1));
  EXPECT_THAT(Worker("bad").quarantine, IsEmpty());
}

TEST_F(WrongWorkerTest, AttemptsAreLostOnDifferentWorkers) {
  const JobId job = Submit();
  Sync("idle");
  SyncRequest other = Request("other");
  Call(other);
  const Lease first = One("idle");
  Sync("idle", {Failed(first, FailureKind::kTransient, "it is hot")});
  Pass(Milliseconds(1'000));
  EXPECT_THAT(Sync("idle"), IsEmpty()) << "another may have more luck";
  const Lease second = One("other");
  EXPECT_EQ(second.description.task, first.description.task);
  EXPECT_EQ(Task(job, Stage::kPretrain).attempt, 2);
}

TEST_F(WrongWorkerTest, ACheckpointThatMovesOnForgivesLostAttempts) {
  const JobId job = Submit();  // two attempts may be lost
  for (int i = 0; i < 5; ++i) {
    const Lease lease = One("a");
    TaskReport report = Running(lease);
    report.epochs = {Epoch(i)};
    report.checkpoint = File(absl::StrCat("checkpoint ", i));
    One("a", {report});
    EXPECT_THAT(Sync("a", {Failed(lease, FailureKind::kTransient, "it is hot")}), IsEmpty());
    // Somebody else's success in between, so that it is no quarantine.
    ASSERT_TRUE(store_
                    ->Transact([](Transaction& t) {
                      WorkerRow worker = t.FindWorker("a").value().value();
                      worker.failures_in_row = 0;
                      return t.PutWorker(worker);
                    })
                    .ok());
    Pass(Milliseconds(1'000));
  }
  FinishAll("a", job);
}

TEST_F(WrongWorkerTest, ForgedIncarnationsCostNothing) {
  const JobId job = Submit();
  const Lease lease = One("a");
  for (int i = 0; i < 3; ++i) {
    SyncRequest forged = Request("a");
    forged.worker.incarnation = absl::StrCat("forged ", i);
    EXPECT_TRUE(absl::IsUnavailable(coordinator_->Synchronize(forged).status()));
    Pass(Milliseconds(1'000));
    EXPECT_THAT(Sync("a", {Running(lease)}), SizeIs(1));
  }
  EXPECT_EQ(Task(lease).attempt, 1);
  FinishAll("a", job);
}

TEST_F(WrongWorkerTest, AWorkerThatSaidGoodbyeIsReplacedAtOnce) {
  Submit();
  SyncRequest goodbye = Request("a");
  goodbye.accepts_work = false;
  Call(goodbye);
  EXPECT_FALSE(Worker("a").connected);
  SyncRequest next = Request("a");
  next.worker.incarnation = "second";
  EXPECT_THAT(Call(next), SizeIs(1));
}

TEST_F(WrongWorkerTest, AnotherBuildIsRefusedAndListed) {
  Submit();
  for (const bool protocol : {true, false}) {
    SyncRequest request = Request("old");
    request.worker.build_commit = "0123abc";
    (protocol ? request.worker.protocol : request.worker.behaviour) += 1;
    const absl::Status refused = coordinator_->Synchronize(request).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(refused.message()),
                AllOf(HasSubstr(protocol ? "protocol number 2" : "behaviour number 2"),
                      HasSubstr("has 1"), HasSubstr("0123abc")));
    EXPECT_EQ(Worker("old").info.problem, refused.message());
    EXPECT_FALSE(Worker("old").connected);
  }
}

TEST_F(WrongWorkerTest, ASteppedClockTakesNothing) {
  const JobId job = Submit();
  const Lease lease = One("a");
  for (const int64_t hours : {48, -96, 24}) {
    clock_.StepWallClock(std::chrono::hours(hours));
    Tick();
    EXPECT_EQ(Task(lease).state, TaskState::kLeased);
    EXPECT_THAT(Sync("a", {Running(lease)}), SizeIs(1));
  }
  // Nor does it leave a dead worker its Lease.
  clock_.StepWallClock(std::chrono::hours(-48));
  Restart();
  Pass(kLeaseTime);
  EXPECT_EQ(Task(lease).state, TaskState::kQueued);
  Pass(Milliseconds(1'000));
  FinishAll("b", job);
}

TEST_F(WrongWorkerTest, APauseOfTheCoordinatorExtendsLeases) {
  Submit();
  const Lease lease = One("a");
  Pass(Milliseconds(10'000));
  clock_.Advance(std::chrono::hours(3));  // it stood still, and so did nobody hear the worker
  Tick();
  EXPECT_EQ(Task(lease).state, TaskState::kLeased);
  Pass(Milliseconds(19'000));
  EXPECT_EQ(Task(lease).state, TaskState::kLeased);
  Pass(Milliseconds(1'000));
  EXPECT_EQ(Task(lease).state, TaskState::kQueued);
}

TEST_F(WrongWorkerTest, AWorkerThatWakesUpGoesOnWithItsTask) {
  const JobId job = Submit();
  const Lease lease = One("a");
  Pass(kLeaseTime);
  EXPECT_EQ(Task(lease).state, TaskState::kQueued);
  EXPECT_EQ(One("a", {Running(lease)}).description.attempt, 1);
  EXPECT_EQ(CountEvents("lease.found"), 1);
  // What was lost is not counted: two more may be.
  Pass(kLeaseTime);
  EXPECT_EQ(Task(lease).state, TaskState::kQueued);
  EXPECT_THAT(Sync("a", {Pretrained(lease)}), SizeIs(1)) << "a success counts as well";
  FinishAll("a", job);
}

TEST_F(WrongWorkerTest, ATaskThatWasHandedBackIsNotFoundAgain) {
  Submit();
  const Lease lease = One("a");
  TaskReport goodbye = Running(lease);
  goodbye.state = ReportState::kHandedBack;
  Report("a", goodbye);
  EXPECT_THAT(Report("a", Running(lease)), IsEmpty());
  EXPECT_EQ(Task(lease).state, TaskState::kQueued);
}

TEST_F(WrongWorkerTest, AFileThatIsAwayForAMomentIsWaitedFor) {
  const JobId job = Submit();
  const Lease pretrain = One("a");
  const ArtifactRef weights = Pretrained(pretrain).weights;
  TaskReport report = Pretrained(pretrain);
  SyncRequest request = Request("a", {report});
  request.accepts_work = false;
  Call(request);
  artifacts_.Remove(weights);
  EXPECT_THAT(Sync("b"), IsEmpty());
  EXPECT_THAT(Job(job).message, AllOf(HasSubstr("linearize"), HasSubstr(weights.sha256)));
  Pass(kLeaseTime / 2);
  ASSERT_EQ(File(absl::StrCat("weights ", pretrain.description.candidate.value)), weights);
  Pass(Milliseconds(5'000));
  EXPECT_EQ(One("b").description.stage, Stage::kLinearize);
  EXPECT_EQ(CountEvents("task.again"), 0);
}

TEST_F(WrongWorkerTest, AFileThatIsGoneIsMadeAgain) {
  const JobId job = Submit();
  const Lease linearize = One("a", {Pretrained(One("a"))});
  const Lease large = One("a", {Descended(linearize)});
  EXPECT_THAT(large.description.budgets, ElementsAre(kLargeBudget));
  artifacts_.Remove(SnapshotFor(linearize, kSmallBudget).artifact);
  Sync("a", {FineTuned(large)});
  EXPECT_EQ(Task(job, Stage::kFineTune, kSmallBudget).state, TaskState::kQueued);
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_EQ(Task(job, Stage::kFineTune, kSmallBudget).state, TaskState::kBlocked);
  EXPECT_EQ(Task(job, Stage::kLinearize).state, TaskState::kQueued);
  EXPECT_EQ(CountEvents("task.again"), 1);
  FinishAll("a", job);
  EXPECT_EQ(Task(job, Stage::kLinearize).attempt, 2);
  EXPECT_EQ(Task(job, Stage::kFineTune, kLargeBudget).attempt, 1);
}

TEST_F(WrongWorkerTest, WeightsThatAreDamagedAreMadeAgainAndWhatWaitsForThemWaits) {
  const JobId job = Submit();
  const Lease pretrain = One("a");
  const Lease linearize = One("a", {Pretrained(pretrain)});
  const ArtifactRef weights = linearize.description.weights;
  Damage(weights);
  // The Worker finds it, says so, and cannot go on.
  TaskReport report = Failed(linearize, FailureKind::kStorage, "it is damaged");
  report.failure->artifact = weights;
  SyncRequest request = Request("a", {report});
  request.worker.problem = "it cannot read";
  Call(request);
  EXPECT_EQ(CountEvents("task.handed_back"), 1);
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_EQ(Task(job, Stage::kPretrain).state, TaskState::kQueued);
  EXPECT_EQ(Task(job, Stage::kLinearize).state, TaskState::kBlocked);
  FinishAll("b", job);
  EXPECT_EQ(Task(job, Stage::kPretrain).attempt, 2);
}

TEST_F(WrongWorkerTest, WhileTheWholeFolderIsAwayNothingIsGone) {
  const JobId job = Submit();
  const Lease linearize = One("a", {Pretrained(One("a"))});
  TaskReport back = Running(linearize);
  back.state = ReportState::kHandedBack;
  Report("a", back);
  const SyncRequest request = Request("a");
  std::filesystem::rename(folder_ / "artifacts", folder_ / "away");
  EXPECT_THAT(Call(request), IsEmpty());
  Pass(2 * kLeaseTime);
  EXPECT_THAT(Call(request), IsEmpty());
  std::filesystem::rename(folder_ / "away", folder_ / "artifacts");
  EXPECT_EQ(Task(job, Stage::kPretrain).state, TaskState::kSucceeded);
  FinishAll("a", job);
  EXPECT_EQ(Task(job, Stage::kPretrain).attempt, 1);
}

TEST_F(WrongWorkerTest, ACheckpointThatIsGoneIsDoneWithout) {
  const JobId job = Submit();
  const Lease lease = One("a");
  TaskReport report = Running(lease);
  report.epochs = {Epoch(0)};
  report.checkpoint = File("checkpoint");
  One("a", {report});
  artifacts_.Remove(report.checkpoint);
  report.state = ReportState::kHandedBack;
  Report("a", report);
  EXPECT_THAT(Sync("b"), IsEmpty());
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_FALSE(One("b").description.checkpoint);
  FinishAll("b", job);
}

// A Job of one Budget whose descent `maker` has done, and the fine-tune that follows, for `worker`.
class UselessArtifactTest : public WrongWorkerTest {
 protected:
  UselessArtifactTest() {
    JobSpec spec = SmallJob();
    spec.budgets.relus = {kSmallBudget};
    spec.limits.max_attempts = 3;
    job_ = Submit(spec);
    const Lease linearize = One("maker", {Pretrained(One("maker"))});
    TaskReport done = Descended(linearize);
    SyncRequest goodbye = Request("maker", {done});
    goodbye.accepts_work = false;
    Call(goodbye);
  }
  TaskReport Useless(const Lease& lease) {
    TaskReport report = Failed(lease, FailureKind::kArtifact, "its masks have another shape");
    report.failure->artifact = lease.description.snapshot;
    return report;
  }

  JobId job_;
};

TEST_F(UselessArtifactTest, OneWorkerMayBeWrongAboutIt) {
  Sync("right", {});
  Lease lease = One("right");
  TaskReport back = Running(lease);
  back.state = ReportState::kHandedBack;
  Report("right", back);
  lease = One("wrong");
  Sync("right");
  Sync("wrong", {Useless(lease)});
  EXPECT_EQ(Task(job_, Stage::kLinearize).state, TaskState::kSucceeded);
  Pass(Milliseconds(1'000));
  EXPECT_THAT(Sync("wrong"), IsEmpty());
  Finish("right");
  EXPECT_EQ(Job(job_).state, JobState::kFinished);
  EXPECT_EQ(Task(job_, Stage::kLinearize).attempt, 1);
}

TEST_F(UselessArtifactTest, WhereTwoSayTheSameItIsMadeAgainElsewhere) {
  const Lease first = One("a");
  Sync("b");
  Sync("maker");
  Sync("a", {Useless(first)});
  Pass(Milliseconds(1'000));
  const Lease second = One("b");
  EXPECT_EQ(second.description.task, first.description.task);
  Report("b", Useless(second));
  EXPECT_EQ(Task(job_, Stage::kLinearize).state, TaskState::kQueued);
  EXPECT_EQ(Task(job_, Stage::kFineTune, kSmallBudget).state, TaskState::kBlocked);
  EXPECT_THAT(Task(job_, Stage::kLinearize).message, HasSubstr("another shape"));
  EXPECT_THAT(Sync("maker"), IsEmpty()) << "it left a useless one";
  const Lease again = One("a");
  EXPECT_EQ(again.description.stage, Stage::kLinearize);
  Report("a", Descended(again));
  Pass(Milliseconds(2'000));
  Finish("maker");
  EXPECT_EQ(Job(job_).state, JobState::kFinished) << Job(job_).message;
}

TEST_F(UselessArtifactTest, ItIsNotMadeAgainForEver) {
  for (int i = 0; i < 20 && Job(job_).state == JobState::kRunning; ++i) {
    for (const Lease& lease : Sync("maker")) {
      const bool uses_it = lease.description.stage == Stage::kFineTune;
      // Checkpoints do not forgive it: the descent gets on every time.
      TaskReport report = uses_it ? Useless(lease) : Descended(lease);
      if (!uses_it) report.checkpoint = File(absl::StrCat("checkpoint ", i));
      if (!uses_it) report.epochs = {Epoch(i)};
      Report("maker", report);
    }
    Pass(Milliseconds(4'000));
  }
  EXPECT_EQ(Job(job_).state, JobState::kFailed);
  EXPECT_THAT(Job(job_).message, AllOf(HasSubstr("another shape"), HasSubstr("3 of 3 allowed")));
}

TEST_F(UselessArtifactTest, WhatIsNoInputOfTheTaskIsNotTouched) {
  const Lease lease = One("a");
  TaskReport report = Failed(lease, FailureKind::kStorage, "cannot read it");
  report.failure->artifact = lease.description.snapshot;
  report.failure->artifact.bytes += 1;
  SyncRequest request = Request("a", {report});
  request.worker.problem = "cannot read";
  Call(request);
  Pass(2 * kLeaseTime);
  EXPECT_TRUE(artifacts_.Has(lease.description.snapshot));
  const Lease again = One("b");
  report = Failed(again, FailureKind::kArtifact, "of no use");
  report.failure->artifact = File("of another job");
  Sync("b", {report});
  EXPECT_EQ(CountEvents("task.again"), 0);
  EXPECT_THAT(Task(again).message, HasSubstr("failure.artifact: found"));
}

TEST_F(WrongWorkerTest, AFileThatRotsUnseenIsReadAgainWhereAWorkerComplains) {
  const JobId job = Submit();
  const Lease linearize = One("a", {Pretrained(One("a"))});
  const ArtifactRef weights = linearize.description.weights;
  const std::filesystem::path path = artifacts_.PathOf(weights);
  // Other bytes, and nothing else about the file tells.
  const auto time = std::filesystem::last_write_time(path);
  std::fstream(path, std::ios::in | std::ios::out).put('!');
  std::filesystem::last_write_time(path, time);
  TaskReport report = Failed(linearize, FailureKind::kStorage, "it is damaged");
  report.failure->artifact = weights;
  SyncRequest request = Request("a", {report});
  request.worker.problem = "it cannot read";
  Call(request);
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_EQ(Task(job, Stage::kPretrain).state, TaskState::kQueued);
  FinishAll("b", job);
}

TEST_F(WrongWorkerTest, BudgetsThatAreAddedWaitForWeightsThatAreMadeAgain) {
  const JobId job = Submit();
  FinishAll("a", job);
  JobSpec more = SmallJob();
  more.budgets.relus.push_back(500);
  const ArtifactRef weights{Sha256Hex("weights 1"), 9};
  ASSERT_TRUE(artifacts_.Has(weights));
  artifacts_.Remove(weights);
  ASSERT_TRUE(coordinator_->AddBudgets(job, more, "{\"more\": 1}", "{}").ok());
  EXPECT_THAT(Sync("a"), IsEmpty());
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_EQ(One("a").description.stage, Stage::kPretrain);
  for (int i = 0; i < 20 && Job(job).state == JobState::kRunning; ++i) {
    Finish("a");
    Pass(Milliseconds(1'000));
  }
  EXPECT_EQ(Job(job).state, JobState::kFinished) << Job(job).message;
  EXPECT_EQ(Job(job).results, 3);
}

TEST_F(WrongWorkerTest, HandingBackWithoutAnEndIsNoLoop) {
  Submit();
  const Lease lease = One("a");
  TaskReport report = Running(lease);
  report.state = ReportState::kHandedBack;
  EXPECT_THAT(Sync("a", {report}), IsEmpty());
  EXPECT_EQ(CountEvents("task.retried"), 1);
}

TEST_F(WrongWorkerTest, ManyBrokenDataSetsDoNotHideTheOneThatIsNot) {
  SyncRequest request = Request("a");
  request.worker.data.clear();
  JobSpec spec = SmallJob();
  for (uint64_t seed = 1; seed <= 70; ++seed) {
    spec.seed = seed;
    Submit(spec);
    if (request.worker.data.size() < kMostDataStates) {
      request.worker.data.push_back(Unusable(spec, "it is broken"));
    }
  }
  spec.data.set = "other";
  Submit(spec);
  request.worker.data_sets = {"toy", "other"};
  const std::vector<DataRequest> open = coordinator_->Synchronize(request)->open;
  EXPECT_THAT(open, ::testing::Contains(Opened(spec).request));
}

TEST_F(WrongWorkerTest, WhatFailedIsRetriedFromItsCheckpoint) {
  const JobId job = Submit();
  const Lease linearize = One("a", {Pretrained(One("a"))});
  TaskReport report = Failed(linearize, FailureKind::kInfeasible, "ended at 2000 ReLUs");
  report.snapshots = {SnapshotFor(linearize, kLargeBudget)};
  report.epochs = {Epoch(0)};
  report.checkpoint = File("last state");
  const Lease large = One("a", {report});
  Sync("a", {FineTuned(large)});
  EXPECT_EQ(Job(job).state, JobState::kFailed);
  EXPECT_EQ(coordinator_->Retry(large.description.task, std::nullopt).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(coordinator_->Retry(TaskId{99}, std::nullopt).status().code(),
            absl::StatusCode::kNotFound);
  const int64_t cap = linearize.description.settings.linearize.max_epochs;
  EXPECT_EQ(coordinator_->Retry(job, RaisedCap{cap - 1, "{}", "{}"}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(coordinator_->Retry(job, RaisedCap{cap, "{}", "{other}"}).status().code(),
            absl::StatusCode::kAborted);
  EXPECT_EQ(Job(job).state, JobState::kFailed);

  EXPECT_EQ(coordinator_->Retry(job, RaisedCap{cap + 5, "{\"more\": 1}", "{}"}).value(), 2);
  EXPECT_EQ(Job(job).state, JobState::kRunning);
  EXPECT_EQ(Job(job).spec_json, "{\"more\": 1}");
  const Lease again = One("a");
  EXPECT_EQ(again.description.stage, Stage::kLinearize);
  EXPECT_EQ(again.description.checkpoint, report.checkpoint);
  EXPECT_EQ(again.description.settings.linearize.max_epochs, cap + 5);
  EXPECT_EQ(again.epochs_received, 1);
  FinishAll("a", job);
  EXPECT_EQ(CountEvents("job.retried"), 1);
}

TEST_F(WrongWorkerTest, ARetryOfATeacherTakesItsStudentsAlong) {
  const JobId job = Submit();
  for (int i = 0; i < 2; ++i) {
    Sync("a", {Failed(One("a"), FailureKind::kTransient, "it is hot")});
    Pass(Milliseconds(2'000));
  }
  EXPECT_EQ(Job(job).state, JobState::kFailed);
  EXPECT_EQ(coordinator_->Retry(Task(job, Stage::kPretrain).candidate, std::nullopt).value(), 4);
  EXPECT_EQ(Task(job, Stage::kPretrain).state, TaskState::kQueued);
  EXPECT_EQ(Task(job, Stage::kLinearize).state, TaskState::kBlocked);
  FinishAll("a", job);
  ASSERT_TRUE(coordinator_->Cancel(Submit()).ok());
  EXPECT_EQ(coordinator_->Retry(JobId{2}, std::nullopt).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace reluscape
