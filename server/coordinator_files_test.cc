// What the coordinator does with the artifact folder: whose it is, what is removed from it and
// when.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/coordinator.h"
#include "server/coordinator_test_util.h"

namespace reluscape {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class CoordinatorFilesTest : public CoordinatorTest {};

TEST_F(CoordinatorFilesTest, AnUploadThatNobodyUsesGoesEvenWhereNothingElseHappens) {
  Tick();
  const v1::Artifact alone = File("alone");
  ASSERT_TRUE(coordinator_->NoteUpload(alone).ok());
  const Milliseconds hour{3600 * 1000};
  for (int i = 0; i < 23; ++i) {
    clock_.Advance(hour);
    Tick();
  }
  EXPECT_TRUE(artifacts_.Has(alone));
  clock_.Advance(2 * hour);
  Tick();
  EXPECT_FALSE(artifacts_.Has(alone));
}

TEST_F(CoordinatorFilesTest, ForeignArtifactFolderIsRefused) {
  Submit();
  v1::SynchronizeRequest request = Request("a");
  request.set_artifact_folder_id("elsewhere");
  const auto answer = Synchronize(request);
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(
      std::string(answer.status().message()),
      AllOf(HasSubstr("elsewhere"), HasSubstr(artifacts_.ReadId().value()), HasSubstr("worker a")));
  EXPECT_THAT(reader_->ListWorkers()->workers(), IsEmpty());
}

TEST_F(CoordinatorFilesTest, ADatabaseWithJobsHasOneArtifactFolder) {
  Submit();
  coordinator_.reset();
  const auto start = [&](const std::string& folder) {
    const ArtifactFolder other(folder_ / folder);
    return std::string(Coordinator::Start({}, *store_, other, clock_).status().message());
  };
  // As one that is not mounted: it is not made.
  EXPECT_THAT(start("away"), AllOf(HasSubstr((folder_ / "away").string()),
                                   HasSubstr(artifacts_.ReadId().value()), HasSubstr("mount")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "away"));
  ASSERT_TRUE(ArtifactFolder(folder_ / "foreign").WriteId("foreign-id").ok());
  EXPECT_THAT(start("foreign"), HasSubstr("foreign-id"));
  EXPECT_EQ(start("artifacts"), "");
}

TEST_F(CoordinatorFilesTest, AnArtifactFolderHasOneDatabase) {
  const std::unique_ptr<Store> other = Store::Open(folder_ / "other.db").value();
  const auto start = [&] {
    return std::string(Coordinator::Start({}, *other, artifacts_, clock_).status().message());
  };
  EXPECT_THAT(start(), HasSubstr("belongs to another database"));
  const std::string id = artifacts_.ReadId().value();
  // Nor a copy of the database while this one's coordinator runs.
  ASSERT_TRUE(
      other->Transact([&](Transaction& t) { return t.PutFact("artifact_folder_id", id); }).ok());
  EXPECT_THAT(start(), HasSubstr("locked"));
  coordinator_.reset();
  EXPECT_EQ(start(), "");
}

TEST_F(CoordinatorFilesTest, AStartThatWasKilledBeforeItsMarkerGoesOn) {
  coordinator_.reset();
  const std::string id = artifacts_.ReadId().value();
  std::filesystem::remove(folder_ / "artifacts" / "reluscape-artifacts.id");
  Restart();
  EXPECT_EQ(artifacts_.ReadId().value(), id);
}

TEST_F(CoordinatorFilesTest, OldFilesWithoutARowAreSwept) {
  Submit();
  const v1::Artifact unknown = File("unknown");
  const v1::Artifact young = File("young");
  const v1::Lease pretrain = One("a");
  v1::TaskReport report = Pretrained(pretrain);
  const v1::Artifact named = report.weights();
  Sync("a", {report});
  const auto age = [&](const v1::Artifact& artifact, int hours) {
    std::filesystem::last_write_time(
        artifacts_.PathOf(artifact),
        std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  for (const v1::Artifact& artifact : {unknown, named}) age(artifact, 25);
  age(young, 23);
  // A worker that was without a coordinator until now must have had time to call.
  clock_.Advance(kLeaseTime);
  Tick();
  EXPECT_TRUE(artifacts_.Has(unknown));
  clock_.Advance(kLeaseTime);
  Tick();
  EXPECT_FALSE(artifacts_.Has(unknown));
  EXPECT_TRUE(artifacts_.Has(young));
  EXPECT_TRUE(artifacts_.Has(named));
  // The next pass is an hour later.
  age(young, 25);
  clock_.Advance(Milliseconds(59 * 60'000));
  Tick();
  EXPECT_TRUE(artifacts_.Has(young));
  clock_.Advance(Milliseconds(60'000));
  Tick();
  EXPECT_FALSE(artifacts_.Has(young));
  EXPECT_TRUE(artifacts_.Has(named));
}

TEST_F(CoordinatorFilesTest, ALargeFolderIsSweptAPartAtATime) {
  std::vector<v1::Artifact> old;
  for (int i = 0; i < 400; ++i) {
    old.push_back(File(absl::StrCat("old ", i)));
    std::filesystem::last_write_time(
        artifacts_.PathOf(old.back()),
        std::filesystem::file_time_type::clock::now() - std::chrono::hours(25));
  }
  const auto left = [&] {
    return std::count_if(old.begin(), old.end(),
                         [&](const v1::Artifact& one) { return artifacts_.Has(one); });
  };
  clock_.Advance(2 * kLeaseTime);
  Tick();
  EXPECT_GE(left(), 150);
  for (int i = 0; i < 5; ++i) Tick();
  EXPECT_EQ(left(), 0);
}

TEST_F(CoordinatorFilesTest, OldCheckpointsAreRemoved) {
  Submit();
  const v1::Lease lease = One("a");
  v1::TaskReport report = Running(lease);
  *report.mutable_checkpoint() = File("one");
  One("a", {report});
  Tick();
  EXPECT_TRUE(artifacts_.Has(File("one")));
  *report.mutable_checkpoint() = File("two");
  One("a", {report});
  Tick();
  EXPECT_FALSE(artifacts_.Has(MakeArtifact(Sha256Hex("one"), 3)));
  EXPECT_TRUE(artifacts_.Has(MakeArtifact(Sha256Hex("two"), 3)));
  const v1::Lease next = One("a", {Pretrained(lease)});
  Tick();
  EXPECT_FALSE(artifacts_.Has(MakeArtifact(Sha256Hex("two"), 3)));
  EXPECT_TRUE(artifacts_.Has(next.description().weights()));
}

TEST_F(CoordinatorFilesTest, TheLastGoodCheckpointOfAFailureStays) {
  Submit();
  const v1::Lease lease = One("a");
  v1::TaskReport report = Running(lease);
  *report.mutable_checkpoint() = File("last good");
  One("a", {report});
  report = Failed(lease, v1::Failure::DIVERGED, "the last good checkpoint is ...");
  *report.mutable_checkpoint() = File("last good");
  EXPECT_THAT(Sync("a", {report}), IsEmpty());
  Tick();
  Tick();
  EXPECT_TRUE(artifacts_.Has(report.checkpoint()));
}

TEST_F(CoordinatorFilesTest, CheckpointWithoutItsFileIsNotTaken) {
  Submit();
  const v1::Lease lease = One("a");
  v1::TaskReport report = Running(lease);
  *report.mutable_checkpoint() = MakeArtifact(Sha256Hex("never written"), 13);
  EXPECT_FALSE(IsSet(One("a", {report}).description().checkpoint()));
}

}  // namespace
}  // namespace reluscape
