#include "base/files.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace reluscape {
namespace {

TEST(FilesTest, WhatIsWrittenIsReadBackAndReplacesTheOldFile) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "files_test.bin";
  ASSERT_TRUE(WriteFileAtomically(path, "old").ok());
  const std::string content("new\0bytes", 9);
  ASSERT_TRUE(WriteFileAtomically(path, content).ok());
  EXPECT_EQ(ReadFile(path, 100).value(), content);
}

TEST(FilesTest, AnUnfinishedFileIsKnownByItsName) {
  EXPECT_EQ(FinishedName(UnfinishedTemplate("a.json")), "a.json");
  EXPECT_EQ(FinishedName("a.part-AbCdEf"), "a");
  EXPECT_EQ(FinishedName("a.part-long-name"), std::nullopt);
  EXPECT_EQ(FinishedName(".part-AbCdEf"), std::nullopt);
  EXPECT_EQ(FinishedName("a.part"), std::nullopt);
}

TEST(FilesTest, RenamingReplacesAndNamesWhatItCannotDo) {
  const std::filesystem::path folder = testing::TempDir();
  ASSERT_TRUE(WriteFileAtomically(folder / "files_test.from", "new").ok());
  ASSERT_TRUE(WriteFileAtomically(folder / "files_test.to", "old").ok());
  ASSERT_TRUE(RenameDurably(folder / "files_test.from", folder / "files_test.to").ok());
  EXPECT_EQ(ReadFile(folder / "files_test.to", 100).value(), "new");
  EXPECT_FALSE(std::filesystem::exists(folder / "files_test.from"));
  const absl::Status status = RenameDurably(folder / "files_test.from", folder / "files_test.to");
  EXPECT_NE(status.message().find("files_test.to"), std::string::npos);
  EXPECT_EQ(ReadFile(folder / "files_test.to", 100).value(), "new");
}

TEST(FilesTest, AFileOverTheLimitIsRefusedByName) {
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "files_test.big";
  ASSERT_TRUE(WriteFileAtomically(path, std::string(11, 'x')).ok());
  const absl::Status status = ReadFile(path, 10).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(status.message().find("files_test.big"), std::string::npos);
}

TEST(FilesTest, AMissingFileAndAFolderAreNotFound) {
  EXPECT_EQ(ReadFile("/nonexistent/x", 10).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(ReadFile(testing::TempDir(), 10).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(WriteFileAtomically("/nonexistent/x", "y").ok());
}

}  // namespace
}  // namespace reluscape
