#include "storage/artifacts/artifact_upload.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

class ArtifactUploadTest : public ::testing::Test {
 protected:
  ArtifactUploadTest()
      : path_(std::filesystem::path(::testing::TempDir()) /
              absl::StrCat("artifact_upload_test_", ::getpid())),
        folder_(path_) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~ArtifactUploadTest() override { std::filesystem::remove_all(path_); }

  size_t Files() const {
    size_t files = 0;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path_)) {
      files += entry.is_regular_file() ? 1 : 0;
    }
    return files;
  }

  const std::string content_ = "some tensors";
  const v1::Artifact announced_ =
      MakeArtifact(Sha256Hex(content_), static_cast<int64_t>(content_.size()));
  const std::filesystem::path path_;
  const ArtifactFolder folder_;
};

TEST_F(ArtifactUploadTest, PiecesBecomeAnArtifactWithTheCommit) {
  absl::StatusOr<ArtifactUpload> upload = ArtifactUpload::Begin(folder_, announced_);
  ASSERT_TRUE(upload.ok()) << upload.status();
  ArtifactUpload moved = *std::move(upload);
  ASSERT_TRUE(moved.Append("some ").ok());
  ASSERT_TRUE(moved.Append("").ok());
  EXPECT_FALSE(folder_.Has(announced_));
  ASSERT_TRUE(moved.Append("tensors").ok());
  ASSERT_TRUE(moved.Commit().ok());
  EXPECT_EQ(folder_.Get(announced_).value(), content_);
  EXPECT_EQ(Files(), 1);
}

TEST_F(ArtifactUploadTest, AnotherContentIsRefusedAndLeavesNothing) {
  const auto outcome = [&](const std::string& content) {
    absl::StatusOr<ArtifactUpload> upload = ArtifactUpload::Begin(folder_, announced_);
    EXPECT_TRUE(upload.ok());
    const absl::Status appended = upload->Append(content);
    return appended.ok() ? upload->Commit() : appended;
  };
  EXPECT_EQ(outcome("some tensor").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(outcome("some tensorz").code(), absl::StatusCode::kDataLoss);
  const absl::Status longer = outcome("some tensors!");
  EXPECT_EQ(longer.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(longer.message().find("announced 12 bytes"), absl::string_view::npos) << longer;
  EXPECT_EQ(Files(), 0);
}

TEST_F(ArtifactUploadTest, NamesAndSizesOutOfRangeAreRefusedBeforeAnythingIsMade) {
  for (const v1::Artifact& announced :
       {MakeArtifact("../../etc/passwd", 5), MakeArtifact("", 5),
        MakeArtifact(announced_.sha256(), 0), MakeArtifact(announced_.sha256(), -1),
        MakeArtifact(announced_.sha256(), kMaxPretrainedFileBytes + 1)}) {
    EXPECT_EQ(ArtifactUpload::Begin(folder_, announced).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
  EXPECT_TRUE(std::filesystem::is_empty(path_));
}

}  // namespace
}  // namespace reluscape
