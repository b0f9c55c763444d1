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
  v1::SynchronizeRequest Saying(const std::string& worker, const v1::DataState& state,
                                std::vector<v1::TaskReport> reports = {}) {
    v1::SynchronizeRequest request = Request(worker, std::move(reports));
    request.mutable_worker()->clear_data();
    *request.mutable_worker()->add_data() = state;
    return request;
  }
  v1::Worker Worker(const std::string& id) {
    const v1::WorkerList list = reader_->ListWorkers().value();
    for (const v1::Worker& worker : list.workers()) {
      if (worker.worker() == id) return worker;
    }
    ADD_FAILURE() << "no worker " << id;
    return {};
  }
  // `worker` does all that it is given, and what waits for a pause, until the Job has ended.
  void FinishAll(const std::string& worker, JobId job) {
    for (int i = 0; i < 100 && Job(job).state() == "RUNNING"; ++i) {
      Finish(worker);
      Pass(Milliseconds(1'000));
    }
    EXPECT_EQ(Job(job).state(), "FINISHED") << Job(job).message();
    EXPECT_EQ(Job(job).results(), 2);
  }
  // Cuts the file short.
  void Damage(const v1::Artifact& artifact) { std::ofstream(artifacts_.PathOf(artifact)) << "x"; }
};

TEST_F(WrongWorkerTest, DataIsOpenedBeforeATaskIsLeasedForIt) {
  const JobId job = Submit();
  v1::SynchronizeRequest request = Request("a");
  request.mutable_worker()->clear_data();
  const auto answer = Synchronize(request);
  ASSERT_TRUE(answer.ok()) << answer.status();
  EXPECT_THAT(answer->leases(), IsEmpty());
  EXPECT_THAT(answer->open(), ElementsAre(Opened(SmallJob()).request()));
  EXPECT_THAT(Job(job).message(), HasSubstr("worker a: it has not opened data set toy yet"));
  EXPECT_THAT(Sync("a"), SizeIs(1));
  EXPECT_THAT(Synchronize(Request("a"))->open(), IsEmpty());
}

TEST_F(WrongWorkerTest, DataThatCannotBeUsedCostsNothing) {
  const JobId job = Submit();
  const v1::DataState bad = Unusable(SmallJob(), "/data/toy: there is no such folder");
  for (int i = 0; i < 10; ++i) {
    EXPECT_THAT(Call(Saying("bad", bad)), IsEmpty());
    Pass(Milliseconds(1'000));
  }
  EXPECT_THAT(Job(job).message(), HasSubstr("none of the 1 connected worker can take its tasks"));
  EXPECT_THAT(Job(job).obstacles(),
              ElementsAre(AllOf(HasSubstr("worker bad"), HasSubstr("no such folder"))));
  FinishAll("good", job);

  // It may fail once a Task is under way, too.
  const JobId second = Submit();
  const v1::Lease lease = One("bad");
  EXPECT_THAT(Call(Saying("bad", bad, {Failed(lease, v1::Failure::DATA, bad.problem())})),
              IsEmpty());
  EXPECT_EQ(CountEvents("task.handed_back"), 1);
  EXPECT_EQ(CountEvents("task.retried"), 0);
  FinishAll("good", second);
}

TEST_F(WrongWorkerTest, OneThatHandsBackWithoutSayingWhyLosesTheAttempt) {
  Submit();
  const v1::Lease lease = One("liar");
  Call(Request("liar", {Failed(lease, v1::Failure::DATA, "no data, it says")}));
  EXPECT_EQ(CountEvents("task.retried"), 1);
}

TEST_F(WrongWorkerTest, AFullDiskCostsNothingAndIsSaid) {
  const JobId job = Submit();
  const v1::Lease lease = One("bad");
  v1::TaskReport report = Failed(lease, v1::Failure::STORAGE, "No space left on device");
  v1::SynchronizeRequest request = Request("bad", {report});
  request.mutable_worker()->set_problem("artifact folder: No space left on device");
  EXPECT_THAT(Call(request), IsEmpty());
  EXPECT_EQ(CountEvents("task.handed_back"), 1);
  EXPECT_THAT(Job(job).message(), HasSubstr("No space left on device"));
  EXPECT_EQ(Worker("bad").problem(), "artifact folder: No space left on device");
  EXPECT_THAT(Sync("bad"), SizeIs(1)) << "it can again";
}

TEST_F(WrongWorkerTest, CopiesThatDifferWaitForAChoice) {
  const JobId job = Submit();
  // The wrong one is first.
  const v1::Lease first = One("wrong", {});
  const v1::DataState wrong = Opened(SmallJob(), kOtherHash);
  v1::SynchronizeRequest reports = Saying("wrong", wrong, {Running(first)});
  *reports.mutable_reports(0)->mutable_provenance() = Measured(kOtherHash);
  SetList(reports.mutable_reports(0)->mutable_epochs(), {Epoch(0), Epoch(1)});
  *reports.mutable_reports(0)->mutable_checkpoint() = File("after two epochs of wrong images");
  Call(reports);
  EXPECT_THAT(Sync("right"), IsEmpty());
  ASSERT_THAT(Job(job).data_copies(), SizeIs(2));
  EXPECT_EQ(Job(job).data_copies(0).data_hash(), kDataHash);
  EXPECT_THAT(Job(job).data_copies(0).workers(), ElementsAre("right"));
  EXPECT_EQ(Job(job).data_copies(1).data_hash(), kOtherHash);
  EXPECT_THAT(Job(job).data_copies(1).workers(), ElementsAre("wrong"));
  EXPECT_THAT(Job(job).message(),
              AllOf(HasSubstr("2 copies of data set toy"), HasSubstr("reluscape data ")));
  // What runs may end; nothing more begins.
  *reports.mutable_reports(0) = Pretrained(first);
  *reports.mutable_reports(0)->mutable_provenance() = Measured(kOtherHash);
  EXPECT_THAT(Call(reports), IsEmpty());
  EXPECT_EQ(Job(job).data_copies(1).candidates(), 1);

  EXPECT_EQ(coordinator_->ChooseData(job, "cafe").status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(coordinator_->ChooseData(job, "deadbee").status().message()),
              HasSubstr(kDataHash + ", " + kOtherHash));
  EXPECT_EQ(coordinator_->ChooseData(JobId{99}, "deadbeef").status().code(),
            absl::StatusCode::kNotFound);
  v1::SynchronizeRequest right = Saying("right", Opened(SmallJob(), kThirdHash));
  EXPECT_THAT(Call(right), IsEmpty());
  EXPECT_EQ(coordinator_->ChooseData(job, "01234567").value(), 1);
  EXPECT_EQ(coordinator_->ChooseData(job, "01234567").value(), 0) << "it is chosen already";
  EXPECT_EQ(Job(job).data_hash(), kThirdHash);
  EXPECT_EQ(Task(first).state(), "QUEUED");
  EXPECT_EQ(Task(first).epochs_done(), 0);
  EXPECT_EQ(CountEvents("job.data_chosen"), 1);
  EXPECT_THAT(Call(Saying("wrong", wrong)), IsEmpty());
  EXPECT_THAT(Job(job).obstacles(),
              ElementsAre(AllOf(HasSubstr("worker wrong"), HasSubstr(kOtherHash))));

  std::vector<v1::Lease> leases = Call(right);
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].description().data_hash(), kThirdHash);
  EXPECT_FALSE(IsSet(leases[0].description().checkpoint()));
  while (!leases.empty()) {
    v1::TaskReport report = Done(leases[0]);
    *report.mutable_provenance() = Measured(kThirdHash);
    leases = Call(Saying("right", Opened(SmallJob(), kThirdHash), {report}));
  }
  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_EQ(Job(job).results(), 2);
}

TEST_F(WrongWorkerTest, ResultsOfTheOtherCopyAreRemovedAndMadeAgain) {
  const JobId job = Submit();
  FinishAll("a", job);
  Call(Saying("b", Opened(SmallJob(), kThirdHash)));
  EXPECT_EQ(coordinator_->ChooseData(job, "0123456789").value(), 1);
  EXPECT_EQ(Job(job).state(), "RUNNING");
  EXPECT_EQ(Job(job).results(), 0);
  EXPECT_THAT(reader_->ListResults(job)->results(), IsEmpty());
  EXPECT_THAT(Sync("a"), IsEmpty());
  EXPECT_THAT(Call(Saying("b", Opened(SmallJob(), kThirdHash))), SizeIs(1));
  Tick();
}

TEST_F(WrongWorkerTest, AStatedHashNeedsNobody) {
  v1::JobSpec spec = SmallJob();
  spec.mutable_data()->set_hash(kDataHash);
  const JobId job = Submit(spec);
  EXPECT_THAT(Call(Saying("wrong", Opened(SmallJob(), kOtherHash))), IsEmpty());
  FinishAll("right", job);
  EXPECT_EQ(coordinator_->ChooseData(job, "other123").status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST_F(WrongWorkerTest, AWorkerThatAlwaysFailsIsQuarantinedUntilItIsStartedAgain) {
  v1::JobSpec spec = SmallJob();
  spec.mutable_candidates()->set_replicates(5);
  Submit(spec);
  Sync("good");  // is there, and busy
  int failures = 0;
  for (int i = 0; i < 60; ++i) {
    const auto answer = Synchronize(Request("bad"));
    if (failures == 3) {
      EXPECT_TRUE(absl::IsAborted(answer.status())) << answer.status();
    } else if (!answer->leases().empty()) {
      ++failures;
      Sync("bad", {Failed(answer->leases(0), v1::Failure::TRANSIENT, "CUDA error")});
    }
    Sync("good");
    Pass(Milliseconds(1'000));
  }
  EXPECT_EQ(failures, 3);
  EXPECT_THAT(Worker("bad").problem(),
              AllOf(HasSubstr("3 tasks in a row"), HasSubstr("CUDA error")));
  EXPECT_EQ(CountEvents("worker.quarantined"), 1);

  v1::SynchronizeRequest again = Request("bad");
  again.mutable_worker()->set_incarnation("second");
  Pass(Milliseconds(5'000));
  EXPECT_THAT(Call(again), SizeIs(1));
  EXPECT_THAT(Worker("bad").problem(), IsEmpty());
}

TEST_F(WrongWorkerTest, AttemptsAreLostOnDifferentWorkers) {
  const JobId job = Submit();
  Sync("idle");
  v1::SynchronizeRequest other = Request("other");
  Call(other);
  const v1::Lease first = One("idle");
  Sync("idle", {Failed(first, v1::Failure::TRANSIENT, "it is hot")});
  Pass(Milliseconds(1'000));
  EXPECT_THAT(Sync("idle"), IsEmpty()) << "another may have more luck";
  const v1::Lease second = One("other");
  EXPECT_EQ(second.description().task(), first.description().task());
  EXPECT_EQ(Task(job, Stage::kPretrain).attempt(), 2);
}

TEST_F(WrongWorkerTest, ACheckpointThatMovesOnForgivesLostAttempts) {
  const JobId job = Submit();  // two attempts may be lost
  for (int i = 0; i < 5; ++i) {
    const v1::Lease lease = One("a");
    v1::TaskReport report = Running(lease);
    SetList(report.mutable_epochs(), {Epoch(i)});
    *report.mutable_checkpoint() = File(absl::StrCat("checkpoint ", i));
    One("a", {report});
    EXPECT_THAT(Sync("a", {Failed(lease, v1::Failure::TRANSIENT, "it is hot")}), IsEmpty());
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
  const v1::Lease lease = One("a");
  for (int i = 0; i < 3; ++i) {
    v1::SynchronizeRequest forged = Request("a");
    forged.mutable_worker()->set_incarnation(absl::StrCat("forged ", i));
    EXPECT_TRUE(absl::IsUnavailable(Synchronize(forged).status()));
    Pass(Milliseconds(1'000));
    EXPECT_THAT(Sync("a", {Running(lease)}), SizeIs(1));
  }
  EXPECT_EQ(Task(lease).attempt(), 1);
  FinishAll("a", job);
}

TEST_F(WrongWorkerTest, AWorkerThatSaidGoodbyeIsReplacedAtOnce) {
  Submit();
  v1::SynchronizeRequest goodbye = Request("a");
  goodbye.set_accepts_work(false);
  Call(goodbye);
  EXPECT_FALSE(Worker("a").connected());
  v1::SynchronizeRequest next = Request("a");
  next.mutable_worker()->set_incarnation("second");
  EXPECT_THAT(Call(next), SizeIs(1));
}

TEST_F(WrongWorkerTest, ACheckpointBehindASnapshotThatIsAwayIsNotTaken) {
  Submit();
  Sync("a", {Pretrained(One("a"))});
  const v1::Lease lease = One("a");
  v1::TaskReport report = Running(lease);
  *report.add_snapshots() = SnapshotFor(lease, kLargeBudget);
  *report.mutable_checkpoint() = File("behind the snapshot");
  artifacts_.Remove(report.snapshots(0).artifact());
  Sync("a", {report});
  EXPECT_FALSE(IsSet(One("a").description().checkpoint()));
  artifacts_.Put(absl::StrCat("snapshot ", lease.description().candidate(), " ", kLargeBudget))
      .IgnoreError();
  clock_.Advance(Milliseconds(10'000));
  Sync("a", {report});
  EXPECT_TRUE(IsSet(One("a").description().checkpoint()));
}

TEST_F(WrongWorkerTest, ADescentWithoutItsSnapshotsBeginsAnew) {
  Submit();
  Sync("a", {Pretrained(One("a"))});
  v1::TaskReport report = Running(One("a"));
  *report.mutable_checkpoint() = File("of a worker that made no snapshot");
  Sync("a", {report});
  EXPECT_TRUE(IsSet(One("a").description().checkpoint()));
  report.set_state(v1::TaskReport::SUCCEEDED);
  Sync("a", {report});
  clock_.Advance(Milliseconds(2'000));
  const v1::Lease again = One("b");
  EXPECT_EQ(again.description().attempt(), 2);
  EXPECT_FALSE(IsSet(again.description().checkpoint()));
  EXPECT_THAT(Sync("b", {Descended(again)}), SizeIs(1));
}

TEST_F(WrongWorkerTest, AnotherBuildIsRefusedAndListed) {
  Submit();
  for (const bool protocol : {true, false}) {
    v1::SynchronizeRequest request = Request("old");
    request.mutable_worker()->set_build_commit("0123abc");
    v1::WorkerInfo& worker = *request.mutable_worker();
    if (protocol) {
      worker.set_protocol(worker.protocol() + 1);
    } else {
      worker.set_behaviour(worker.behaviour() + 1);
    }
    const absl::Status refused = Synchronize(request).status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
    const int64_t ours = protocol ? kProtocolNumber : kBehaviourNumber;
    EXPECT_THAT(
        std::string(refused.message()),
        AllOf(HasSubstr(absl::StrCat(protocol ? "protocol" : "behaviour", " number ", ours + 1)),
              HasSubstr(absl::StrCat("has ", ours)), HasSubstr("0123abc")));
    EXPECT_EQ(Worker("old").problem(), refused.message());
    EXPECT_FALSE(Worker("old").connected());
  }
}

TEST_F(WrongWorkerTest, ASteppedClockTakesNothing) {
  const JobId job = Submit();
  const v1::Lease lease = One("a");
  for (const int64_t hours : {48, -96, 24}) {
    clock_.StepWallClock(std::chrono::hours(hours));
    Tick();
    EXPECT_EQ(Task(lease).state(), "LEASED");
    EXPECT_THAT(Sync("a", {Running(lease)}), SizeIs(1));
  }
  // Nor does it leave a dead worker its Lease.
  clock_.StepWallClock(std::chrono::hours(-48));
  Restart();
  Pass(kLeaseTime);
  EXPECT_EQ(Task(lease).state(), "QUEUED");
  Pass(Milliseconds(1'000));
  FinishAll("b", job);
}

TEST_F(WrongWorkerTest, APauseOfTheCoordinatorExtendsLeases) {
  Submit();
  const v1::Lease lease = One("a");
  Pass(Milliseconds(10'000));
  clock_.Advance(std::chrono::hours(3));  // it stood still, and so did nobody hear the worker
  Tick();
  EXPECT_EQ(Task(lease).state(), "LEASED");
  Pass(Milliseconds(19'000));
  EXPECT_EQ(Task(lease).state(), "LEASED");
  Pass(Milliseconds(1'000));
  EXPECT_EQ(Task(lease).state(), "QUEUED");
}

TEST_F(WrongWorkerTest, AWorkerThatWakesUpGoesOnWithItsTask) {
  const JobId job = Submit();
  const v1::Lease lease = One("a");
  Pass(kLeaseTime);
  EXPECT_EQ(Task(lease).state(), "QUEUED");
  EXPECT_EQ(One("a", {Running(lease)}).description().attempt(), 1);
  EXPECT_EQ(CountEvents("lease.found"), 1);
  // What was lost is not counted: two more may be.
  Pass(kLeaseTime);
  EXPECT_EQ(Task(lease).state(), "QUEUED");
  EXPECT_THAT(Sync("a", {Pretrained(lease)}), SizeIs(1)) << "a success counts as well";
  FinishAll("a", job);
}

TEST_F(WrongWorkerTest, ATaskThatWasHandedBackIsNotFoundAgain) {
  Submit();
  const v1::Lease lease = One("a");
  v1::TaskReport goodbye = Running(lease);
  goodbye.set_state(v1::TaskReport::HANDED_BACK);
  Report("a", goodbye);
  EXPECT_THAT(Report("a", Running(lease)), IsEmpty());
  EXPECT_EQ(Task(lease).state(), "QUEUED");
}

TEST_F(WrongWorkerTest, AFileThatIsAwayForAMomentIsWaitedFor) {
  const JobId job = Submit();
  const v1::Lease pretrain = One("a");
  const v1::Artifact weights = Pretrained(pretrain).weights();
  v1::TaskReport report = Pretrained(pretrain);
  v1::SynchronizeRequest request = Request("a", {report});
  request.set_accepts_work(false);
  Call(request);
  artifacts_.Remove(weights);
  EXPECT_THAT(Sync("b"), IsEmpty());
  EXPECT_THAT(Job(job).message(), AllOf(HasSubstr("linearize"), HasSubstr(weights.sha256())));
  Pass(kLeaseTime / 2);
  ASSERT_EQ(File(absl::StrCat("weights ", pretrain.description().candidate())), weights);
  Pass(Milliseconds(5'000));
  EXPECT_EQ(One("b").description().stage(), StageName(Stage::kLinearize));
  EXPECT_EQ(CountEvents("task.again"), 0);
}

TEST_F(WrongWorkerTest, AFileThatIsGoneIsMadeAgain) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  const v1::Lease large = One("a", {Descended(linearize)});
  EXPECT_THAT(large.description().budgets(), ElementsAre(kLargeBudget));
  artifacts_.Remove(SnapshotFor(linearize, kSmallBudget).artifact());
  Sync("a", {FineTuned(large)});
  EXPECT_EQ(Task(job, Stage::kFineTune, kSmallBudget).state(), "QUEUED");
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_EQ(Task(job, Stage::kFineTune, kSmallBudget).state(), "BLOCKED");
  EXPECT_EQ(Task(job, Stage::kLinearize).state(), "QUEUED");
  EXPECT_EQ(CountEvents("task.again"), 1);
  FinishAll("a", job);
  EXPECT_EQ(Task(job, Stage::kLinearize).attempt(), 2);
  EXPECT_EQ(Task(job, Stage::kFineTune, kLargeBudget).attempt(), 1);
}

TEST_F(WrongWorkerTest, WeightsThatAreDamagedAreMadeAgainAndWhatWaitsForThemWaits) {
  const JobId job = Submit();
  const v1::Lease pretrain = One("a");
  const v1::Lease linearize = One("a", {Pretrained(pretrain)});
  const v1::Artifact weights = linearize.description().weights();
  Damage(weights);
  // The Worker finds it, says so, and cannot go on.
  v1::TaskReport report = Failed(linearize, v1::Failure::STORAGE, "it is damaged");
  *report.mutable_failure()->mutable_artifact() = weights;
  v1::SynchronizeRequest request = Request("a", {report});
  request.mutable_worker()->set_problem("it cannot read");
  Call(request);
  EXPECT_EQ(CountEvents("task.handed_back"), 1);
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_EQ(Task(job, Stage::kPretrain).state(), "QUEUED");
  EXPECT_EQ(Task(job, Stage::kLinearize).state(), "BLOCKED");
  FinishAll("b", job);
  EXPECT_EQ(Task(job, Stage::kPretrain).attempt(), 2);
}

TEST_F(WrongWorkerTest, WhileTheWholeFolderIsAwayNothingIsGone) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  v1::TaskReport back = Running(linearize);
  back.set_state(v1::TaskReport::HANDED_BACK);
  Report("a", back);
  const v1::SynchronizeRequest request = Request("a");
  std::filesystem::rename(folder_ / "artifacts", folder_ / "away");
  EXPECT_THAT(Call(request), IsEmpty());
  Pass(2 * kLeaseTime);
  EXPECT_THAT(Call(request), IsEmpty());
  std::filesystem::rename(folder_ / "away", folder_ / "artifacts");
  EXPECT_EQ(Task(job, Stage::kPretrain).state(), "SUCCEEDED");
  FinishAll("a", job);
  EXPECT_EQ(Task(job, Stage::kPretrain).attempt(), 1);
}

TEST_F(WrongWorkerTest, ACheckpointThatIsGoneIsDoneWithout) {
  const JobId job = Submit();
  const v1::Lease lease = One("a");
  v1::TaskReport report = Running(lease);
  SetList(report.mutable_epochs(), {Epoch(0)});
  *report.mutable_checkpoint() = File("checkpoint");
  One("a", {report});
  artifacts_.Remove(report.checkpoint());
  report.set_state(v1::TaskReport::HANDED_BACK);
  Report("a", report);
  EXPECT_THAT(Sync("b"), IsEmpty());
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_FALSE(IsSet(One("b").description().checkpoint()));
  FinishAll("b", job);
}

// A Job of one Budget whose descent `maker` has done, and the fine-tune that follows, for `worker`.
class UselessArtifactTest : public WrongWorkerTest {
 protected:
  UselessArtifactTest() {
    v1::JobSpec spec = SmallJob();
    SetList(spec.mutable_budgets()->mutable_relus(), {kSmallBudget});
    spec.mutable_limits()->set_max_attempts(3);
    job_ = Submit(spec);
    const v1::Lease linearize = One("maker", {Pretrained(One("maker"))});
    v1::TaskReport done = Descended(linearize);
    v1::SynchronizeRequest goodbye = Request("maker", {done});
    goodbye.set_accepts_work(false);
    Call(goodbye);
  }
  v1::TaskReport Useless(const v1::Lease& lease) {
    v1::TaskReport report = Failed(lease, v1::Failure::ARTIFACT, "its masks have another shape");
    *report.mutable_failure()->mutable_artifact() = lease.description().snapshot();
    return report;
  }

  JobId job_;
};

TEST_F(UselessArtifactTest, OneWorkerMayBeWrongAboutIt) {
  Sync("right", {});
  v1::Lease lease = One("right");
  v1::TaskReport back = Running(lease);
  back.set_state(v1::TaskReport::HANDED_BACK);
  Report("right", back);
  lease = One("wrong");
  Sync("right");
  Sync("wrong", {Useless(lease)});
  EXPECT_EQ(Task(job_, Stage::kLinearize).state(), "SUCCEEDED");
  Pass(Milliseconds(1'000));
  EXPECT_THAT(Sync("wrong"), IsEmpty());
  Finish("right");
  EXPECT_EQ(Job(job_).state(), "FINISHED");
  EXPECT_EQ(Task(job_, Stage::kLinearize).attempt(), 1);
}

TEST_F(UselessArtifactTest, WhereTwoSayTheSameItIsMadeAgainElsewhere) {
  const v1::Lease first = One("a");
  Sync("b");
  Sync("maker");
  Sync("a", {Useless(first)});
  Pass(Milliseconds(1'000));
  const v1::Lease second = One("b");
  EXPECT_EQ(second.description().task(), first.description().task());
  Report("b", Useless(second));
  EXPECT_EQ(Task(job_, Stage::kLinearize).state(), "QUEUED");
  EXPECT_EQ(Task(job_, Stage::kFineTune, kSmallBudget).state(), "BLOCKED");
  EXPECT_THAT(Task(job_, Stage::kLinearize).message(), HasSubstr("another shape"));
  EXPECT_THAT(Sync("maker"), IsEmpty()) << "it left a useless one";
  const v1::Lease again = One("a");
  EXPECT_EQ(again.description().stage(), StageName(Stage::kLinearize));
  Report("a", Descended(again));
  Pass(Milliseconds(2'000));
  Finish("maker");
  EXPECT_EQ(Job(job_).state(), "FINISHED") << Job(job_).message();
}

TEST_F(UselessArtifactTest, ItIsNotMadeAgainForEver) {
  for (int i = 0; i < 20 && Job(job_).state() == "RUNNING"; ++i) {
    for (const v1::Lease& lease : Sync("maker")) {
      const bool uses_it = StageOf(lease.description()) == Stage::kFineTune;
      // Checkpoints do not forgive it: the descent gets on every time.
      v1::TaskReport report = uses_it ? Useless(lease) : Descended(lease);
      if (!uses_it) *report.mutable_checkpoint() = File(absl::StrCat("checkpoint ", i));
      if (!uses_it) SetList(report.mutable_epochs(), {Epoch(i)});
      Report("maker", report);
    }
    Pass(Milliseconds(4'000));
  }
  EXPECT_EQ(Job(job_).state(), "FAILED");
  EXPECT_THAT(Job(job_).message(), AllOf(HasSubstr("another shape"), HasSubstr("3 of 3 allowed")));
}

TEST_F(UselessArtifactTest, WhatIsNoInputOfTheTaskIsNotTouched) {
  const v1::Lease lease = One("a");
  v1::TaskReport report = Failed(lease, v1::Failure::STORAGE, "cannot read it");
  *report.mutable_failure()->mutable_artifact() = lease.description().snapshot();
  report.mutable_failure()->mutable_artifact()->set_bytes(report.failure().artifact().bytes() + 1);
  v1::SynchronizeRequest request = Request("a", {report});
  request.mutable_worker()->set_problem("cannot read");
  Call(request);
  Pass(2 * kLeaseTime);
  EXPECT_TRUE(artifacts_.Has(lease.description().snapshot()));
  const v1::Lease again = One("b");
  report = Failed(again, v1::Failure::ARTIFACT, "of no use");
  *report.mutable_failure()->mutable_artifact() = File("of another job");
  Sync("b", {report});
  EXPECT_EQ(CountEvents("task.again"), 0);
  EXPECT_THAT(Task(again).message(), HasSubstr("failure.artifact: found"));
}

TEST_F(WrongWorkerTest, AFileThatRotsUnseenIsReadAgainWhereAWorkerComplains) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  const v1::Artifact weights = linearize.description().weights();
  const std::filesystem::path path = artifacts_.PathOf(weights);
  // Other bytes, and nothing else about the file tells.
  const auto time = std::filesystem::last_write_time(path);
  std::fstream(path, std::ios::in | std::ios::out).put('!');
  std::filesystem::last_write_time(path, time);
  v1::TaskReport report = Failed(linearize, v1::Failure::STORAGE, "it is damaged");
  *report.mutable_failure()->mutable_artifact() = weights;
  v1::SynchronizeRequest request = Request("a", {report});
  request.mutable_worker()->set_problem("it cannot read");
  Call(request);
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_EQ(Task(job, Stage::kPretrain).state(), "QUEUED");
  FinishAll("b", job);
}

TEST_F(WrongWorkerTest, BudgetsThatAreAddedWaitForWeightsThatAreMadeAgain) {
  const JobId job = Submit();
  FinishAll("a", job);
  v1::BudgetsSpec more;
  more.add_relus(500);
  const v1::Artifact weights = MakeArtifact(Sha256Hex("weights 1"), 9);
  ASSERT_TRUE(artifacts_.Has(weights));
  artifacts_.Remove(weights);
  ASSERT_TRUE(coordinator_->AddBudgets(job, more).ok());
  EXPECT_THAT(Sync("a"), IsEmpty());
  Pass(kLeaseTime + Milliseconds(1'000));
  EXPECT_EQ(One("a").description().stage(), StageName(Stage::kPretrain));
  for (int i = 0; i < 20 && Job(job).state() == "RUNNING"; ++i) {
    Finish("a");
    Pass(Milliseconds(1'000));
  }
  EXPECT_EQ(Job(job).state(), "FINISHED") << Job(job).message();
  EXPECT_EQ(Job(job).results(), 3);
}

TEST_F(WrongWorkerTest, HandingBackWithoutAnEndIsNoLoop) {
  Submit();
  const v1::Lease lease = One("a");
  v1::TaskReport report = Running(lease);
  report.set_state(v1::TaskReport::HANDED_BACK);
  EXPECT_THAT(Sync("a", {report}), IsEmpty());
  EXPECT_EQ(CountEvents("task.retried"), 1);
}

TEST_F(WrongWorkerTest, ManyBrokenDataSetsDoNotHideTheOneThatIsNot) {
  v1::SynchronizeRequest request = Request("a");
  request.mutable_worker()->clear_data();
  v1::JobSpec spec = SmallJob();
  for (int64_t seed = 1; seed <= 70; ++seed) {
    spec.set_seed(seed);
    Submit(spec);
    if (request.worker().data().size() < kMostDataStates) {
      *request.mutable_worker()->add_data() = Unusable(spec, "it is broken");
    }
  }
  spec.mutable_data()->set_set("other");
  Submit(spec);
  SetList(request.mutable_worker()->mutable_data_sets(), {"toy", "other"});
  const std::vector<v1::DataRequest> open = ListOf(Synchronize(request)->open());
  EXPECT_THAT(open, ::testing::Contains(Opened(spec).request()));
}

TEST_F(WrongWorkerTest, WhatFailedIsRetriedFromItsCheckpoint) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  v1::TaskReport report = Failed(linearize, v1::Failure::INFEASIBLE, "ended at 2000 ReLUs");
  SetList(report.mutable_snapshots(), {SnapshotFor(linearize, kLargeBudget)});
  SetList(report.mutable_epochs(), {Epoch(0)});
  *report.mutable_checkpoint() = File("last state");
  const v1::Lease large = One("a", {report});
  Sync("a", {FineTuned(large)});
  EXPECT_EQ(Job(job).state(), "FAILED");
  EXPECT_EQ(coordinator_->Retry(TaskId{large.description().task()}, std::nullopt).status().code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(coordinator_->Retry(TaskId{99}, std::nullopt).status().code(),
            absl::StatusCode::kNotFound);
  const int64_t cap = linearize.description().settings().linearize().max_epochs();
  EXPECT_EQ(coordinator_->Retry(job, cap - 1).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(coordinator_->Retry(job, 100'001).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Job(job).state(), "FAILED");

  EXPECT_EQ(coordinator_->Retry(job, cap + 5).value(), 2);
  EXPECT_EQ(Job(job).state(), "RUNNING");
  EXPECT_EQ(SpecOf(job).stages().linearize().max_epochs(), cap + 5);
  const v1::Lease again = One("a");
  EXPECT_EQ(again.description().stage(), StageName(Stage::kLinearize));
  EXPECT_EQ(again.description().checkpoint(), report.checkpoint());
  EXPECT_EQ(again.description().settings().linearize().max_epochs(), cap + 5);
  EXPECT_EQ(again.epochs_received(), 1);
  FinishAll("a", job);
  EXPECT_EQ(CountEvents("job.retried"), 1);
}

TEST_F(WrongWorkerTest, ARetryOfATeacherTakesItsStudentsAlong) {
  const JobId job = Submit();
  for (int i = 0; i < 2; ++i) {
    Sync("a", {Failed(One("a"), v1::Failure::TRANSIENT, "it is hot")});
    Pass(Milliseconds(2'000));
  }
  EXPECT_EQ(Job(job).state(), "FAILED");
  EXPECT_EQ(coordinator_->Retry(CandidateId{Task(job, Stage::kPretrain).candidate()}, std::nullopt)
                .value(),
            4);
  EXPECT_EQ(Task(job, Stage::kPretrain).state(), "QUEUED");
  EXPECT_EQ(Task(job, Stage::kLinearize).state(), "BLOCKED");
  FinishAll("a", job);
  ASSERT_TRUE(coordinator_->Cancel(Submit()).ok());
  EXPECT_EQ(coordinator_->Retry(JobId{2}, std::nullopt).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace reluscape
