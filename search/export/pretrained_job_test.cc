#include "search/export/pretrained_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/sha256.h"
#include "search/export/pretrained_file.h"
#include "search/network/names.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

class PretrainedJobTest : public ::testing::Test {
 protected:
  PretrainedJobTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                absl::StrCat("pretrained_job_test_", ::getpid())) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "teacher.safetensors") << weights_;
  }
  ~PretrainedJobTest() override { std::filesystem::remove_all(folder_); }

  // A job file with a pretrained file that has these members beside the network.
  static std::string Job(const std::string& members) {
    return absl::StrCat(
        R"({"data": {"set": "cifar100"}, "candidates": {"networks": ["resnet18@1"],)",
        R"( "pretrained": [{"network": "resnet18@1", )", members,
        R"(}]}, "budgets": {"relus": [500]}, "stages": {"pretrain": {"learning_rate": 0.05}}})");
  }
  absl::StatusOr<PretrainedJob> Read(const std::string& text) {
    return ReadPretrainedFiles(text, folder_);
  }

  static std::string WeightsOf(const std::string& network) {
    TensorFile file;
    const Architecture architecture = *ParseArchitecture(network, /*side=*/32, /*classes=*/100);
    for (const TensorPlace& place : TensorsOf(*BuildNetwork(architecture))) {
      int64_t bytes = ElementBytes(ElementType::kFloat32);
      for (const int64_t size : place.shape) bytes *= size;
      file.tensors[place.name] = {.type = ElementType::kFloat32,
                                  .shape = place.shape,
                                  .data = std::string(static_cast<size_t>(bytes), '\0')};
    }
    return WriteTensorFile(file);
  }

  const std::filesystem::path folder_;
  const std::string weights_ = WeightsOf("resnet18@1");
};

TEST_F(PretrainedJobTest, HashAndSizeAreFilledInAndTheRestStays) {
  const auto job = Read(Job(R"("file": "teacher.safetensors")"));
  ASSERT_TRUE(job.ok()) << job.status();
  ASSERT_EQ(job->files.size(), 1);
  EXPECT_EQ(job->files[0].content, weights_);
  FieldErrors errors;
  const auto spec = JobFromJson(job->json, errors);
  ASSERT_TRUE(spec.has_value()) << errors.ToStatus();
  ASSERT_EQ((*spec)->candidates().pretrained_size(), 1);
  const v1::PretrainedSpec& pretrained = (*spec)->candidates().pretrained(0);
  EXPECT_EQ(pretrained.network(), "resnet18@1");
  EXPECT_EQ(pretrained.file(), "teacher.safetensors");
  EXPECT_EQ(pretrained.sha256(), Sha256Hex(weights_));
  EXPECT_EQ(pretrained.bytes(), static_cast<int64_t>(weights_.size()));
  EXPECT_EQ((*spec)->stages().pretrain().learning_rate(), 0.05);
  EXPECT_EQ(ListOf((*spec)->budgets().relus()), std::vector<int64_t>{500});
  // What is complete stays as it is, and an absolute path is one.
  EXPECT_EQ(Read(job->json)->json, job->json);
  EXPECT_TRUE(
      Read(Job(absl::StrCat("\"file\": \"", (folder_ / "teacher.safetensors").string(), "\"")))
          .ok());
}

TEST_F(PretrainedJobTest, AJobWithoutFilesOrWithErrorsComesBackAsItIs) {
  for (const std::string& text :
       {std::string("{"), std::string(R"({ "data": {"set": "cifar10"} })"),
        Job(R"("file": "teacher.safetensors", "colour": "red")")}) {
    const auto job = Read(text);
    ASSERT_TRUE(job.ok()) << job.status();
    EXPECT_EQ(job->json, text);
    EXPECT_TRUE(job->files.empty());
  }
}

TEST_F(PretrainedJobTest, WrongFilesAreToldWithTheirField) {
  const auto error = [&](const std::string& members) {
    return std::string(Read(Job(members)).status().message());
  };
  EXPECT_EQ(error(R"("file": "none.safetensors")"),
            absl::StrCat("candidates.pretrained[0].file: cannot open ",
                         (folder_ / "none.safetensors").string()));
  EXPECT_EQ(Read(Job(R"("file": "none.safetensors")")).status().code(),
            absl::StatusCode::kNotFound);
  const std::string other = Sha256Hex("other");
  EXPECT_EQ(
      error(absl::StrCat(R"("file": "teacher.safetensors", "sha256": ")", other, "\"")),
      absl::StrCat("candidates.pretrained[0].sha256: found ", other,
                   "; allowed: that of the file, or nothing (",
                   (folder_ / "teacher.safetensors").string(), " has ", Sha256Hex(weights_), ")"));
  EXPECT_NE(error(R"("file": "teacher.safetensors", "bytes": 8)")
                .find("candidates.pretrained[0].bytes: found 8"),
            std::string::npos);
  std::ofstream(folder_ / "other.safetensors") << WeightsOf("resnet18@2");
  EXPECT_THAT(error(R"("file": "other.safetensors")"),
              ::testing::StartsWith("candidates.pretrained[0].file: other.safetensors holds no "
                                    "weights of resnet18@1: tensor "));
}

TEST_F(PretrainedJobTest, WhatTheCoordinatorGetsMustBeComplete) {
  const auto errors_of = [](const std::string& members) {
    FieldErrors errors;
    JobFromJson(Job(members), errors);
    return std::string(errors.ToStatus().message());
  };
  EXPECT_EQ(errors_of(R"("file": "a")"),
            "candidates.pretrained[0].sha256: found nothing; allowed: 64 lower-case hexadecimal "
            "digits (reluscape submit and reluscape-train read the file and fill them in)\n"
            "candidates.pretrained[0].bytes: found nothing; allowed: 1 to 2147483648");
  const std::string sha = absl::StrCat("\"sha256\": \"", Sha256Hex("x"), "\"");
  EXPECT_EQ(errors_of(absl::StrCat("\"file\": \"a\", ", sha)),
            "candidates.pretrained[0].bytes: found nothing; allowed: 1 to 2147483648");
  EXPECT_EQ(errors_of(absl::StrCat("\"file\": \"a\", \"bytes\": 2147483649, ", sha)),
            "candidates.pretrained[0].bytes: found 2147483649; allowed: 1 to 2147483648");
  EXPECT_EQ(errors_of(absl::StrCat("\"bytes\": 1, ", sha)),
            "candidates.pretrained[0].file: found nothing; allowed: the path of a safetensors "
            "file, 1 to 1000 characters on one line");
  EXPECT_EQ(errors_of(absl::StrCat("\"file\": \"a\", \"bytes\": 1, ", sha)), "");
}

}  // namespace
}  // namespace reluscape
