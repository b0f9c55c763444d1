#include "base/sha256.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/files.h"

namespace reluscape {
namespace {

// FIPS 180-4 example "abc".
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256Test, MatchesTheStandardInOnePieceInPiecesAndFromAFile) {
  EXPECT_EQ(Sha256Hex("abc"), kAbc);
  Sha256 hash;
  hash.Update("a");
  hash.Update("bc");
  EXPECT_EQ(hash.HexDigest(), kAbc);
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / "abc";
  ASSERT_TRUE(WriteFileAtomically(path, "abc").ok());
  EXPECT_EQ(Sha256OfFile(path).value(), kAbc);
  EXPECT_EQ(Sha256OfFile("/nonexistent").status().code(), absl::StatusCode::kNotFound);
}

TEST(Sha256Test, OnlySixtyFourLowerCaseDigitsNameAnArtifact) {
  EXPECT_TRUE(IsSha256Hex(kAbc));
  EXPECT_FALSE(IsSha256Hex("../../etc/passwd"));
  EXPECT_FALSE(IsSha256Hex(std::string(64, 'A')));
  EXPECT_FALSE(IsSha256Hex(std::string(63, 'a')));
}

}  // namespace
}  // namespace reluscape
