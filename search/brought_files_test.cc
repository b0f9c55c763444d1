#include "search/brought_files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/sha256.h"
#include "search/job.h"
#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

class BroughtFilesTest : public ::testing::Test {
 protected:
  BroughtFilesTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                absl::StrCat("brought_files_test_", ::getpid())) {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "teacher.safetensors") << "weights";
  }
  ~BroughtFilesTest() override { std::filesystem::remove_all(folder_); }

  // A job file that brings weights with these members beside the network.
  static std::string Job(const std::string& members) {
    return absl::StrCat(
        R"({"data": {"set": "cifar100"}, "candidates": {"networks": ["resnet18@8"],)",
        R"( "pretrained": [{"network": "resnet18@8", )", members,
        R"(}]}, "budgets": {"relus": [500]}, "stages": {"pretrain": {"learning_rate": 0.05}}})");
  }
  absl::StatusOr<BroughtJob> Bring(const std::string& text) {
    return BringFiles(
        text, folder_,
        [&](const std::string& network, int64_t side, int64_t classes, std::string_view bytes) {
          asked_ = absl::StrCat(network, " ", side, " ", classes, " ", std::string(bytes));
          return verdict_;
        });
  }

  const std::filesystem::path folder_;
  std::string asked_;
  absl::Status verdict_;
};

TEST_F(BroughtFilesTest, HashAndSizeAreFilledInAndTheRestStays) {
  const auto job = Bring(Job(R"("file": "teacher.safetensors")"));
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_EQ(asked_, "resnet18@8 32 100 weights");
  ASSERT_EQ(job->files.size(), 1);
  EXPECT_EQ(job->files[0].content, "weights");
  FieldErrors errors;
  const auto spec = JobFromJson(job->json, errors);
  ASSERT_TRUE(spec.has_value()) << errors.ToStatus();
  ASSERT_EQ((*spec)->candidates().pretrained_size(), 1);
  const v1::PretrainedSpec& pretrained = (*spec)->candidates().pretrained(0);
  EXPECT_EQ(pretrained.network(), "resnet18@8");
  EXPECT_EQ(pretrained.file(), "teacher.safetensors");
  EXPECT_EQ(pretrained.sha256(), Sha256Hex("weights"));
  EXPECT_EQ(pretrained.bytes(), 7);
  EXPECT_EQ((*spec)->stages().pretrain().learning_rate(), 0.05);
  EXPECT_EQ(ListOf((*spec)->budgets().relus()), std::vector<int64_t>{500});
  // What is complete stays as it is, and an absolute path is one.
  EXPECT_EQ(Bring(job->json)->json, job->json);
  EXPECT_TRUE(
      Bring(Job(absl::StrCat("\"file\": \"", (folder_ / "teacher.safetensors").string(), "\"")))
          .ok());
}

TEST_F(BroughtFilesTest, AJobWithoutFilesOrWithErrorsComesBackAsItIs) {
  for (const std::string& text :
       {std::string("{"), std::string(R"({ "data": {"set": "cifar10"} })"),
        Job(R"("file": "teacher.safetensors", "colour": "red")")}) {
    const auto job = Bring(text);
    ASSERT_TRUE(job.ok()) << job.status();
    EXPECT_EQ(job->json, text);
    EXPECT_TRUE(job->files.empty());
  }
  EXPECT_EQ(asked_, "");
}

TEST_F(BroughtFilesTest, WrongFilesAreToldWithTheirField) {
  const auto error = [&](const std::string& members) {
    return std::string(Bring(Job(members)).status().message());
  };
  EXPECT_EQ(error(R"("file": "none.safetensors")"),
            absl::StrCat("candidates.pretrained[0].file: cannot open ",
                         (folder_ / "none.safetensors").string()));
  EXPECT_EQ(Bring(Job(R"("file": "none.safetensors")")).status().code(),
            absl::StatusCode::kNotFound);
  const std::string other = Sha256Hex("other");
  EXPECT_EQ(
      error(absl::StrCat(R"("file": "teacher.safetensors", "sha256": ")", other, "\"")),
      absl::StrCat("candidates.pretrained[0].sha256: found ", other,
                   "; allowed: that of the file, or nothing (",
                   (folder_ / "teacher.safetensors").string(), " has ", Sha256Hex("weights"), ")"));
  EXPECT_NE(error(R"("file": "teacher.safetensors", "bytes": 8)")
                .find("candidates.pretrained[0].bytes: found 8"),
            std::string::npos);
  verdict_ = absl::FailedPreconditionError("tensor conv1.weight is missing");
  EXPECT_EQ(error(R"("file": "teacher.safetensors")"),
            "candidates.pretrained[0].file: teacher.safetensors holds no weights of resnet18@8: "
            "tensor conv1.weight is missing");
}

TEST_F(BroughtFilesTest, WhatTheCoordinatorGetsMustBeComplete) {
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
