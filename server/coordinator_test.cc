#include "server/coordinator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/cost/papers.h"
#include "search/network/names.h"
#include "server/coordinator_test_util.h"

namespace reluscape {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_F(CoordinatorTest, JobRunsFromSubmissionToResults) {
  const JobId job = Submit();
  const v1::Lease pretrain = One("a");
  EXPECT_EQ(pretrain.description().stage(), StageName(Stage::kPretrain));
  EXPECT_EQ(pretrain.description().attempt(), 1);
  EXPECT_EQ(pretrain.description().data(), SmallJob().data());
  EXPECT_EQ(pretrain.description().settings(), SmallJob().stages());
  EXPECT_THAT(pretrain.description().budgets(), IsEmpty());
  EXPECT_EQ(pretrain.description().data_hash(), kDataHash);
  EXPECT_TRUE(pretrain.description().split_hash().empty());
  EXPECT_EQ(pretrain.description().recipe(), RecipeHash(SmallJob().stages()));
  EXPECT_FALSE(IsSet(pretrain.description().checkpoint()));
  EXPECT_EQ(pretrain.time_left_ms(), (kLeaseTime).count());

  const v1::Lease linearize = One("a", {Pretrained(pretrain)});
  EXPECT_EQ(linearize.description().stage(), StageName(Stage::kLinearize));
  EXPECT_THAT(linearize.description().budgets(), ElementsAre(kLargeBudget, kSmallBudget));
  EXPECT_EQ(linearize.description().weights(), Pretrained(pretrain).weights());
  EXPECT_EQ(linearize.description().data_hash(), kDataHash);
  EXPECT_EQ(linearize.description().split_hash(), kSplitHash);
  EXPECT_NE(linearize.description().seed(), pretrain.description().seed());
  EXPECT_EQ(linearize.description().split_seed(), pretrain.description().split_seed());

  const v1::Lease large = One("a", {Descended(linearize)});
  EXPECT_EQ(large.description().stage(), StageName(Stage::kFineTune));
  EXPECT_THAT(large.description().budgets(), ElementsAre(kLargeBudget));
  EXPECT_EQ(large.description().snapshot(), SnapshotFor(linearize, kLargeBudget).artifact());
  EXPECT_EQ(large.description().weights(), Pretrained(pretrain).weights());

  const v1::Lease small = One("a", {FineTuned(large, 0.9)});
  EXPECT_THAT(small.description().budgets(), ElementsAre(kSmallBudget));
  EXPECT_EQ(Job(job).state(), "RUNNING");
  clock_.Advance(Milliseconds(10));
  EXPECT_THAT(Sync("a", {FineTuned(small, 0.8)}), IsEmpty());

  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_EQ(Job(job).finished_at_ms(), ToUnixMs(clock_.Now()));
  EXPECT_EQ(Job(job).results(), 2);
  const v1::ResultList list = reader_->ListResults(job).value();
  ASSERT_THAT(list.results(), SizeIs(2));
  const v1::Result& r = list.results(0);
  EXPECT_EQ(r.report().relus(), kSmallBudget);
  const auto seed = [](uint64_t drawn) { return static_cast<int64_t>(drawn); };
  EXPECT_EQ(r.seeds().pretrain(), seed(pretrain.description().seed()));
  EXPECT_EQ(r.seeds().linearize(), seed(linearize.description().seed()));
  EXPECT_EQ(r.seeds().fine_tune(), seed(small.description().seed()));
  EXPECT_EQ(r.seeds().split(), seed(pretrain.description().split_seed()));
  EXPECT_EQ(r.seconds().pretrain(), 5);
  EXPECT_EQ(r.seconds().linearize(), 10'000 - kSmallBudget);
  EXPECT_EQ(r.seconds().fine_tune(), 5);
  EXPECT_EQ(r.provenance(), Measured());
  EXPECT_EQ(r.worker(), "a");
  EXPECT_TRUE(r.on_front());
  EXPECT_EQ(r.costs().at(kPapersMetric).value(), PapersOnlineSeconds(kSmallBudget));
  EXPECT_EQ(CountEvents("job.submitted"), 1);
  EXPECT_EQ(CountEvents("task.leased"), 4);
  EXPECT_EQ(CountEvents("task.succeeded"), 4);
  EXPECT_EQ(CountEvents("snapshot"), 2);
  EXPECT_EQ(CountEvents("result"), 2);
  EXPECT_EQ(CountEvents("job.finished"), 1);
}

TEST_F(CoordinatorTest, ValidateOnlyWritesNothing) {
  const auto outcome = coordinator_->Submit(CheckedJob(SmallJob()), "",
                                            /*validate_only=*/true);
  ASSERT_TRUE(outcome.ok()) << outcome.status();
  EXPECT_FALSE(outcome->job);
  EXPECT_EQ(outcome->preview.candidates(), 1);
  EXPECT_EQ(MapOf(outcome->preview.tasks()),
            (std::map<std::string, int64_t>{{"pretrain", 1}, {"linearize", 1}, {"fine-tune", 2}}));
  EXPECT_EQ(outcome->preview.networks(0).relus(), 30720);
  EXPECT_EQ(outcome->preview.recipe(), RecipeHash(SmallJob().stages()).substr(0, 12));
  EXPECT_THAT(reader_->ListJobs()->jobs(), IsEmpty());
}

TEST_F(CoordinatorTest, WrongJobIsRefusedWithEveryError) {
  v1::JobSpec spec = SmallJob();
  SetList(spec.mutable_candidates()->mutable_networks(), {"resnet18@4", "resnet99@4"});
  SetList(spec.mutable_budgets()->mutable_relus(), {1'000'000});
  const auto outcome = coordinator_->Submit(CheckedJob(spec), "", /*validate_only=*/false);
  EXPECT_EQ(outcome.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(outcome.status().message()),
              AllOf(HasSubstr("candidates.networks[1]"), HasSubstr("resnet99@4"),
                    HasSubstr("budgets.relus[0]: found 1000000")));
  EXPECT_THAT(reader_->ListJobs()->jobs(), IsEmpty());
}

TEST_F(CoordinatorTest, RepeatedSubmissionAnswersWithItsJob) {
  const JobId first = Submit(SmallJob(), "request-1");
  EXPECT_EQ(Submit(SmallJob(), "request-1"), first);
  EXPECT_NE(Submit(SmallJob(), "request-2"), first);
  EXPECT_NE(Submit(SmallJob()), Submit(SmallJob()));
  EXPECT_THAT(reader_->ListJobs()->jobs(), SizeIs(4));
}

TEST_F(CoordinatorTest, PretrainedFilesMustBeThereAndReachEveryTask) {
  v1::JobSpec spec = SmallJob();
  const std::string content = "weights";
  const v1::Artifact artifact =
      MakeArtifact(Sha256Hex(content), static_cast<int64_t>(content.size()));
  v1::PretrainedSpec& entry = *spec.mutable_candidates()->add_pretrained();
  entry.set_network("resnet18@4");
  entry.set_file("teacher.safetensors");
  entry.set_sha256(artifact.sha256());
  entry.set_bytes(artifact.bytes());
  const auto submit = [&](bool validate_only) {
    return coordinator_->Submit(CheckedJob(spec), "", validate_only).status();
  };
  EXPECT_TRUE(submit(/*validate_only=*/true).ok());
  const absl::Status missing = submit(/*validate_only=*/false);
  EXPECT_EQ(missing.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(missing.message()), HasSubstr("candidates.pretrained[0]"));
  EXPECT_TRUE(absl::IsUnavailable(coordinator_->NoteUpload(artifact)));

  ASSERT_EQ(File(content), artifact);
  ASSERT_TRUE(coordinator_->NoteUpload(artifact).ok());
  Submit(spec);
  v1::Lease lease = One("a");
  EXPECT_EQ(lease.description().stage(), StageName(Stage::kPretrain));
  EXPECT_EQ(lease.description().pretrained(), artifact);
  lease = One("a", {Pretrained(lease)});
  EXPECT_EQ(lease.description().stage(), StageName(Stage::kLinearize));
  EXPECT_EQ(lease.description().pretrained_file(), "teacher.safetensors");
  // The file stays for as long as its Candidate does; an upload without one goes after a day.
  const v1::Artifact alone = File("nobody's");
  ASSERT_TRUE(coordinator_->NoteUpload(alone).ok());
  Sync("a", {Running(lease)});
  Tick();
  EXPECT_TRUE(artifacts_.Has(alone));
  clock_.Advance(Milliseconds(24 * 3600 * 1000 + 1));
  Tick();
  EXPECT_FALSE(artifacts_.Has(alone));
  EXPECT_TRUE(artifacts_.Has(artifact));
}

TEST_F(CoordinatorTest, AddedBudgetsReopenTheDescent) {
  const JobId job = Submit();
  const auto add = [&](const std::vector<int64_t>& relus) {
    v1::BudgetsSpec more;
    SetList(more.mutable_relus(), relus);
    return coordinator_->AddBudgets(job, more);
  };
  v1::Lease lease = One("a");
  EXPECT_EQ(add({500}).status().code(), absl::StatusCode::kFailedPrecondition);
  lease = One("a", {Pretrained(lease)});
  v1::TaskReport descended = Descended(lease);
  *descended.mutable_checkpoint() = File("end");
  Sync("a", {descended});
  Finish("a");
  Finish("a");
  ASSERT_EQ(Job(job).state(), "FINISHED");
  Tick();
  EXPECT_TRUE(artifacts_.Has(descended.checkpoint()));

  EXPECT_EQ(add({2000}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(add({}).value().added, 0);
  EXPECT_EQ(add({kSmallBudget}).value().added, 0);
  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_EQ(add({500, 200}).value().added, 2);
  EXPECT_EQ(Job(job).state(), "RUNNING");
  EXPECT_THAT(SpecOf(job).budgets().relus(), ElementsAre(kSmallBudget, kLargeBudget, 500, 200));
  EXPECT_EQ(Task(job, Stage::kFineTune, 200).state(), "BLOCKED");
  lease = One("a");
  EXPECT_EQ(lease.description().stage(), StageName(Stage::kLinearize));
  EXPECT_EQ(lease.description().attempt(), 2);
  EXPECT_EQ(lease.description().checkpoint(), descended.checkpoint());
  EXPECT_THAT(lease.description().budgets(), ElementsAre(kLargeBudget, kSmallBudget, 500, 200));
  Sync("a", {Descended(lease)});
  Finish("a");
  Finish("a");
  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_EQ(Job(job).results(), 4);
}

TEST_F(CoordinatorTest, ReplicatesDifferInTheirSeedsAlone) {
  v1::JobSpec spec = SmallJob();
  spec.mutable_candidates()->set_replicates(2);
  Submit(spec);
  const v1::Lease first = One("a");
  const v1::Lease second = One("b");
  EXPECT_EQ(first.description().network(), second.description().network());
  EXPECT_NE(first.description().candidate(), second.description().candidate());
  EXPECT_NE(first.description().seed(), second.description().seed());
  EXPECT_EQ(first.description().split_seed(), second.description().split_seed());
}

TEST_F(CoordinatorTest, AnswerIsRepeatedUntilTheWorkerReports) {
  Submit();
  const v1::Lease lease = One("a");
  const v1::Lease again = One("a");  // the first answer was lost
  EXPECT_EQ(again.description().task(), lease.description().task());
  EXPECT_EQ(again.description().attempt(), 1);
  EXPECT_EQ(CountEvents("task.leased"), 1);
}

TEST_F(CoordinatorTest, AWorkerHasOneLeaseAtATime) {
  v1::JobSpec spec = SmallJob();
  spec.mutable_candidates()->set_replicates(3);
  Submit(spec);
  EXPECT_THAT(Sync("a"), SizeIs(1));
  EXPECT_THAT(Sync("a"), SizeIs(1));
  EXPECT_THAT(Sync("b"), SizeIs(1));
}

TEST_F(CoordinatorTest, ExpiredLeaseReturnsTaskToQueue) {
  Submit();
  const v1::Lease lease = One("a");
  Pass(kLeaseTime - Milliseconds(1));
  EXPECT_EQ(Task(lease).state(), "LEASED");
  Pass(Milliseconds(1));
  EXPECT_EQ(Task(lease).state(), "QUEUED");
  EXPECT_THAT(Task(lease).message(), HasSubstr("worker a said nothing of it for 30 s"));
  EXPECT_EQ(CountEvents("lease.expired"), 1);
  EXPECT_THAT(Sync("b"), IsEmpty()) << "not at once";
  Pass(Milliseconds(1'000));
  const v1::Lease next = One("b");
  EXPECT_EQ(next.description().task(), lease.description().task());
  EXPECT_EQ(next.description().attempt(), 2);
  EXPECT_THAT(Task(lease).message(), IsEmpty());
}

TEST_F(CoordinatorTest, ReportsRenewTheLease) {
  Submit();
  const v1::Lease lease = One("a");
  for (int i = 0; i < 5; ++i) {
    Pass(kLeaseTime / 2);
    EXPECT_EQ(One("a", {Running(lease)}).time_left_ms(), (kLeaseTime).count());
  }
  EXPECT_EQ(Task(lease).state(), "LEASED");
}

TEST_F(CoordinatorTest, LeaseThatTheWorkerNeverStartsExpires) {
  Submit();
  One("a");
  Pass(kLeaseTime / 2);
  EXPECT_EQ(One("a").time_left_ms(), (kLeaseTime / 2).count());
  Pass(kLeaseTime / 2);
  EXPECT_EQ(CountEvents("lease.expired"), 1);
}

TEST_F(CoordinatorTest, WorkerThatKeepsDyingFailsTheTask) {
  const JobId job = Submit();
  for (int attempt = 1; attempt <= 2; ++attempt) {
    EXPECT_EQ(One("a").description().attempt(), attempt);
    Pass(kLeaseTime);
    Pass(Milliseconds(1'000));
  }
  const v1::Task task = Task(job, Stage::kPretrain);
  EXPECT_EQ(task.state(), "FAILED");
  EXPECT_THAT(task.message(), AllOf(HasSubstr("worker a"), HasSubstr("2 of 2 allowed attempts"),
                                    HasSubstr("limits.max_attempts")));
  EXPECT_EQ(Task(job, Stage::kLinearize).state(), "CANCELLED");
  EXPECT_EQ(Task(job, Stage::kFineTune, kSmallBudget).state(), "CANCELLED");
  EXPECT_THAT(Task(job, Stage::kFineTune, kSmallBudget).message(), HasSubstr("pretrain"));
  EXPECT_EQ(Job(job).state(), "FAILED");
  EXPECT_THAT(Job(job).message(), HasSubstr("1 task failed"));
  EXPECT_THAT(Sync("a"), IsEmpty());
}

TEST_F(CoordinatorTest, TransientFailureIsRetriedOthersAreNot) {
  const JobId job = Submit();
  const v1::Lease first = One("a");
  EXPECT_THAT(Sync("a", {Failed(first, v1::Failure::TRANSIENT, "out of memory")}), IsEmpty());
  EXPECT_THAT(Job(job).message(), HasSubstr("the next one follows after 1 s: out of memory"));
  clock_.Advance(Milliseconds(1'000));
  const v1::Lease second = One("a");
  EXPECT_EQ(second.description().task(), first.description().task());
  EXPECT_EQ(second.description().attempt(), 2);
  EXPECT_THAT(Sync("a", {Failed(second, v1::Failure::REFUSED, "toy/1.png is broken")}), IsEmpty());
  EXPECT_EQ(Task(first).state(), "FAILED");
  EXPECT_THAT(Task(first).message(),
              AllOf(HasSubstr("toy/1.png is broken"), HasSubstr("worker a"), HasSubstr("epoch 3")));
  EXPECT_EQ(Job(job).state(), "FAILED");
  EXPECT_EQ(CountEvents("task.failed"), 1);
}

TEST_F(CoordinatorTest, ALongMessageIsCutBetweenCharacters) {
  Submit();
  const v1::Lease lease = One("a");
  // The 4000th byte is the first of a character's two.
  const std::string text = std::string(3'999, 'x') + "\xc3\xa9" + std::string(100, 'y');
  Sync("a", {Failed(lease, v1::Failure::REFUSED, text)});
  EXPECT_THAT(Task(lease).message(), HasSubstr("xxx (worker a"));
}

TEST_F(CoordinatorTest, LateResultIsIgnored) {
  const JobId job = Submit();
  const v1::Lease old = One("a");
  Pass(kLeaseTime);
  Pass(Milliseconds(1'000));
  const v1::Lease current = One("b");
  EXPECT_THAT(Report("a", Pretrained(old)), IsEmpty());
  EXPECT_EQ(Task(job, Stage::kPretrain).state(), "LEASED");
  EXPECT_EQ(Task(job, Stage::kPretrain).worker(), "b");
  // Nor does the right attempt of the wrong Worker count.
  EXPECT_THAT(Report("a", Pretrained(current)), IsEmpty());
  EXPECT_EQ(Task(job, Stage::kPretrain).state(), "LEASED");
}

TEST_F(CoordinatorTest, RepeatedResultCountsOnce) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  const v1::Lease fine_tune = One("a", {Descended(linearize)});
  const v1::TaskReport report = FineTuned(fine_tune);
  const v1::Lease next = One("a", {report, report});
  EXPECT_NE(next.description().task(), fine_tune.description().task());
  EXPECT_EQ(One("a", {report, Pretrained(linearize)}).description().task(),
            next.description().task());
  EXPECT_EQ(Job(job).results(), 1);
  EXPECT_EQ(CountEvents("result"), 1);
}

TEST_F(CoordinatorTest, SnapshotQueuesFineTuneWhileDescentGoesOn) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  EXPECT_THAT(Sync("b"), IsEmpty());
  v1::TaskReport report = Running(linearize);
  SetList(report.mutable_snapshots(), {SnapshotFor(linearize, kLargeBudget)});
  EXPECT_EQ(One("a", {report}).description().stage(), StageName(Stage::kLinearize));
  EXPECT_EQ(Task(linearize).state(), "LEASED");
  const v1::Lease fine_tune = One("b");
  EXPECT_EQ(fine_tune.description().stage(), StageName(Stage::kFineTune));
  EXPECT_THAT(fine_tune.description().budgets(), ElementsAre(kLargeBudget));
  EXPECT_EQ(Task(job, Stage::kFineTune, kSmallBudget).state(), "BLOCKED");
  // The same snapshot again changes nothing.
  One("a", {report});
  EXPECT_EQ(CountEvents("snapshot"), 1);
}

TEST_F(CoordinatorTest, SnapshotWithoutItsFileIsAskedForAgain) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  v1::TaskReport report = Running(linearize);
  SetList(report.mutable_snapshots(), {SnapshotFor(linearize, kLargeBudget)});
  artifacts_.Remove(report.snapshots(0).artifact());
  One("a", {report});
  EXPECT_EQ(Task(job, Stage::kFineTune, kLargeBudget).state(), "BLOCKED");
  SnapshotFor(linearize, kLargeBudget);
  One("a", {report});
  EXPECT_EQ(Task(job, Stage::kFineTune, kLargeBudget).state(), "QUEUED");
}

TEST_F(CoordinatorTest, SuccessWaitsForItsFileButNotForEver) {
  Submit();
  const v1::Lease lease = One("a");
  const v1::TaskReport report = Pretrained(lease);
  artifacts_.Remove(report.weights());
  EXPECT_EQ(One("a", {report}).description().task(), lease.description().task());
  clock_.Advance(kLeaseTime - Milliseconds(1));
  EXPECT_EQ(One("a", {report}).description().attempt(), 1);
  clock_.Advance(Milliseconds(1));
  EXPECT_THAT(Sync("a", {report}), IsEmpty());
  EXPECT_EQ(CountEvents("task.retried"), 1);
  clock_.Advance(Milliseconds(1'000));
  EXPECT_EQ(One("a").description().attempt(), 2);
}

TEST_F(CoordinatorTest, HandedBackDoesNotCount) {
  const JobId job = Submit();
  for (int attempt = 1; attempt <= 5; ++attempt) {
    const v1::Lease lease = One("a");
    EXPECT_EQ(lease.description().attempt(), attempt);
    v1::TaskReport report = Running(lease);
    report.set_state(v1::TaskReport::HANDED_BACK);
    SetList(report.mutable_epochs(), {Epoch(attempt - 1)});
    *report.mutable_checkpoint() = File(absl::StrCat("checkpoint ", attempt));
    EXPECT_THAT(Report("a", report), IsEmpty());
    EXPECT_EQ(Task(lease).state(), "QUEUED");
  }
  EXPECT_EQ(CountEvents("task.handed_back"), 5);
  const v1::Lease lease = One("b");
  EXPECT_EQ(lease.description().checkpoint(), File("checkpoint 5"));
  EXPECT_EQ(lease.epochs_received(), 5);
  EXPECT_EQ(Task(job, Stage::kPretrain).epochs_done(), 5);
}

TEST_F(CoordinatorTest, ShutdownReturnsLeasesThatNeverArrived) {
  Submit();
  const v1::Lease lease = One("a");  // this answer is lost
  v1::SynchronizeRequest goodbye = Request("a");
  goodbye.set_accepts_work(false);
  EXPECT_THAT(Call(goodbye), IsEmpty());
  EXPECT_EQ(Task(lease).state(), "QUEUED");
  EXPECT_EQ(One("b").description().attempt(), 2);
}

TEST_F(CoordinatorTest, AttemptResumesFromTheCheckpointAndItsEpochsReplaceTheLostOnes) {
  Submit();
  v1::Lease lease = One("a");
  v1::TaskReport report = Running(lease);
  SetList(report.mutable_epochs(), {Epoch(0, 0.1), Epoch(1, 0.2)});
  *report.mutable_checkpoint() = File("after epoch 1");
  EXPECT_EQ(One("a", {report}).epochs_received(), 2);
  SetList(report.mutable_epochs(), {Epoch(2, 0.3), Epoch(3, 0.4)});
  EXPECT_EQ(One("a", {report}).epochs_received(), 4);
  EXPECT_EQ(One("a", {report}).epochs_received(), 4);
  EXPECT_EQ(CountEvents("epoch"), 4);
  Pass(kLeaseTime);
  EXPECT_EQ(Task(lease).epochs_done(), 4);

  Pass(Milliseconds(1'000));
  lease = One("b");
  EXPECT_EQ(lease.description().checkpoint(), report.checkpoint());
  EXPECT_EQ(lease.epochs_received(), 2) << "the others were behind the checkpoint";
  report = Running(lease);
  SetList(report.mutable_epochs(), {Epoch(2, 0.35)});
  EXPECT_EQ(One("b", {report}).epochs_received(), 3);
  const v1::CandidateDetail detail =
      reader_->GetCandidate(CandidateId{lease.description().candidate()}).value();
  ASSERT_THAT(detail.curves(), SizeIs(3));
  EXPECT_EQ(detail.curves(1).attempt(), 1);
  EXPECT_EQ(detail.curves(2).attempt(), 2);
  EXPECT_EQ(detail.curves(2).epoch().validation_accuracy(), 0.35);
}

TEST_F(CoordinatorTest, CancelStopsLeases) {
  const JobId job = Submit();
  const v1::Lease lease = One("a");
  ASSERT_TRUE(coordinator_->Cancel(job).ok());
  EXPECT_THAT(Sync("a", {Running(lease)}), IsEmpty());
  EXPECT_EQ(Job(job).state(), "CANCELLED");
  EXPECT_EQ(MapOf(Job(job).tasks()), (std::map<std::string, int64_t>{{"CANCELLED", 4}}));
  EXPECT_THAT(Sync("a", {Pretrained(lease)}), IsEmpty());
  EXPECT_EQ(Task(lease).state(), "CANCELLED");
  ASSERT_TRUE(coordinator_->Cancel(job).ok());
  EXPECT_EQ(CountEvents("job.cancelled"), 1);
  EXPECT_EQ(coordinator_->Cancel(JobId{99}).code(), absl::StatusCode::kNotFound);
}

TEST_F(CoordinatorTest, CancelKeepsResultsAndEndedJobs) {
  const JobId job = Submit();
  Finish("a");
  ASSERT_TRUE(coordinator_->Cancel(job).ok());
  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_EQ(Job(job).results(), 2);
}

TEST_F(CoordinatorTest, DismissedWorkersHoldNothingAndLoseNoAttempt) {
  const JobId job = Submit();
  const v1::Lease pretrain = One("a");
  v1::TaskReport report = Running(pretrain);
  SetList(report.mutable_epochs(), {Epoch(0)});
  *report.mutable_checkpoint() = File("checkpoint");
  One("a", {report});
  const v1::Artifact unreported = File("what it stored last");
  Restart();
  ASSERT_TRUE(coordinator_->DismissEarlierWorkers().ok());
  EXPECT_EQ(Task(pretrain).state(), "QUEUED");
  EXPECT_FALSE(artifacts_.Has(unreported));
  // The same id at once, as another process.
  v1::SynchronizeRequest next = Request("a");
  next.mutable_worker()->set_incarnation("second");
  const std::vector<v1::Lease> again = Call(next);
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again[0].description().task(), pretrain.description().task());
  EXPECT_EQ(again[0].description().attempt(), 2);
  EXPECT_EQ(again[0].description().checkpoint(), report.checkpoint());
  EXPECT_TRUE(artifacts_.Has(report.checkpoint()));
  EXPECT_EQ(CountEvents("task.retried") + CountEvents("lease.expired"), 0);
  EXPECT_EQ(Job(job).state(), "RUNNING");
}

TEST_F(CoordinatorTest, TasksOfOneJobAloneAreHandedOutWhereThatIsAskedFor) {
  const JobId first = Submit();
  v1::JobSpec spec = SmallJob();
  spec.set_seed(2);
  const JobId second = Submit(spec);
  coordinator_->WorkOn(second);
  v1::SynchronizeRequest request = Request("a");
  request.mutable_worker()->clear_data();
  *request.mutable_worker()->add_data() = Opened(SmallJob());
  EXPECT_THAT(Synchronize(request)->open(), ElementsAre(Opened(spec).request()));
  *request.mutable_worker()->add_data() = Opened(spec);
  const std::vector<v1::Lease> leases = Call(request);
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].description().task(), Task(second, Stage::kPretrain).task());
  EXPECT_EQ(Task(first, Stage::kPretrain).state(), "QUEUED");
}

TEST_F(CoordinatorTest, RestartKeepsEverything) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  v1::TaskReport report = Running(linearize);
  SetList(report.mutable_epochs(), {Epoch(0)});
  SetList(report.mutable_snapshots(), {SnapshotFor(linearize, kLargeBudget)});
  One("a", {report});
  clock_.Advance(10 * kLeaseTime);
  Restart();
  Tick();
  EXPECT_EQ(Task(linearize).state(), "LEASED") << "nobody was there to hear the worker";
  const v1::Lease again = One("a", {report});
  EXPECT_EQ(again.description().task(), linearize.description().task());
  EXPECT_EQ(again.description().attempt(), linearize.description().attempt());
  EXPECT_EQ(again.description().settings(), linearize.description().settings());
  EXPECT_EQ(again.description().seed(), linearize.description().seed());
  EXPECT_EQ(again.epochs_received(), 1);
  EXPECT_THAT(Sync("b"), SizeIs(1)) << "the fine-tune is still queued";
  Restart();
  Pass(kLeaseTime);
  EXPECT_EQ(Task(linearize).state(), "QUEUED") << "the grace is one lease time";
  Pass(Milliseconds(1'000));
  Finish("c");
  EXPECT_EQ(Job(job).state(), "FINISHED");
  EXPECT_EQ(Job(job).results(), 2);
}

TEST_F(CoordinatorTest, RestartPricesResultsAgain) {
  const JobId job = Submit();
  Finish("a");
  const auto costs = [&] {
    std::map<std::string, double> values;
    const v1::ResultList list = reader_->ListResults(job).value();
    for (const auto& [metric, cost] : list.results(0).costs()) values[metric] = cost.value();
    return values;
  };
  const std::map<std::string, double> priced = costs();
  ASSERT_THAT(priced, Not(IsEmpty()));
  const ResultId result{reader_->ListResults(job)->results(0).result()};
  CostRow old;
  old.origin = std::make_shared<CostOrigin>(CostOrigin{
      .metric = kPapersMetric, .model_version = "0", .profile = "no setting", .note = ""});
  old.value = 1e9;
  const auto put = [&](Transaction& t) { return t.PutCosts(result, "an older set", {old}); };
  ASSERT_TRUE(store_->Transact(put).ok());
  EXPECT_THAT(costs(), ElementsAre(std::pair(kPapersMetric, 1e9)));
  Restart();
  EXPECT_EQ(costs(), priced);
}

TEST_F(CoordinatorTest, NewIncarnationLosesLeases) {
  Submit();
  const v1::Lease lease = One("a");
  v1::SynchronizeRequest reborn = Request("a");
  reborn.mutable_worker()->set_incarnation("second");
  Pass(Milliseconds(5'000));  // so long must the old one be silent
  EXPECT_THAT(Call(reborn), IsEmpty());
  Pass(Milliseconds(1'000));
  const std::vector<v1::Lease> leases = Call(reborn);
  ASSERT_THAT(leases, SizeIs(1));
  EXPECT_EQ(leases[0].description().task(), lease.description().task());
  EXPECT_EQ(leases[0].description().attempt(), 2);
  EXPECT_EQ(CountEvents("task.retried"), 1);
  EXPECT_EQ(CountEvents("worker.connected"), 2);

  // What the dead process sent last arrives late.
  const auto late = Synchronize(Request("a", {Pretrained(lease)}));
  EXPECT_EQ(late.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(late.status().message()), HasSubstr("worker id a"));
  EXPECT_EQ(Task(lease).state(), "LEASED");
}

TEST_F(CoordinatorTest, MalformedWorkersAreRefused) {
  v1::SynchronizeRequest request = Request("");
  EXPECT_EQ(Synchronize(request).status().code(), absl::StatusCode::kInvalidArgument);
  request = Request("a");
  request.mutable_worker()->set_incarnation("");
  EXPECT_EQ(Synchronize(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(CoordinatorTest, TestAccuracyIsSealedUntilUnsealed) {
  const JobId job = Submit();
  Finish("a");
  EXPECT_FALSE(reader_->ListResults(job)->results(0).has_accuracy_test());
  const v1::EventList list = reader_->ListEvents(JobId{}, 0, 1000).value();
  for (const v1::Event& event : list.events()) {
    EXPECT_THAT(event.detail(), Not(HasSubstr("8125")));
  }
  clock_.Advance(Milliseconds(5));
  ASSERT_TRUE(coordinator_->Unseal(job).ok());
  const Time unsealed = clock_.Now();
  clock_.Advance(Milliseconds(5));
  ASSERT_TRUE(coordinator_->Unseal(job).ok());
  EXPECT_EQ(Job(job).unsealed_at_ms(), ToUnixMs(unsealed));
  EXPECT_EQ(reader_->ListResults(job)->results(0).accuracy_test(), 0.8125);
  EXPECT_EQ(CountEvents("job.unsealed"), 1);
  EXPECT_EQ(coordinator_->Unseal(JobId{99}).code(), absl::StatusCode::kNotFound);
}

TEST_F(CoordinatorTest, InfeasibleDescentKeepsItsSnapshots) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  v1::TaskReport report = Failed(linearize, v1::Failure::INFEASIBLE, "ended at 2000 ReLUs");
  SetList(report.mutable_snapshots(), {SnapshotFor(linearize, kLargeBudget)});
  const v1::Lease fine_tune = One("a", {report});
  EXPECT_THAT(fine_tune.description().budgets(), ElementsAre(kLargeBudget));
  EXPECT_EQ(Task(linearize).state(), "FAILED");
  EXPECT_EQ(Task(job, Stage::kFineTune, kSmallBudget).state(), "CANCELLED");
  EXPECT_THAT(Task(job, Stage::kFineTune, kSmallBudget).message(),
              HasSubstr("ended at 2000 ReLUs"));
  EXPECT_EQ(Job(job).state(), "RUNNING");
  EXPECT_THAT(Sync("a", {FineTuned(fine_tune)}), IsEmpty());
  EXPECT_EQ(Job(job).state(), "FAILED");
  EXPECT_EQ(Job(job).results(), 1);

  v1::BudgetsSpec more;
  more.add_relus(2500);
  const auto added = coordinator_->AddBudgets(job, more);
  ASSERT_TRUE(added.ok()) << added.status();
  EXPECT_EQ(added->added, 0);
  EXPECT_THAT(added->notes, ElementsAre(AllOf(HasSubstr("is FAILED"), HasSubstr("another job"))));
  EXPECT_EQ(Job(job).state(), "FAILED");
}

TEST_F(CoordinatorTest, AFineTuneThatFailsLeavesTheOthersToTheDescent) {
  const JobId job = Submit();
  const v1::Lease linearize = One("a", {Pretrained(One("a"))});
  v1::TaskReport report = Running(linearize);
  SetList(report.mutable_snapshots(), {SnapshotFor(linearize, kLargeBudget)});
  One("a", {report});
  const v1::Lease large = One("b");
  EXPECT_THAT(large.description().budgets(), ElementsAre(kLargeBudget));
  EXPECT_THAT(Sync("b", {Failed(large, v1::Failure::DIVERGED, "loss is nan")}), IsEmpty());
  EXPECT_EQ(Task(large).state(), "FAILED");
  EXPECT_EQ(Task(job, Stage::kFineTune, kSmallBudget).state(), "BLOCKED");
  EXPECT_EQ(Job(job).state(), "RUNNING");
  const v1::Lease small = One("a", {Descended(linearize)});
  EXPECT_THAT(small.description().budgets(), ElementsAre(kSmallBudget));
  EXPECT_THAT(Sync("a", {FineTuned(small)}), IsEmpty());
  EXPECT_EQ(Job(job).state(), "FAILED");
  EXPECT_EQ(Job(job).results(), 1);
}

TEST_F(CoordinatorTest, DataSetIsRespected) {
  v1::JobSpec spec = SmallJob();
  spec.mutable_data()->set_set("cifar10");
  const JobId job = Submit(spec);
  EXPECT_THAT(Job(job).message(), HasSubstr("no worker is connected"));
  EXPECT_THAT(Sync("a"), IsEmpty());
  EXPECT_EQ(Job(job).message(),
            "waiting: none of the 1 connected worker can take its tasks; worker a: it has no data "
            "set cifar10");
  v1::SynchronizeRequest request = Request("b");
  SetList(request.mutable_worker()->mutable_data_sets(), {"toy", "cifar10"});
  request.mutable_worker()->clear_data();
  *request.mutable_worker()->add_data() = Opened(spec);
  EXPECT_THAT(Call(request), SizeIs(1));
  EXPECT_EQ(Job(job).message(), "");
}

TEST_F(CoordinatorTest, OlderJobsComeFirst) {
  const JobId first = Submit();
  const JobId second = Submit();
  EXPECT_EQ(One("a").description().job(), first.value);
  EXPECT_EQ(One("b").description().job(), second.value)
      << "of the first job nothing else is queued";
}

}  // namespace
}  // namespace reluscape
