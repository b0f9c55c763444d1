#include "worker/data/data_set.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <map>

#include "base/sha256.h"
#include "gmock/gmock.h"
#include "worker/data/data_test_util.h"
#include "worker/data/normalization.h"
#include "worker/data/synthetic.h"

namespace reluscape {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// An image folder with `classes` classes of 20 training and 6 test images, 8 x 8.
class DataSetTest : public ::testing::Test {
 protected:
  static constexpr int kSide = 8;

  void SetUp() override { WriteSet(folder_.path(), /*backwards=*/false); }

  // The order in which files are made is the order in which many file systems list them.
  static void WriteSet(const std::string& path, bool backwards) {
    std::vector<std::pair<std::string, int>> files;
    for (int c = 0; c < 3; ++c) {
      for (int i = 0; i < 20; ++i) {
        files.emplace_back("train/" + Name(c) + "/" + std::to_string(100 + i) + ".png", 40 * c + i);
      }
      for (int i = 0; i < 6; ++i) {
        files.emplace_back("test/" + Name(c) + "/" + std::to_string(i) + ".png", 40 * c + 20 + i);
      }
    }
    if (backwards) std::reverse(files.begin(), files.end());
    for (const auto& [name, seed] : files) WriteBytes(path + "/" + name, Png(seed));
  }
  static std::string Name(int c) { return std::string("class_") + static_cast<char>('a' + c); }
  static std::vector<uint8_t> Pixels(int seed) {
    std::vector<uint8_t> pixels(kSide * kSide * 3);
    for (size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = static_cast<uint8_t>((seed * 7 + static_cast<int>(i)) % 256);
    }
    return pixels;
  }
  static std::string Png(int seed) { return EncodePng(Pixels(seed), kSide, kSide); }

  static v1::DataSpec Spec(int64_t train = 12, int64_t validation = 9, int64_t test = 6) {
    v1::DataSpec spec;
    spec.set_set("pictures");
    spec.set_classes(3);
    spec.set_side(kSide);
    spec.set_train_images(train);
    spec.set_validation_images(validation);
    spec.set_test_images(test);
    return spec;
  }
  static DataSet MustLoad(const v1::DataSpec& spec, uint64_t seed, const std::string& path) {
    auto data = LoadDataSet(spec, seed, path);
    EXPECT_TRUE(data.ok()) << data.status();
    return data.ok() ? *std::move(data) : DataSet();
  }

  TemporaryFolder folder_;
};

void ExpectSame(const DataSet& a, const DataSet& b) {
  for (const auto part : {&DataSet::train, &DataSet::validation, &DataSet::test}) {
    EXPECT_EQ((a.*part).pixels, (b.*part).pixels);
    EXPECT_EQ((a.*part).labels, (b.*part).labels);
  }
  EXPECT_EQ(a.mean, b.mean);
  EXPECT_EQ(a.deviation, b.deviation);
  EXPECT_EQ(a.data_hash, b.data_hash);
  EXPECT_EQ(a.split_hash, b.split_hash);
}

TEST_F(DataSetTest, LoadsWhatTheSpecAsksFor) {
  const DataSet data = MustLoad(Spec(), 1, folder_.path());
  EXPECT_EQ(data.name, "pictures");
  EXPECT_EQ(data.side, kSide);
  EXPECT_EQ(data.classes, 3);
  EXPECT_EQ(data.class_names, (std::vector<std::string>{"class_a", "class_b", "class_c"}));
  EXPECT_FALSE(data.synthetic);
  EXPECT_EQ(data.train.count(), 12);
  EXPECT_EQ(data.validation.count(), 9);
  EXPECT_EQ(data.test.count(), 6);
  for (const ImageSet* set : {&data.train, &data.validation, &data.test}) {
    EXPECT_EQ(set->side, kSide);
    ASSERT_EQ(set->pixels.size(), static_cast<size_t>(set->count() * kSide * kSide * 3));
    for (int32_t label = 0; label < 3; ++label) {
      EXPECT_EQ(std::count(set->labels.begin(), set->labels.end(), label), set->count() / 3);
    }
    // Every image lies beside the label of its class.
    for (int64_t i = 0; i < set->count(); ++i) {
      const uint8_t* image = set->pixels.data() + i * kSide * kSide * 3;
      bool found = false;
      for (int n = 0; n < 26; ++n) {
        const std::vector<uint8_t> expected = Pixels(40 * set->labels[static_cast<size_t>(i)] + n);
        found |= std::equal(expected.begin(), expected.end(), image);
      }
      EXPECT_TRUE(found) << i;
    }
  }
}

TEST_F(DataSetTest, TheOrderOfTheFileSystemDoesNotMatter) {
  const TemporaryFolder other;
  WriteSet(other.path(), /*backwards=*/true);
  ExpectSame(MustLoad(Spec(), 5, folder_.path()), MustLoad(Spec(), 5, other.path()));
}

TEST_F(DataSetTest, SeedChoosesTheImages) {
  const DataSet a = MustLoad(Spec(), 1, folder_.path());
  ExpectSame(a, MustLoad(Spec(), 1, folder_.path()));
  const DataSet b = MustLoad(Spec(), 2, folder_.path());
  EXPECT_NE(a.split_hash, b.split_hash);
  EXPECT_NE(a.data_hash, b.data_hash) << "other images are in use";
  // All images in use: the hash of the data is that of the set, whatever they are used for.
  const DataSet c = MustLoad(Spec(0, 12, 0), 1, folder_.path());
  const DataSet d = MustLoad(Spec(0, 12, 0), 2, folder_.path());
  EXPECT_NE(c.split_hash, d.split_hash);
  EXPECT_EQ(c.data_hash, d.data_hash);
  EXPECT_EQ(c.data_hash, MustLoad(Spec(0, 30, 0), 2, folder_.path()).data_hash);
}

TEST_F(DataSetTest, AnyChangedPixelOrLabelOrNameChangesTheDataHash) {
  const v1::DataSpec all = Spec(0, 12, 0);
  const std::string before = MustLoad(all, 1, folder_.path()).data_hash;
  EXPECT_TRUE(IsSha256Hex(before));
  for (const char* file : {"/train/class_b/105.png", "/test/class_c/2.png"}) {
    const std::string bytes = ReadBytes(folder_.path() + file);
    std::vector<uint8_t> pixels = Pixels(file[2] == 'r' ? 45 : 102);
    WriteBytes(folder_.path() + file, EncodePng(pixels, kSide, kSide));
    EXPECT_EQ(MustLoad(all, 1, folder_.path()).data_hash, before);
    pixels.back() ^= 1;
    WriteBytes(folder_.path() + file, EncodePng(pixels, kSide, kSide));
    EXPECT_NE(MustLoad(all, 1, folder_.path()).data_hash, before) << file;
    WriteBytes(folder_.path() + file, bytes);
  }
  // The same pixels in another file: the same hash.
  WriteBytes(folder_.path() + "/train/class_b/105.png",
             EncodePng(Pixels(45), kSide, kSide) + "trailing bytes");
  EXPECT_EQ(MustLoad(all, 1, folder_.path()).data_hash, before);
  // The last image of one class becomes the first of the next: another label.
  fs::rename(folder_.path() + "/train/class_a/119.png", folder_.path() + "/train/class_b/000.png");
  EXPECT_NE(MustLoad(all, 1, folder_.path()).data_hash, before);
  fs::rename(folder_.path() + "/train/class_b/000.png", folder_.path() + "/train/class_a/119.png");
  for (const char* part : {"/train", "/test"}) {
    fs::rename(folder_.path() + part + "/class_c", folder_.path() + part + "/class_d");
  }
  EXPECT_NE(MustLoad(all, 1, folder_.path()).data_hash, before);
}

TEST_F(DataSetTest, DataHashIsOfTheDocumentedBytes) {
  const DataSet data = MustLoad(Spec(0, 12, 0), 1, folder_.path());
  std::string text = "reluscape-data-1\nside 8\nclasses 3\n7:class_a\n7:class_b\n7:class_c\n";
  const auto add = [&](int c, int image) {
    text += std::string({static_cast<char>(c), 0, 0, 0}) + Text(Pixels(40 * c + image));
  };
  text += "train 60\n";
  for (int i = 0; i < 60; ++i) add(i / 20, i % 20);
  text += "test 18\n";
  for (int i = 0; i < 18; ++i) add(i / 6, 20 + i % 6);
  EXPECT_EQ(data.data_hash, Sha256Hex(text));
}

TEST_F(DataSetTest, OnlyImagesInUseAreDecoded) {
  // Half of class_a is broken, and two of its images are in use: about a quarter of the seeds miss
  // the broken ones.
  int loaded = 0;
  for (int i = 0; i < 20; ++i) {
    WriteBytes(folder_.path() + "/train/class_a/" + std::to_string(100 + i) + ".png",
               i < 10 ? "broken" : Png(i));
  }
  for (uint64_t seed = 0; seed < 100; ++seed) {
    loaded += LoadDataSet(Spec(3, 3, 3), seed, folder_.path()).ok() ? 1 : 0;
  }
  EXPECT_GT(loaded, 5);
  EXPECT_LT(loaded, 60);
  const absl::Status status = LoadDataSet(Spec(0, 3, 0), 1, folder_.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("/train/class_a/10"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("neither JPEG nor PNG"));
}

TEST_F(DataSetTest, OfManyBrokenFilesTheFirstIsNamedWhicheverThreadFindsIt) {
  const TemporaryFolder large;
  const std::string good = Png(1);
  for (int i = 0; i < 1500; ++i) {
    WriteBytes(large.path() + "/train/" + Name(i % 2) + "/" + std::to_string(10000 + i) + ".png",
               i % 2 == 0 && i >= 300 ? "broken" : good);
  }
  WriteBytes(large.path() + "/test/class_a/1.png", good);
  WriteBytes(large.path() + "/test/class_b/1.png", good);
  v1::DataSpec spec = Spec(0, 1, 0);
  spec.set_classes(2);
  const absl::Status first = LoadDataSet(spec, 1, large.path()).status();
  EXPECT_THAT(std::string(first.message()), HasSubstr("/train/class_a/1030"));
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(LoadDataSet(spec, 1, large.path()).status(), first);
  }
}

TEST_F(DataSetTest, SpecAndDataMustAgree) {
  v1::DataSpec spec = Spec();
  spec.set_classes(10);
  EXPECT_THAT(std::string(LoadDataSet(spec, 1, folder_.path()).status().message()),
              HasSubstr("data.classes: found 10; allowed: 3 (of pictures in "));
  spec = Spec();
  spec.set_side(16);
  const absl::Status wrong_side = LoadDataSet(spec, 1, folder_.path()).status();
  EXPECT_EQ(wrong_side.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(wrong_side.message()), HasSubstr("8 x 8 pixels; allowed: data.side"));
  for (const int64_t side : {int64_t{0}, int64_t{-1}, int64_t{1} << 40}) {
    spec.set_side(side);
    EXPECT_THAT(std::string(LoadDataSet(spec, 1, folder_.path()).status().message()),
                HasSubstr("data.side: found"));
  }
  EXPECT_THAT(std::string(LoadDataSet(Spec(60), 1, folder_.path()).status().message()),
              HasSubstr("data.train_images: found 60; allowed"));
  const absl::Status no_path = LoadDataSet(Spec(), 1, "").status();
  EXPECT_EQ(no_path.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(no_path.message()), HasSubstr("--data pictures=PATH"));
}

TEST_F(DataSetTest, WhatIsMissingIsNotFound) {
  for (const std::string& path : {folder_.path() + "/none", std::string("/proc/none"),
                                  folder_.path() + "/train/class_a/100.png/set",
                                  folder_.path() + "/" + std::string(1000, 'x')}) {
    const absl::Status status = LoadDataSet(Spec(), 1, path).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path));
  }
}

TEST_F(DataSetTest, WhatMayNotBeReadIsNamed) {
  fs::permissions(folder_.path(), fs::perms(0755));
  for (const std::string& name :
       {std::string(), std::string("/train"), std::string("/test/class_b"),
        std::string("/train/class_a/100.png")}) {
    const std::string path = folder_.path() + name;
    const fs::perms before = fs::status(path).permissions();
    fs::permissions(path, fs::perms::none);
    absl::Status status;
    {
      const WithoutRights without_rights;
      status = LoadDataSet(Spec(0, 12, 0), 1, folder_.path()).status();
    }
    fs::permissions(path, before);
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(path + ": Permission denied"));
  }
}

// The code of LoadDataSet in a child process after `prepare`, which makes the system misbehave.
template <typename Prepare>
absl::StatusCode CodeInChild(const v1::DataSpec& spec, const std::string& path, Prepare prepare) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!prepare()) ::_exit(100);
    ::_exit(static_cast<int>(LoadDataSet(spec, 1, path).status().code()));
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  return static_cast<absl::StatusCode>(WEXITSTATUS(status));
}

// From now on the system call `call` fails with `error`, where the lowest 32 bits of its argument
// `argument` have none of `unless`. Whether that could be arranged.
bool LetFail(uint32_t call, int error, uint32_t argument = 0, uint32_t unless = 0) {
  const auto low_half = static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * argument);
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, low_half),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, unless, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error)),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {std::size(filter), filter};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST_F(DataSetTest, ErrorsOfTheMachineAreToldFromErrorsOfTheData) {
  const auto code = [&](uint32_t call, int error, uint32_t unless = 0) {
    // Of openat: argument 2 holds the flags.
    return CodeInChild(Spec(), folder_.path(), [&] { return LetFail(call, error, 2, unless); });
  };
  for (const int error : {EIO, ESTALE, ETIMEDOUT, ENOMEM}) {
    EXPECT_EQ(code(SYS_read, error), absl::StatusCode::kUnavailable) << error;
    EXPECT_EQ(code(SYS_getdents64, error), absl::StatusCode::kUnavailable) << error;
    EXPECT_EQ(code(SYS_openat, error), absl::StatusCode::kUnavailable) << error;
  }
  EXPECT_EQ(code(SYS_openat, EMFILE), absl::StatusCode::kUnavailable);
  // Folders open, files do not: these were removed after they were listed.
  EXPECT_EQ(code(SYS_openat, ENOENT, O_DIRECTORY), absl::StatusCode::kNotFound);
  EXPECT_EQ(code(SYS_openat, EACCES, O_DIRECTORY), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(code(SYS_openat, EIO, O_DIRECTORY), absl::StatusCode::kUnavailable);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they end the process instead
TEST_F(DataSetTest, TooLittleMemoryIsNoErrorOfTheData) {
  const TemporaryFolder large;
  const std::string file = large.path() + "/data_batch_1.bin";
  WriteBytes(file, "");
  fs::resize_file(file, uintmax_t{3073} * 1'000'000);  // sparse
  v1::DataSpec spec = Spec();
  spec.set_side(32);
  spec.set_classes(10);
  EXPECT_EQ(CodeInChild(spec, large.path(),
                        [] {
                          rlimit limit = {};
                          if (::getrlimit(RLIMIT_AS, &limit) != 0) return false;
                          limit.rlim_cur = rlim_t{1} << 30;
                          return ::setrlimit(RLIMIT_AS, &limit) == 0;
                        }),
            absl::StatusCode::kUnavailable);
}
#endif

TEST_F(DataSetTest, StopIsObeyed) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(LoadDataSet(Spec(), 1, folder_.path(), stop.get_token()).status().code(),
            absl::StatusCode::kCancelled);
}

TEST_F(DataSetTest, NormalizationIsMeasuredOnTheTrainingSplitAlone) {
  const DataSet data = MustLoad(Spec(), 1, folder_.path());
  double sum = 0;
  double squares = 0;
  for (size_t i = 1; i < data.train.pixels.size(); i += 3) {
    const double value = data.train.pixels[i] / 255.0;
    sum += value;
    squares += value * value;
  }
  const double n = static_cast<double>(data.train.pixels.size()) / 3;
  EXPECT_NEAR(data.mean[1], sum / n, 1e-12);
  EXPECT_NEAR(data.deviation[1], std::sqrt(squares / n - sum * sum / n / n), 1e-9);

  v1::DataSpec named = Spec();
  named.set_set("cifar10");
  const DataSet published = MustLoad(named, 1, folder_.path());
  EXPECT_EQ(published.mean, (std::array<double, 3>{0.4914, 0.4822, 0.4465}));
  EXPECT_EQ(published.deviation, (std::array<double, 3>{0.2023, 0.1994, 0.2010}));
  EXPECT_EQ(published.data_hash, data.data_hash) << "the name is no part of the data";
}

TEST(NormalizationTest, PublishedConstantsByName) {
  EXPECT_EQ(PublishedNormalization("cifar100")->deviation[2], 0.2761);
  EXPECT_EQ(PublishedNormalization("tiny-imagenet-200")->mean[0], 0.480);
  EXPECT_EQ(PublishedNormalization("cifar10jpeg"), std::nullopt);
}

TEST(NormalizationTest, AConstantChannelCanBeDividedBy) {
  const Normalization found = MeasureNormalization({255, 0, 10, 255, 0, 20});
  EXPECT_EQ(found.mean[0], 1.0);
  EXPECT_EQ(found.deviation[0], 1.0 / 255);
  EXPECT_DOUBLE_EQ(found.mean[2], 15.0 / 255);
  EXPECT_DOUBLE_EQ(found.deviation[2], 5.0 / 255);
}

TEST(CifarDataSetTest, BinaryFilesLoadThroughTheFolderAround) {
  const TemporaryFolder folder;
  for (int batch = 1; batch <= 6; ++batch) {
    std::string bytes;
    for (int i = 0; i < 20; ++i) {
      bytes += static_cast<char>(i % 10) + std::string(3072, static_cast<char>(batch * 20 + i));
    }
    WriteBytes(folder.path() + "/cifar-10-batches-bin/" +
                   (batch == 6 ? "test_batch.bin" : "data_batch_" + std::to_string(batch) + ".bin"),
               bytes);
  }
  v1::DataSpec spec;
  spec.set_set("cifar10");
  spec.set_classes(10);
  spec.set_side(32);
  const auto data = LoadDataSet(spec, 3, folder.path());
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->train.count(), 90);
  EXPECT_EQ(data->validation.count(), 10);
  EXPECT_EQ(data->test.count(), 20);
  EXPECT_EQ(data->class_names[9], "truck");
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(data->test.labels[i], static_cast<int32_t>(i % 10));
    EXPECT_EQ(data->test.pixels[i * 3072], 120 + i);
  }
  spec.set_side(64);
  EXPECT_THAT(std::string(LoadDataSet(spec, 3, folder.path()).status().message()),
              HasSubstr("data.side: found 64; allowed: 32"));
}

class SyntheticSetTest : public ::testing::Test {
 protected:
  static v1::DataSpec Spec(int64_t train, int64_t validation, int64_t test) {
    v1::DataSpec spec;
    spec.set_set("synthetic");
    spec.set_classes(10);
    spec.set_side(32);
    spec.set_train_images(train);
    spec.set_validation_images(validation);
    spec.set_test_images(test);
    return spec;
  }
};

TEST_F(SyntheticSetTest, LoadsWithoutAPath) {
  const auto data = LoadDataSet(Spec(300, 100, 50), 1, "");
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_TRUE(data->synthetic);
  EXPECT_EQ(data->train.count(), 300);
  EXPECT_EQ(data->validation.count(), 100);
  EXPECT_EQ(data->test.count(), 50);
  EXPECT_EQ(data->class_names.size(), 10u);
  for (int32_t label = 0; label < 10; ++label) {
    EXPECT_EQ(std::count(data->train.labels.begin(), data->train.labels.end(), label), 30);
  }
  for (size_t channel = 0; channel < 3; ++channel) {
    EXPECT_NEAR(data->mean[channel], 0.5, 0.1);
    EXPECT_GT(data->deviation[channel], 0.05);
  }
  ExpectSame(*data, *LoadDataSet(Spec(300, 100, 50), 1, ""));
  EXPECT_NE(data->data_hash, LoadDataSet(Spec(300, 100, 50), 2, "")->data_hash);
}

TEST_F(SyntheticSetTest, ErrorsNameTheLimits) {
  EXPECT_THAT(
      std::string(LoadDataSet(Spec(20000, 0, 4001), 1, "").status().message()),
      HasSubstr("data.train_images: found 20000; allowed: 0 (all that validation leaves) or "
                "1 to 18000"));
  v1::DataSpec spec = Spec(10, 10, 10);
  spec.set_side(64);
  EXPECT_THAT(std::string(LoadDataSet(spec, 1, "").status().message()),
              HasSubstr("data.side: found 64; allowed: 32 (of synthetic)"));
  EXPECT_EQ(LoadDataSet(Spec(10, 10, 10), 1, "/somewhere").status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace reluscape
