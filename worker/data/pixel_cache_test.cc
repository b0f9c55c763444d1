#include "worker/data/pixel_cache.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "worker/data/data_test_util.h"
#include "worker/data/source.h"

namespace reluscape {
namespace {

namespace fs = std::filesystem;
using Pixels = std::vector<uint8_t>;

constexpr int kSide = 8;

class PixelCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* part : {"train", "test"}) {
      WriteBytes(folder_.path() + "/data/" + part + "/other/0.png", "never read");
      for (int i = 0; i < 3; ++i) Write(part, i, i + (part[1] == 'r' ? 0 : 10));
    }
  }
  std::string FileOf(const std::string& part, int i) const {
    return folder_.path() + "/data/" + part + "/only/" + std::to_string(i) + ".png";
  }
  void Write(const std::string& part, int i, int seed) const {
    WriteBytes(FileOf(part, i), EncodePng(Picture(kSide, kSide, 3, seed), kSide, kSide));
  }
  // Another content with the same size and time of change: only a cache still gives the old pixels.
  void Ruin(const std::string& part, int i) const {
    const std::string path = FileOf(part, i);
    const auto time = fs::last_write_time(path);
    WriteBytes(path, std::string(fs::file_size(path), 'x'));
    fs::last_write_time(path, time);
  }
  absl::StatusOr<Pixels> Read(int64_t index, bool train = true) const {
    auto source = OpenImageFolder(folder_.path() + "/data", kSide, cache());
    if (!source.ok()) return source.status();
    Pixels pixels(kSide * kSide * 3);
    const absl::Status read = (train ? source->train : source->test)->Read(index, pixels);
    if (!read.ok()) return read;
    return pixels;
  }
  std::string cache() const { return folder_.path() + "/made/cache"; }

  TemporaryFolder folder_;
};

TEST_F(PixelCacheTest, ImagesAreDecodedOnce) {
  EXPECT_EQ(*Read(1), Picture(kSide, kSide, 3, 1));
  EXPECT_EQ(*Read(1, /*train=*/false), Picture(kSide, kSide, 3, 11));
  for (const char* part : {"train", "test"}) Ruin(part, 1), Ruin(part, 2);
  EXPECT_EQ(*Read(1), Picture(kSide, kSide, 3, 1));
  EXPECT_EQ(*Read(1, /*train=*/false), Picture(kSide, kSide, 3, 11));
  // Not read before, so not there.
  EXPECT_EQ(Read(2).status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(PixelCacheTest, ChangedFilesAreDecodedAgain) {
  ASSERT_TRUE(Read(1).ok());
  Write("train", 1, 7);
  fs::last_write_time(FileOf("train", 1),
                      fs::last_write_time(FileOf("train", 1)) + std::chrono::seconds(2));
  EXPECT_EQ(*Read(1), Picture(kSide, kSide, 3, 7));
  // Every index is another image now.
  ASSERT_TRUE(Read(2).ok());
  fs::remove(FileOf("train", 0));
  EXPECT_EQ(*Read(1), Picture(kSide, kSide, 3, 2));
}

TEST_F(PixelCacheTest, EveryDamagedByteIsNoticed) {
  ASSERT_TRUE(Read(0).ok());
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(cache())) {
    if (entry.file_size() > 0) files.push_back(entry.path());
  }
  ASSERT_EQ(files.size(), 1U);
  const std::string whole = ReadBytes(files[0]);
  ASSERT_EQ(whole.size(), 16U + kSide * kSide * 3);
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    WriteBytes(files[0], damaged);
    ASSERT_EQ(*Read(0), Picture(kSide, kSide, 3, 0)) << i;
    ASSERT_EQ(ReadBytes(files[0]), whole) << i;  // mended
  }
  WriteBytes(files[0], whole.substr(0, 50));  // torn
  EXPECT_EQ(*Read(0), Picture(kSide, kSide, 3, 0));
  EXPECT_EQ(ReadBytes(files[0]), whole);
}

TEST_F(PixelCacheTest, AFolderThatCannotBeMadeIsNamed) {
  WriteBytes(folder_.path() + "/made", "a file");
  const absl::Status status = Read(0).status();
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr(cache()));
}

TEST_F(PixelCacheTest, SizesDoNotMix) {
  auto small = PixelCache::Open(cache(), "part", 12);
  auto large = PixelCache::Open(cache(), "part", 48);
  ASSERT_TRUE(small.ok() && large.ok());
  const Pixels twelve(12, 3);
  (*small)->Write(0, "origin", twelve);
  Pixels read(12);
  EXPECT_TRUE((*small)->Read(0, "origin", read));
  EXPECT_EQ(read, twelve);
  EXPECT_FALSE((*small)->Read(0, "another origin", read));
  EXPECT_FALSE((*small)->Read(1, "origin", read));
  Pixels more(48);
  EXPECT_FALSE((*large)->Read(0, "origin", more));
}

}  // namespace
}  // namespace reluscape
