#include "storage/artifacts/artifact_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/vocabulary/states.h"

namespace reluscape {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ArtifactFolderTest : public ::testing::Test {
 protected:
  ArtifactFolderTest() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::path(::testing::TempDir()) / (std::string("artifact_folder_") + info->name());
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  ~ArtifactFolderTest() override { fs::remove_all(root_); }

  fs::path root_;
};

TEST_F(ArtifactFolderTest, MarkerIsWrittenOnceAndReadByOthers) {
  const ArtifactFolder folder(root_ / "a" / "b");
  const auto missing = folder.ReadId();
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr((root_ / "a" / "b").string()));

  const std::string id = ArtifactFolder::NewId();
  EXPECT_EQ(id.size(), 32u);
  EXPECT_NE(id, ArtifactFolder::NewId());
  ASSERT_TRUE(folder.WriteId(id).ok());
  EXPECT_EQ(*ArtifactFolder(root_ / "a" / "b").ReadId(), id);
}

TEST_F(ArtifactFolderTest, IsLockedForOneCoordinatorAtATime) {
  const ArtifactFolder folder(root_ / "a");
  auto first = folder.Lock();
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_NE(*first, nullptr) << "the tests' folder is on a file system without locks";
  const auto second = ArtifactFolder(root_ / "a").Lock();
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()),
              AllOf(HasSubstr((root_ / "a").string()), HasSubstr(absl::StrCat(::getpid(), " on ")),
                    HasSubstr("--artifact-dir")));
  first->reset();
  EXPECT_TRUE(ArtifactFolder(root_ / "a").Lock().ok());
}

TEST_F(ArtifactFolderTest, WhatIsStoredAgainCountsAsWrittenNow) {
  const ArtifactFolder folder(root_);
  const v1::Artifact artifact = *folder.Put("weights");
  const fs::path path = folder.PathOf(artifact);
  const auto old = fs::last_write_time(path) - std::chrono::hours(48);
  fs::last_write_time(path, old);
  ASSERT_TRUE(folder.Put("weights").ok());
  EXPECT_GT(fs::last_write_time(path), old + std::chrono::hours(47));
}

TEST_F(ArtifactFolderTest, AFolderThatIsAwayIsNotMade) {
  EXPECT_FALSE(ArtifactFolder(root_ / "unmounted").Put("weights").ok());
  EXPECT_FALSE(fs::exists(root_ / "unmounted"));
}

TEST_F(ArtifactFolderTest, PutThenGet) {
  const ArtifactFolder folder(root_);
  const std::string content("weights\0and masks", 17);
  const auto artifact = folder.Put(content);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(artifact->sha256(), Sha256Hex(content));
  EXPECT_EQ(artifact->bytes(), 17);
  EXPECT_TRUE(folder.Has(*artifact));
  EXPECT_EQ(*folder.Get(*artifact), content);
  EXPECT_EQ(folder.PathOf(*artifact),
            root_ / artifact->sha256().substr(0, 2) / (artifact->sha256() + ".safetensors"));
  EXPECT_EQ(*folder.Put(content), *artifact);

  folder.Remove(*artifact);
  EXPECT_FALSE(folder.Has(*artifact));
  EXPECT_EQ(folder.Get(*artifact).status().code(), absl::StatusCode::kNotFound);
  folder.Remove(*artifact);
}

TEST_F(ArtifactFolderTest, DamageIsFoundAndHealedByTheNextPut) {
  const ArtifactFolder folder(root_);
  const v1::Artifact artifact = *folder.Put("0123456789");
  std::ofstream(folder.PathOf(artifact)) << "0123456780";
  EXPECT_TRUE(folder.Has(artifact));
  EXPECT_EQ(folder.Get(artifact).status().code(), absl::StatusCode::kDataLoss);
  std::ofstream(folder.PathOf(artifact)) << "01234";
  EXPECT_FALSE(folder.Has(artifact));
  EXPECT_EQ(folder.Get(artifact).status().code(), absl::StatusCode::kDataLoss);
  ASSERT_TRUE(folder.Put("0123456789").ok());
  EXPECT_EQ(*folder.Get(artifact), "0123456789");
}

TEST_F(ArtifactFolderTest, AProbeSaysWhetherTheFolderCanBeUsedAndLeavesNothing) {
  const ArtifactFolder folder(root_);
  EXPECT_EQ(folder.Probe(4096).code(), absl::StatusCode::kNotFound) << "no marker";
  ASSERT_TRUE(folder.WriteId(ArtifactFolder::NewId()).ok());
  for (const int64_t bytes : {int64_t{0}, int64_t{4099}, int64_t{1} << 20}) {
    EXPECT_TRUE(folder.Probe(bytes).ok()) << bytes;
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()), 1);

  fs::remove(root_ / "reluscape-artifacts.id");
  const absl::Status gone = folder.Probe(4096);
  EXPECT_EQ(gone.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(gone.message()), HasSubstr(root_.string()));
}

TEST_F(ArtifactFolderTest, AProbeFindsAFullDisk) {
  // A limit on the size of files is the full disk that a test can have.
  const ArtifactFolder folder(root_);
  ASSERT_TRUE(folder.WriteId(ArtifactFolder::NewId()).ok());
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto ignored = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 64 << 10, .rlim_max = before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status fits = folder.Probe(16 << 10);
  const absl::Status larger = folder.Probe(128 << 10);
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, ignored);
  EXPECT_TRUE(fits.ok()) << fits;
  EXPECT_FALSE(larger.ok());
  EXPECT_THAT(std::string(larger.message()), HasSubstr("cannot write"));
  EXPECT_EQ(std::distance(fs::directory_iterator(root_), fs::directory_iterator()), 1);
}

TEST_F(ArtifactFolderTest, NamesThatAreNoDigestNeverBecomePaths) {
  const ArtifactFolder folder(root_ / "artifacts");
  ASSERT_TRUE(folder.WriteId(ArtifactFolder::NewId()).ok());
  std::ofstream(root_ / "secret.safetensors") << "secret";
  for (const std::string name : {"../secret", "", "ab", "..", "/etc/passwd"}) {
    const v1::Artifact artifact = MakeArtifact(name, 6);
    EXPECT_FALSE(folder.Has(artifact)) << name;
    EXPECT_EQ(folder.Get(artifact).status().code(), absl::StatusCode::kNotFound) << name;
    folder.Remove(artifact);
    EXPECT_EQ(folder.PathOf(artifact).parent_path(), root_ / "artifacts") << name;
  }
  EXPECT_TRUE(fs::exists(root_ / "secret.safetensors"));
}

TEST(ViewsTest, StateNamesAreReadBack) {
  for (const TaskState state : {TaskState::kBlocked, TaskState::kQueued, TaskState::kLeased,
                                TaskState::kSucceeded, TaskState::kFailed, TaskState::kCancelled}) {
    EXPECT_EQ(ParseTaskState(TaskStateName(state)), state);
  }
  EXPECT_EQ(ParseTaskState("queued"), std::nullopt);
  EXPECT_STREQ(JobStateName(JobState::kFinished), "FINISHED");
}

}  // namespace
}  // namespace reluscape
