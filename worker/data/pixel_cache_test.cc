#include "worker/data/pixel_cache.h"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "base/sha256.h"
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
  // The cache's file of the training images; made where it is missing.
  std::string FileOfTrain() const {
    EXPECT_TRUE(OpenImageFolder(folder_.path() + "/data", kSide, cache()).ok());
    return cache() + "/" +
           Sha256Hex(folder_.path() + "/data\ntrain\n" + std::to_string(kSide * kSide * 3))
               .substr(0, 32) +
           ".pixels";
  }
  static int Count(const std::string& text, const std::string& part) {
    int count = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
      ++count;
    }
    return count;
  }

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

// Images come out right whatever is wrong with the cache, and its file or folder is named, once.
TEST_F(PixelCacheTest, WithoutACacheImagesAreDecoded) {
  const auto expect_right = [&](const std::string& named, int warnings) {
    ::testing::internal::CaptureStdout();
    const auto source = OpenImageFolder(folder_.path() + "/data", kSide, cache());
    ASSERT_TRUE(source.ok()) << source.status();
    for (int round = 0; round < 2; ++round) {
      for (int64_t i = 0; i < 3; ++i) {
        Pixels pixels(kSide * kSide * 3);
        const absl::Status read = source->train->Read(i, pixels);
        ASSERT_TRUE(read.ok()) << read;
        EXPECT_EQ(pixels, Picture(kSide, kSide, 3, static_cast<int>(i)));
      }
    }
    const std::string log = ::testing::internal::GetCapturedStdout();
    EXPECT_THAT(log, ::testing::HasSubstr(named));
    EXPECT_EQ(Count(log, "[warning]"), warnings) << log;
  };
  // Both parts need the folder, and both say so.
  WriteBytes(cache(), "a file");
  expect_right(cache(), 2);
  fs::remove_all(folder_.path() + "/made");
  WriteBytes(folder_.path() + "/made", "a file");
  expect_right(cache(), 2);
  fs::remove(folder_.path() + "/made");
  // No rights help there, not even root's.
  fs::create_directory_symlink("/proc/self", folder_.path() + "/made");
  expect_right(cache(), 2);
  fs::remove(folder_.path() + "/made");

  const std::string file = FileOfTrain();
  fs::remove(file);
  fs::create_directory(file);
  expect_right(file + ": Is a directory", 1);
  fs::remove(file);
  // Reads zeros; a disk without room.
  fs::create_symlink("/dev/full", file);
  expect_right("cannot write " + file + ": No space left on device", 1);
  fs::remove(file);
  // Cannot be read at a place.
  ASSERT_EQ(::mkfifo(file.c_str(), 0600), 0);
  expect_right("cannot read " + file, 1);
  fs::remove(file);
  // A link that leads nowhere.
  fs::create_symlink("/proc/self/none", file);
  expect_right("cannot open " + file, 1);
}

TEST_F(PixelCacheTest, ACacheThatMayNotBeWrittenIsRead) {
  ASSERT_TRUE(Read(1).ok());
  const std::string file = FileOfTrain();
  const std::string whole = ReadBytes(file);
  Ruin("train", 1);
  for (const fs::path& path : {fs::path(folder_.path()), fs::path(cache())}) {
    fs::permissions(path, fs::perms(0555));
  }
  fs::permissions(file, fs::perms(0444));
  ::testing::internal::CaptureStdout();
  {
    const WithoutRights without_rights;
    EXPECT_EQ(*Read(1), Picture(kSide, kSide, 3, 1));
    EXPECT_EQ(*Read(0), Picture(kSide, kSide, 3, 0));
  }
  EXPECT_THAT(::testing::internal::GetCapturedStdout(),
              ::testing::HasSubstr("cannot write " + file + ": Permission denied"));
  fs::permissions(folder_.path(), fs::perms(0755));
  fs::permissions(cache(), fs::perms(0755));
  EXPECT_EQ(ReadBytes(file), whole);
}

TEST_F(PixelCacheTest, RubbishAndCutFilesAreMended) {
  for (int64_t i = 0; i < 3; ++i) ASSERT_TRUE(Read(i).ok());
  const std::string file = FileOfTrain();
  const std::string whole = ReadBytes(file);
  constexpr size_t kSlot = 16 + kSide * kSide * 3;
  ASSERT_EQ(whole.size(), 3 * kSlot);
  const auto expect_right = [&](const std::string& content) {
    WriteBytes(file, content);
    for (int64_t i = 0; i < 3; ++i) {
      ASSERT_EQ(*Read(i), Picture(kSide, kSide, 3, static_cast<int>(i))) << i;
    }
    ASSERT_EQ(ReadBytes(file).substr(0, whole.size()), whole);
  };
  for (const size_t size : {size_t{0}, size_t{1}, size_t{16}, kSlot - 1, kSlot, kSlot + 15,
                            2 * kSlot + 17, 3 * kSlot - 1}) {
    expect_right(whole.substr(0, size));
  }
  expect_right(std::string(whole.size(), '\0'));
  expect_right(std::string(2 * whole.size(), 'x'));
  // Slots that are whole, but at the places of others.
  expect_right(whole.substr(kSlot) + whole.substr(0, kSlot));
}

TEST_F(PixelCacheTest, AFileThatIsCutWhileItIsOpenIsFilledAgain) {
  const auto source = OpenImageFolder(folder_.path() + "/data", kSide, cache());
  ASSERT_TRUE(source.ok());
  Pixels pixels(kSide * kSide * 3);
  ASSERT_TRUE(source->train->Read(1, pixels).ok());
  const std::string file = FileOfTrain();
  const std::string whole = ReadBytes(file);
  fs::resize_file(file, 0);
  ASSERT_TRUE(source->train->Read(1, pixels).ok());
  EXPECT_EQ(pixels, Picture(kSide, kSide, 3, 1));
  EXPECT_EQ(ReadBytes(file), whole);
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
