// DetectLayout, OpenCifar and OpenImageFolder on small files in the official formats.

#include <unistd.h>

#include <filesystem>

#include "gmock/gmock.h"
#include "worker/data/data_test_util.h"
#include "worker/data/layout.h"
#include "worker/data/source.h"

namespace reluscape {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

void ExpectError(const absl::Status& status, absl::StatusCode code, const std::string& part,
                 const std::string& other_part = "") {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  EXPECT_THAT(std::string(status.message()), HasSubstr(other_part));
}

std::string CifarRecord(const std::vector<int>& labels, int seed) {
  std::string record;
  for (const int label : labels) record.push_back(static_cast<char>(label));
  for (int i = 0; i < 3072; ++i) record.push_back(static_cast<char>(i / 1024 * 60 + i % 50 + seed));
  return record;
}

class Cifar10Test : public ::testing::Test {
 protected:
  void SetUp() override {
    for (int batch = 1; batch <= 5; ++batch) {
      WriteBytes(File("data_batch_" + std::to_string(batch) + ".bin"),
                 CifarRecord({batch}, batch) + CifarRecord({9 - batch}, batch + 10));
    }
    WriteBytes(File("test_batch.bin"), CifarRecord({0}, 30) + CifarRecord({7}, 31));
  }
  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }
  absl::StatusOr<Source> Open() const { return OpenCifar(folder_.path(), /*hundred=*/false); }

  TemporaryFolder folder_;
};

TEST_F(Cifar10Test, BatchesFollowOneAnotherAndPlanesBecomePixels) {
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->side, 32);
  EXPECT_EQ(source->class_names.size(), 10u);
  EXPECT_EQ(source->class_names[3], "cat");
  EXPECT_THAT(source->train->labels(), ElementsAre(1, 8, 2, 7, 3, 6, 4, 5, 5, 4));
  EXPECT_THAT(source->test->labels(), ElementsAre(0, 7));
  std::vector<uint8_t> pixels(3072);
  ASSERT_TRUE(source->train->Read(3, pixels).ok());  // the second image of data_batch_2.bin
  EXPECT_EQ(pixels[0], 12);                          // red of the first pixel
  EXPECT_EQ(pixels[1], 60 + 1024 % 50 + 12);         // green
  EXPECT_EQ(pixels[2], 120 + 2048 % 50 + 12);        // blue
  EXPECT_EQ(pixels[3 * 40], 40 + 12);                // red of column 8 in row 1
  ASSERT_TRUE(source->test->Read(1, pixels).ok());
  EXPECT_EQ(pixels[0], 31);
}

TEST_F(Cifar10Test, NamesComeFromTheMetaFileWhereThereIsOne) {
  WriteBytes(File("batches.meta.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n\n");
  const auto source = Open();
  ASSERT_TRUE(source.ok());
  EXPECT_EQ(source->class_names[9], "j");
  WriteBytes(File("batches.meta.txt"), "a\nb\n");
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("batches.meta.txt"),
              "names 2 classes; allowed: 10");
}

TEST_F(Cifar10Test, EveryMissingFileIsNamed) {
  for (const char* name :
       {"data_batch_1.bin", "data_batch_3.bin", "data_batch_5.bin", "test_batch.bin"}) {
    const std::string bytes = ReadBytes(File(name));
    fs::remove(File(name));
    ExpectError(Open().status(), absl::StatusCode::kNotFound, File(name));
    WriteBytes(File(name), bytes);
  }
  EXPECT_TRUE(Open().ok());
}

TEST_F(Cifar10Test, WrongRecordSizesAreNamed) {
  const std::string bytes = ReadBytes(File("data_batch_2.bin"));
  for (const std::string& broken :
       {std::string(), bytes.substr(0, bytes.size() - 1), bytes + "x", bytes.substr(0, 3072)}) {
    WriteBytes(File("data_batch_2.bin"), broken);
    ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("data_batch_2.bin"),
                "allowed: a positive multiple of 3073");
  }
}

TEST_F(Cifar10Test, LabelsOutOfRangeAreNamed) {
  WriteBytes(File("test_batch.bin"), CifarRecord({0}, 1) + CifarRecord({10}, 1));
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("test_batch.bin"),
              "image 1 (from 0) has label 10; allowed: 0 to 9");
}

TEST_F(Cifar10Test, FoldersPipesAndForbiddenFilesAreErrors) {
  fs::remove(File("test_batch.bin"));
  fs::create_directory(File("test_batch.bin"));
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("test_batch.bin"),
              "not a regular file");
  fs::remove(File("test_batch.bin"));
  fs::create_symlink("test_batch.bin", File("test_batch.bin"));
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("test_batch.bin"), "symbolic");
  fs::remove(File("test_batch.bin"));
  WriteBytes(File("test_batch.bin"), CifarRecord({0}, 1));
  fs::permissions(File("test_batch.bin"), fs::perms::none);
  if (::access(File("test_batch.bin").c_str(), R_OK) != 0) {  // root may read everything
    ExpectError(Open().status(), absl::StatusCode::kPermissionDenied, File("test_batch.bin"));
  }
}

class Cifar100Test : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteBytes(File("train.bin"), CifarRecord({19, 99}, 1) + CifarRecord({3, 42}, 2));
    WriteBytes(File("test.bin"), CifarRecord({0, 7}, 3));
  }
  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }
  absl::StatusOr<Source> Open() const { return OpenCifar(folder_.path(), /*hundred=*/true); }

  TemporaryFolder folder_;
};

TEST_F(Cifar100Test, FineLabelsAreUsed) {
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(source->train->labels(), ElementsAre(99, 42));
  EXPECT_THAT(source->test->labels(), ElementsAre(7));
  ASSERT_EQ(source->class_names.size(), 100u);
  EXPECT_EQ(source->class_names[0], "apple");
  EXPECT_EQ(source->class_names[99], "worm");
  EXPECT_TRUE(std::is_sorted(source->class_names.begin(), source->class_names.end()));
  std::vector<uint8_t> pixels(3072);
  ASSERT_TRUE(source->train->Read(1, pixels).ok());
  EXPECT_EQ(pixels[0], 2);
}

TEST_F(Cifar100Test, BrokenFilesAreNamed) {
  WriteBytes(File("train.bin"), CifarRecord({3, 100}, 1));
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("train.bin"),
              "label 100; allowed: 0 to 99");
  WriteBytes(File("train.bin"), CifarRecord({3}, 1));
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("train.bin"),
              "a positive multiple of 3074");
  fs::remove(File("train.bin"));
  ExpectError(Open().status(), absl::StatusCode::kNotFound, File("train.bin"));
}

class ImageFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Png("train/cat/2.png", 1);
    Png("train/cat/10.PNG", 2);
    Jpeg("train/ant/a.JPEG", 3);
    Jpeg("train/ant/b.jpg", 4);
    Png("test/cat/1.png", 5);
    Png("test/ant/1.png", 6);
  }
  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }
  void Png(const std::string& name, int seed) const {
    WriteBytes(File(name), EncodePng(Picture(8, 8, 3, seed), 8, 8));
  }
  void Jpeg(const std::string& name, int seed) const {
    WriteBytes(File(name), EncodeJpeg(Picture(8, 8, 3, seed), 8, 8));
  }
  absl::StatusOr<Source> Open() const { return OpenImageFolder(folder_.path(), 8); }
  static std::vector<uint8_t> Read(const SourcePart& part, int64_t index) {
    std::vector<uint8_t> pixels(8 * 8 * 3);
    const absl::Status status = part.Read(index, pixels);
    EXPECT_TRUE(status.ok()) << status;
    return pixels;
  }

  TemporaryFolder folder_;
};

TEST_F(ImageFolderTest, LabelsAreThePositionsOfSortedNames) {
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(source->class_names, ElementsAre("ant", "cat"));
  EXPECT_THAT(source->train->labels(), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(source->test->labels(), ElementsAre(0, 1));
  EXPECT_EQ(Read(*source->train, 2), Picture(8, 8, 3, 2)) << "bytewise, 10.PNG is before 2.png";
  EXPECT_EQ(Read(*source->train, 3), Picture(8, 8, 3, 1));
  EXPECT_EQ(Read(*source->test, 0), Picture(8, 8, 3, 6));
}

TEST_F(ImageFolderTest, ImagesFoldersAndValAndOtherFilesAreUnderstood) {
  fs::create_directory(File("train/cat/images"));
  fs::rename(File("train/cat/2.png"), File("train/cat/images/2.png"));
  fs::remove(File("train/cat/10.PNG"));
  WriteBytes(File("train/cat/cat_boxes.txt"), "2.png 0 0 8 8\n");
  WriteBytes(File("train/.DS_Store"), "x");
  WriteBytes(File("words.txt"), "x");
  fs::rename(File("test"), File("val"));
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(source->train->labels(), ElementsAre(0, 0, 1));
  EXPECT_EQ(Read(*source->train, 2), Picture(8, 8, 3, 1));
  EXPECT_THAT(source->test->labels(), ElementsAre(0, 1));
}

TEST_F(ImageFolderTest, LinksToFoldersAndFilesAreFollowed) {
  fs::rename(File("train/cat"), File("elsewhere"));
  fs::create_symlink(File("elsewhere"), File("train/cat"));
  fs::create_symlink(File("elsewhere/2.png"), File("train/ant/c.png"));
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(source->train->labels(), ElementsAre(0, 0, 0, 1, 1));
  EXPECT_EQ(Read(*source->train, 2), Picture(8, 8, 3, 1));
}

TEST_F(ImageFolderTest, CirclesOfLinksEndInAnError) {
  fs::create_symlink("loop.png", File("train/cat/loop.png"));
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("train/cat/loop.png"));
  fs::remove(File("train/cat/loop.png"));
  fs::create_symlink(File("train/cat"), File("train/cat/again"));
  ExpectError(Open().status(), absl::StatusCode::kInvalidArgument, File("train/cat/again"),
              "a folder within a class");
  fs::remove(File("train/cat/again"));
  fs::create_symlink("nowhere.png", File("train/cat/gone.png"));
  ExpectError(Open().status(), absl::StatusCode::kNotFound, File("train/cat/gone.png"));
}

TEST_F(ImageFolderTest, ClassFoldersMustAgree) {
  Png("test/dog/1.png", 1);
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("train/dog"), "is missing");
  Png("train/dog/1.png", 1);
  Png("train/elk/1.png", 1);
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("test/elk"), "is missing");
}

TEST_F(ImageFolderTest, MissingAndEmptyFoldersAreNamed) {
  fs::create_directory(File("train/bee"));
  fs::create_directory(File("test/bee"));
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("train/bee"), "holds no image");
  fs::remove(File("train/bee"));
  fs::remove(File("test/bee"));
  fs::rename(File("test"), File("tests"));
  ExpectError(Open().status(), absl::StatusCode::kNotFound, folder_.path(), "neither test nor val");
  fs::rename(File("tests"), File("test"));
  fs::copy(File("test"), File("val"), fs::copy_options::recursive);
  ExpectError(Open().status(), absl::StatusCode::kInvalidArgument, folder_.path(),
              "both test and val");
  fs::remove_all(File("val"));
  fs::remove_all(File("train/cat"));
  ExpectError(Open().status(), absl::StatusCode::kInvalidArgument, File("train"),
              "1 class folders; allowed: 2 to");
}

TEST_F(ImageFolderTest, ImagesInWrongPlacesAreErrors) {
  Png("train/stray.png", 1);
  ExpectError(Open().status(), absl::StatusCode::kInvalidArgument, File("train/stray.png"),
              "outside of a class");
  fs::remove(File("train/stray.png"));
  Png("train/cat/images/3.png", 1);
  ExpectError(Open().status(), absl::StatusCode::kInvalidArgument, File("train/cat"),
              "beside its folder images");
}

TEST_F(ImageFolderTest, ABrokenFileIsNamedWhenItIsRead) {
  WriteBytes(File("train/ant/a.JPEG"), "");
  WriteBytes(File("train/ant/b.jpg"), EncodePng(Picture(9, 8, 3, 1), 9, 8));
  fs::permissions(File("train/cat/10.PNG"), fs::perms::none);
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  std::vector<uint8_t> pixels(8 * 8 * 3);
  ExpectError(source->train->Read(0, pixels), absl::StatusCode::kDataLoss, File("train/ant/a.JPEG"),
              "the file is empty");
  ExpectError(source->train->Read(1, pixels), absl::StatusCode::kDataLoss, File("train/ant/b.jpg"),
              "9 x 8 pixels; allowed: data.side x data.side = 8 x 8");
  if (::access(File("train/cat/10.PNG").c_str(), R_OK) != 0) {
    ExpectError(source->train->Read(2, pixels), absl::StatusCode::kPermissionDenied,
                File("train/cat/10.PNG"));
  }
  fs::remove(File("train/cat/2.png"));
  ExpectError(source->train->Read(3, pixels), absl::StatusCode::kNotFound, File("train/cat/2.png"));
}

TEST_F(ImageFolderTest, AFileAboveTheLimitIsNotRead) {
  fs::resize_file(File("train/ant/a.JPEG"), (uintmax_t{64} << 20) + 1);  // sparse
  const auto source = Open();
  ASSERT_TRUE(source.ok());
  std::vector<uint8_t> pixels(8 * 8 * 3);
  ExpectError(source->train->Read(0, pixels), absl::StatusCode::kResourceExhausted,
              File("train/ant/a.JPEG"), "67108865 bytes; allowed: at most 67108864");
}

class TinyImageNetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    WriteBytes(File("wnids.txt"), "n02\nn01\n");
    WriteBytes(File("words.txt"), "n01\tgoldfish\n");
    Png("train/n01/images/n01_0.png", 1);
    Png("train/n02/images/n02_0.png", 2);
    WriteBytes(File("train/n02/n02_boxes.txt"), "n02_0.png\t0\t0\t63\t63\n");
    Png("val/images/val_0.png", 3);
    Png("val/images/val_1.png", 4);
    Png("val/images/val_10.png", 5);
    Png("test/images/test_0.png", 6);
    Annotate(
        "val_1.png\tn02\t0\t0\t63\t63\nval_0.png\tn02\t0\t0\t9\t9\nval_10.png\tn01\t0\t0\t9\t9\n");
  }
  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }
  void Png(const std::string& name, int seed) const {
    WriteBytes(File(name), EncodePng(Picture(64, 64, 3, seed), 64, 64));
  }
  void Annotate(const std::string& lines) const {
    WriteBytes(File("val/val_annotations.txt"), lines);
  }
  absl::StatusOr<Source> Open(int64_t side = 64) const {
    return OpenTinyImageNet(folder_.path(), side);
  }

  TemporaryFolder folder_;
};

TEST_F(TinyImageNetTest, LabelsOfValComeFromItsList) {
  EXPECT_EQ(DetectLayout(folder_.path())->format, DataFormat::kTinyImageNet);
  const auto source = Open();
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_THAT(source->class_names, ElementsAre("n01", "n02"));
  EXPECT_THAT(source->train->labels(), ElementsAre(0, 1));
  EXPECT_THAT(source->test->labels(), ElementsAre(1, 1, 0)) << "val_0, val_1, val_10";
  std::vector<uint8_t> pixels(64 * 64 * 3);
  ASSERT_TRUE(source->test->Read(2, pixels).ok());
  EXPECT_EQ(pixels, Picture(64, 64, 3, 5));
}

TEST_F(TinyImageNetTest, AtSide32EachPixelIsTheMeanOfFour) {
  const auto source = Open(32);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->side, 32);
  std::vector<uint8_t> pixels(32 * 32 * 3);
  ASSERT_TRUE(source->train->Read(1, pixels).ok());
  const std::vector<uint8_t> large = Picture(64, 64, 3, 2);
  const auto at = [&](size_t row, size_t column) { return large[(row * 64 + column) * 3 + 2]; };
  EXPECT_EQ(pixels[(5 * 32 + 7) * 3 + 2],
            (at(10, 14) + at(10, 15) + at(11, 14) + at(11, 15) + 2) / 4);
}

TEST_F(TinyImageNetTest, FilesOfSide32AreTakenAsTheyAre) {
  for (const char* name : {"train/n01/images/n01_0.png", "train/n02/images/n02_0.png"}) {
    WriteBytes(File(name), EncodePng(Picture(32, 32, 3, 8), 32, 32));
  }
  const auto source = Open(32);
  ASSERT_TRUE(source.ok()) << source.status();
  std::vector<uint8_t> pixels(32 * 32 * 3);
  ASSERT_TRUE(source->train->Read(0, pixels).ok());
  EXPECT_EQ(pixels, Picture(32, 32, 3, 8));
  ExpectError(source->test->Read(0, pixels), absl::StatusCode::kDataLoss,
              File("val/images/val_0.png"), "64 x 64 pixels; allowed");
}

TEST_F(TinyImageNetTest, SortedCopiesAreImageFolders) {
  fs::remove(File("val/val_annotations.txt"));
  fs::rename(File("val/images"), File("val/n01"));
  EXPECT_EQ(DetectLayout(folder_.path())->format, DataFormat::kImageFolder);
}

TEST_F(TinyImageNetTest, WhatDoesNotFitIsNamed) {
  Annotate("val_0.png\tn02\nval_1.png\tn02\n");
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("val/images/val_10.png"),
              "has no line in");
  Annotate("val_0.png\tn02\nval_7.png\tn02\n");
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, "val_annotations.txt, line 2",
              File("val/images/val_7.png") + " is missing");
  Annotate("val_0.png\tn03\n");
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, "line 1", "the class n03");
  Annotate("val_0.png n02\n");
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, "line 1", "tab");
  Annotate("val_0.png\tn02\nval_0.png\tn01\n");
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, "line 2", "already");
  fs::remove(File("val/val_annotations.txt"));
  ExpectError(Open().status(), absl::StatusCode::kNotFound, File("val/val_annotations.txt"));
  fs::remove_all(File("train/n01"));
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("train/n01"), "is missing");
  Png("train/n01/images/n01_0.png", 1);
  Png("train/n03/images/n03_0.png", 1);
  ExpectError(Open().status(), absl::StatusCode::kDataLoss, File("train/n03"), "does not name it");
}

class LayoutTest : public ::testing::Test {
 protected:
  std::string File(const std::string& name) const { return folder_.path() + "/" + name; }
  void Touch(const std::string& name) const { WriteBytes(File(name), "x"); }
  absl::StatusOr<DataLayout> Detect() const { return DetectLayout(folder_.path()); }

  TemporaryFolder folder_;
};

TEST_F(LayoutTest, FormatsAreToldByTheirNames) {
  Touch("data_batch_2.bin");
  ASSERT_TRUE(Detect().ok());
  EXPECT_EQ(Detect()->format, DataFormat::kCifar10);
  EXPECT_EQ(Detect()->path, folder_.path());
  fs::remove(File("data_batch_2.bin"));
  Touch("train.bin");
  EXPECT_EQ(Detect()->format, DataFormat::kCifar100);
  fs::remove(File("train.bin"));
  fs::create_directory(File("train"));
  EXPECT_EQ(Detect()->format, DataFormat::kImageFolder);
}

TEST_F(LayoutTest, WhereNobodyCanTellTheFormatItIsNotGuessed) {
  fs::create_directory(File("train"));
  Touch("wnids.txt");
  fs::create_symlink("val", File("val"));
  ExpectError(Detect().status(), absl::StatusCode::kDataLoss, File("val"));
  fs::remove(File("val"));
  EXPECT_EQ(Detect()->format, DataFormat::kImageFolder);
}

TEST_F(LayoutTest, TheOneFolderInsideIsLookedAt) {
  Touch("cifar-10-batches-bin/test_batch.bin");
  Touch("readme.html");
  ASSERT_TRUE(Detect().ok()) << Detect().status();
  EXPECT_EQ(Detect()->format, DataFormat::kCifar10);
  EXPECT_EQ(Detect()->path, File("cifar-10-batches-bin"));
  fs::create_directory(File("another"));
  ExpectError(Detect().status(), absl::StatusCode::kInvalidArgument, folder_.path(),
              "found: another/, cifar-10-batches-bin/, readme.html; allowed: data_batch_1.bin");
}

TEST_F(LayoutTest, TwoDataSetsInAFolderAreAmbiguous) {
  Touch("test_batch.bin");
  fs::create_directory(File("train"));
  ExpectError(Detect().status(), absl::StatusCode::kInvalidArgument,
              "CIFAR-10 files (*_batch*.bin) and the folder train");
}

TEST_F(LayoutTest, MissingEmptyAndForbiddenFoldersAreNamed) {
  ExpectError(Detect().status(), absl::StatusCode::kInvalidArgument, folder_.path(),
              "the folder is empty");
  ExpectError(DetectLayout(File("none")).status(), absl::StatusCode::kNotFound, File("none"));
  Touch("file");
  ExpectError(DetectLayout(File("file")).status(), absl::StatusCode::kNotFound, File("file"));
  fs::create_directory(File("closed"));
  fs::permissions(File("closed"), fs::perms::none);
  if (::access(File("closed").c_str(), R_OK) != 0) {
    ExpectError(DetectLayout(File("closed")).status(), absl::StatusCode::kPermissionDenied,
                File("closed"));
  }
  fs::permissions(File("closed"), fs::perms::owner_all);
  fs::create_symlink("circle", File("circle"));
  ExpectError(DetectLayout(File("circle")).status(), absl::StatusCode::kDataLoss, File("circle"));
}

}  // namespace
}  // namespace reluscape
