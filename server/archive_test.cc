#include "server/archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/coordinator_test_util.h"

namespace reluscape {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr auto kResults = v1::JobSpec::RESULTS;
constexpr auto kFront = v1::JobSpec::FRONT;
constexpr auto kNothing = v1::JobSpec::NOTHING;

class ArchiveTest : public CoordinatorTest {
 protected:
  // Everything that a Job leaves that has finished. The smaller Budget is the more accurate, so
  // that it alone is on the Front.
  struct Left {
    JobId job;
    v1::Artifact pretrained;
    v1::Artifact last_state;  // of the descent
    std::vector<v1::Artifact> snapshots;
    v1::Artifact large;
    v1::Artifact small;

    std::vector<v1::Artifact> all() const {
      return {pretrained, last_state, snapshots[0], snapshots[1], large, small};
    }
  };
  Left RunJob(const v1::JobSpec& spec = SmallJob()) {
    Left left;
    left.job = Submit(spec);
    const v1::TaskReport pretrained = Pretrained(One("a"));
    left.pretrained = pretrained.weights();
    const v1::Lease linearize = One("a", {pretrained});
    v1::TaskReport descended = Descended(linearize);
    left.last_state = File(absl::StrCat("last state ", linearize.description().task()));
    *descended.mutable_checkpoint() = left.last_state;
    for (const v1::Snapshot& one : descended.snapshots()) left.snapshots.push_back(one.artifact());
    const v1::TaskReport large = FineTuned(One("a", {descended}), 0.8);
    left.large = large.result().artifact();
    const v1::TaskReport small = FineTuned(One("a", {large}), 0.9);
    left.small = small.result().artifact();
    Sync("a", {small});
    EXPECT_EQ(Job(left.job).state(), "FINISHED");
    Tick();
    return left;
  }

  std::vector<v1::Artifact> There(const std::vector<v1::Artifact>& artifacts) {
    std::vector<v1::Artifact> there;
    for (const v1::Artifact& one : artifacts) {
      if (artifacts_.Has(one)) there.push_back(one);
    }
    return there;
  }
  std::string Refusal(const absl::Status& status) {
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  }
  absl::Status AddBudget(JobId job) {
    v1::BudgetsSpec more;
    more.add_relus(500);
    return coordinator_->AddBudgets(job, more).status();
  }
};

TEST_F(ArchiveTest, TheWeightsOfResultsStayAndEverythingElseGoes) {
  const Left left = RunJob();
  EXPECT_EQ(There(left.all()), left.all()) << "nothing goes by itself";
  const v1::ResultList before = reader_->ListResults(left.job).value();
  clock_.Advance(Milliseconds(5'000));

  const FreedFiles freed = coordinator_->Archive(left.job, kResults).value();
  EXPECT_EQ(freed.files, 4);
  EXPECT_EQ(freed.bytes, left.pretrained.bytes() + left.last_state.bytes() +
                             left.snapshots[0].bytes() + left.snapshots[1].bytes());
  Tick();
  EXPECT_EQ(There(left.all()), (std::vector<v1::Artifact>{left.large, left.small}));

  EXPECT_EQ(Job(left.job).state(), "FINISHED");
  EXPECT_EQ(Job(left.job).archived_at_ms(), ToUnixMs(clock_.Now()));
  EXPECT_EQ(Job(left.job).keeps(), "results");
  EXPECT_EQ(reader_->ListResults(left.job).value(), before) << "numbers stay";
  const v1::JobDetail detail = reader_->GetJob(left.job).value();
  EXPECT_EQ(detail.artifact_files(), 2);
  EXPECT_EQ(detail.artifact_bytes(), left.large.bytes() + left.small.bytes());
  EXPECT_EQ(CountEvents("job.archived"), 1);

  // Again: nothing happens. Less: more goes.
  EXPECT_EQ(coordinator_->Archive(left.job, kResults)->files, 0);
  EXPECT_EQ(CountEvents("job.archived"), 1);
  EXPECT_EQ(coordinator_->Archive(left.job, kFront)->files, 1);
  Tick();
  EXPECT_EQ(There(left.all()), std::vector<v1::Artifact>{left.small});
  EXPECT_THAT(Refusal(coordinator_->Archive(left.job, kResults).status()),
              HasSubstr("keeps the weights of its front alone since"));
  EXPECT_EQ(coordinator_->Archive(left.job, kNothing)->files, 1);
  Tick();
  EXPECT_THAT(There(left.all()), IsEmpty());
  const v1::ResultList after = reader_->ListResults(left.job).value();
  ASSERT_THAT(after.results(), SizeIs(2));
  for (const v1::Result& result : after.results()) {
    EXPECT_EQ(result.weights_removed_at_ms(), ToUnixMs(clock_.Now()));
  }
  EXPECT_EQ(reader_->GetJob(left.job)->artifact_files(), 0);
}

TEST_F(ArchiveTest, AnArchivedJobSaysSoInsteadOfGoingOn) {
  const JobId running = Submit();
  EXPECT_THAT(Refusal(coordinator_->Archive(running, kResults).status()),
              AllOf(HasSubstr(absl::StrCat("job ", running.value)), HasSubstr("is running")));
  Sync("a", {Failed(One("a"), v1::Failure::REFUSED, "no")});
  ASSERT_EQ(Job(running).state(), "FAILED");
  EXPECT_EQ(coordinator_->Archive(running, v1::JobSpec::ALL).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(coordinator_->Archive(JobId{99}, kResults).status().code(),
            absl::StatusCode::kNotFound);

  const Left left = RunJob();
  for (const JobId job : {running, left.job}) {
    ASSERT_TRUE(coordinator_->Archive(job, kResults).ok());
  }
  const auto archived = AllOf(HasSubstr("is archived"), HasSubstr("was removed on 20"));
  EXPECT_THAT(Refusal(AddBudget(left.job)), archived);
  EXPECT_THAT(Refusal(coordinator_->Retry(running, std::nullopt).status()), archived);
  EXPECT_THAT(Refusal(coordinator_->ChooseData(left.job, kDataHash).status()), archived);
  EXPECT_TRUE(coordinator_->Cancel(left.job).ok());
  EXPECT_TRUE(coordinator_->Unseal(left.job).ok());
  EXPECT_EQ(Job(left.job).state(), "FINISHED");
}

TEST_F(ArchiveTest, AJobKeepsWhatItsFileAsksFor) {
  v1::JobSpec spec = SmallJob();
  spec.set_retention(kFront);
  EXPECT_EQ(RecipeHash(spec.stages()), RecipeHash(SmallJob().stages()));
  const Left front = RunJob(spec);
  EXPECT_EQ(There(front.all()), std::vector<v1::Artifact>{front.small});
  EXPECT_EQ(Job(front.job).keeps(), "front");
  EXPECT_THAT(Refusal(AddBudget(front.job)), HasSubstr("is archived"));

  spec.set_retention(kNothing);
  EXPECT_THAT(There(RunJob(spec).all()), IsEmpty());

  // What has failed can be retried; what was cancelled cannot.
  spec.set_retention(kResults);
  const JobId failed = Submit(spec);
  const v1::TaskReport pretrained = Pretrained(One("a"));
  Sync("a", {Failed(One("a", {pretrained}), v1::Failure::REFUSED, "no")});
  Tick();
  ASSERT_EQ(Job(failed).state(), "FAILED");
  EXPECT_EQ(Job(failed).keeps(), "all");
  EXPECT_TRUE(artifacts_.Has(pretrained.weights()));
  ASSERT_TRUE(coordinator_->Retry(failed, std::nullopt).ok());
  ASSERT_TRUE(coordinator_->Cancel(failed).ok());
  Tick();
  EXPECT_EQ(Job(failed).keeps(), "results");
  EXPECT_FALSE(artifacts_.Has(pretrained.weights()));
}

TEST_F(ArchiveTest, ADeletedJobLeavesNothingOfItsOwn) {
  // Both start from the same file.
  v1::JobSpec spec = SmallJob();
  const v1::Artifact shared = File("shared weights");
  v1::PretrainedSpec& pretrained = *spec.mutable_candidates()->add_pretrained();
  pretrained.set_network("resnet18@4");
  pretrained.set_file("teacher.safetensors");
  pretrained.set_sha256(shared.sha256());
  pretrained.set_bytes(shared.bytes());
  const Left stays = RunJob(spec);
  const Left goes = RunJob(spec);
  const DeletedJob deleted = coordinator_->Delete(goes.job).value();
  EXPECT_EQ(deleted.name, "small");
  EXPECT_EQ(deleted.results, 2);
  EXPECT_EQ(deleted.freed.files, 6);
  Tick();
  EXPECT_THAT(There(goes.all()), IsEmpty());
  EXPECT_EQ(There(stays.all()), stays.all());
  EXPECT_TRUE(artifacts_.Has(shared));
  EXPECT_EQ(reader_->GetJob(goes.job).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(coordinator_->Delete(goes.job).status().code(), absl::StatusCode::kNotFound);
  // Of its events the one that says so is left, for those who listen.
  EXPECT_EQ(CountEvents("job.deleted"), 1);
  EXPECT_EQ(CountEvents("job.submitted"), 1);

  // The last one that names the shared file takes it along.
  ASSERT_TRUE(coordinator_->Delete(stays.job).ok());
  Tick();
  EXPECT_FALSE(artifacts_.Has(shared));
  EXPECT_THAT(reader_->ListJobs()->jobs(), IsEmpty());
}

TEST_F(ArchiveTest, FilesOfADeletedJobGoAlsoAfterACrash) {
  const Left left = RunJob();
  ASSERT_TRUE(coordinator_->Delete(left.job).ok());
  EXPECT_EQ(There(left.all()), left.all());
  Restart();
  EXPECT_THAT(There(left.all()), IsEmpty());
}

TEST_F(ArchiveTest, ReportsForADeletedJobChangeNothing) {
  const JobId job = Submit();
  const v1::Lease lease = One("a");
  EXPECT_THAT(Refusal(coordinator_->Delete(job).status()),
              AllOf(HasSubstr("is running"), HasSubstr("cancel")));
  ASSERT_TRUE(coordinator_->Cancel(job).ok());
  ASSERT_TRUE(coordinator_->Delete(job).ok());
  // The next Job's Tasks have numbers of their own, so that what comes late hits none of them.
  const JobId next = Submit();
  EXPECT_GT(next.value, job.value);
  const v1::Lease other = One("b");
  EXPECT_NE(other.description().task(), lease.description().task());
  EXPECT_THAT(Sync("a", {Pretrained(lease)}), IsEmpty()) << "the worker is told to drop it";
  EXPECT_EQ(Task(other).state(), "LEASED");
  EXPECT_EQ(CountEvents("task.succeeded"), 0);
}

}  // namespace
}  // namespace reluscape
