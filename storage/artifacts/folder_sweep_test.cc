#include "storage/artifacts/folder_sweep.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr Milliseconds kDay{24 * 3600 * 1000};

class FolderSweepTest : public ::testing::Test {
 protected:
  FolderSweepTest() : root_(MakeRoot()), folder_(root_) {
    EXPECT_TRUE(folder_.WriteId(ArtifactFolder::NewId()).ok());
  }
  ~FolderSweepTest() override { fs::remove_all(root_); }

  static fs::path MakeRoot() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    const fs::path root =
        fs::path(::testing::TempDir()) / absl::StrCat("sweep_", ::getpid(), "_", info->name());
    fs::remove_all(root);
    fs::create_directories(root);
    return root;
  }

  static fs::path Aged(const fs::path& path, std::chrono::hours age = std::chrono::hours(25)) {
    fs::last_write_time(path, fs::file_time_type::clock::now() - age);
    return path;
  }
  // Stored that long ago.
  fs::path Artifact(const std::string& content, std::chrono::hours age) {
    return Aged(folder_.PathOf(*folder_.Put(content)), age);
  }
  fs::path File(const fs::path& path) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << "x";
    return path;
  }
  // The paths that a whole pass finds, `most` entries at a time.
  std::vector<fs::path> Found(int64_t most = 1000) {
    FolderSweep sweep = FolderSweep::Begin(folder_, kDay).value();
    std::vector<fs::path> found;
    while (!sweep.HasEnded()) {
      const std::vector<OldFile> some = sweep.Next(most);
      EXPECT_LE(some.size(), most);
      for (const OldFile& file : some) found.push_back(file.path);
    }
    return found;
  }

  const fs::path root_;
  const ArtifactFolder folder_;
};

TEST_F(FolderSweepTest, FindsOldArtifactsPartsAndProbes) {
  const fs::path old = Artifact("old", std::chrono::hours(25));
  const fs::path young = Artifact("young", std::chrono::hours(23));
  const fs::path part = Aged(File(young.string() + ".part-AbCdEf"));
  const fs::path probe = Aged(File(root_ / "probe-0123.part"));
  const fs::path probe_part = Aged(File(root_ / "probe-0123.part.part-AbCdEf"));
  const fs::path marker_part = Aged(File(root_ / "reluscape-artifacts.id.part-AbCdEf"));
  File(young.string() + ".part-GhIjKl");
  EXPECT_THAT(Found(), UnorderedElementsAre(old, part, probe, probe_part, marker_part));
}

TEST_F(FolderSweepTest, FilesOfOtherNamesAreSomebodyElses) {
  const fs::path ours = folder_.PathOf(*folder_.Put("ours"));
  const std::string hash = ours.stem();
  Aged(root_ / "reluscape-artifacts.id");
  Aged(File(root_ / "reluscape-artifacts.lock"));
  Aged(File(root_ / "notes.txt"));
  Aged(File(root_ / (hash + ".safetensors")));  // not in its folder
  Aged(File(ours.parent_path() / "notes.txt"));
  Aged(File(ours.parent_path() / (hash + ".bin")));
  Aged(File(ours.parent_path() / (hash + ".safetensors.part-long-name")));
  Aged(File(ours.parent_path() / (hash.substr(0, 63) + ".safetensors")));
  Aged(File(root_ / "zz" / (std::string(64, 'z') + ".safetensors")));
  Aged(File(root_ / "00" / (std::string(64, '1') + ".safetensors")));  // the folder of others
  Aged(File(root_ / "backup" / (std::string(64, '0') + ".safetensors")));
  fs::create_directories(Aged(ours).parent_path() / (std::string(64, '0') + ".safetensors"));
  fs::create_symlink(
      File(root_ / "elsewhere"),
      ours.parent_path() / (hash.substr(0, 2) + std::string(62, '0') + ".safetensors"));
  EXPECT_THAT(Found(), ElementsAre(ours));
}

TEST_F(FolderSweepTest, AnyFolderIsGoneThroughInSmallSteps) {
  std::set<fs::path> all;
  for (int i = 0; i < 300; ++i) all.insert(Artifact(absl::StrCat(i), std::chrono::hours(25)));
  for (const int64_t most : {1, 7, 1000}) {
    const std::vector<fs::path> found = Found(most);
    EXPECT_EQ(found.size(), all.size()) << most;
    EXPECT_EQ(std::set<fs::path>(found.begin(), found.end()), all) << most;
  }
}

TEST_F(FolderSweepTest, WhatIsStoredAgainBetweenFindingAndRemovingStays) {
  const fs::path again = Artifact("again", std::chrono::hours(25));
  const fs::path old = Artifact("old", std::chrono::hours(25));
  FolderSweep sweep = FolderSweep::Begin(folder_, kDay).value();
  const std::vector<OldFile> found = sweep.Next(1000);
  ASSERT_EQ(found.size(), 2u);
  ASSERT_TRUE(folder_.Put("again").ok());
  for (const OldFile& file : found) EXPECT_EQ(sweep.Remove(file), file.path == old) << file.path;
  EXPECT_FALSE(fs::exists(old));
  EXPECT_EQ(*folder_.Get(MakeArtifact(again.stem(), 5)), "again");
  // Nothing is left beside it.
  EXPECT_EQ(std::distance(fs::directory_iterator(again.parent_path()), fs::directory_iterator()),
            1);
}

TEST_F(FolderSweepTest, APartThatIsWrittenOnStays) {
  const fs::path part = Aged(File(Artifact("x", std::chrono::hours(0)).string() + ".part-AbCdEf"));
  FolderSweep sweep = FolderSweep::Begin(folder_, kDay).value();
  const std::vector<OldFile> found = sweep.Next(1000);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].sha256.empty());
  std::ofstream(part, std::ios::app) << "more";
  EXPECT_FALSE(sweep.Remove(found[0]));
  Aged(part);
  EXPECT_TRUE(sweep.Remove(found[0]));
  EXPECT_FALSE(fs::exists(part));
  EXPECT_FALSE(sweep.Remove(found[0]));
}

// The clock of the machine on which the files lie counts, as far as it is seen in the folder.
TEST_F(FolderSweepTest, AnAgeOfNoneIsEverythingUntilNow) {
  const fs::path young = folder_.PathOf(*folder_.Put("young"));  // as the kernel dates it
  const fs::path later = Artifact("later", std::chrono::hours(-1));
  FolderSweep sweep = FolderSweep::Begin(folder_, Milliseconds(0)).value();
  const std::vector<OldFile> found = sweep.Next(1000);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].path, young);
  EXPECT_EQ(found[0].bytes, 5);
  EXPECT_TRUE(sweep.Remove(found[0]));
}

TEST_F(FolderSweepTest, AFolderThatIsAwayIsAnError) {
  fs::remove_all(root_);
  EXPECT_EQ(FolderSweep::Begin(folder_, kDay).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(fs::exists(root_));
}

}  // namespace
}  // namespace reluscape
