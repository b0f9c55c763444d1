#include "worker/standalone/learning_curves.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LearningCurvesTest : public ::testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }

  LearningCurves Open() {
    auto curves = LearningCurves::Open(path_);
    EXPECT_TRUE(curves.ok()) << curves.status();
    return *std::move(curves);
  }
  void Add(LearningCurves& curves, int64_t task, int64_t epoch) {
    CurveOwner owner;
    owner.task = TaskId{task};
    owner.name = "resnet18@4+culled:2,3";
    owner.attempt = 1;
    EpochReport report;
    report.epoch = epoch;
    report.loss = 0.1;
    ASSERT_TRUE(curves.Append(owner, report).ok());
  }
  std::string Text() { return *ReadFile(path_, 1 << 20); }

  const std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) / "learning_curves_test.csv";
};

TEST_F(LearningCurvesTest, RowsSurviveAReopening) {
  {
    LearningCurves curves = Open();
    Add(curves, 1, 0);
    Add(curves, 1, 1);
    Add(curves, 2, 0);
  }
  const std::string before = Text();
  EXPECT_EQ(Open().rows(), 3u);
  EXPECT_EQ(Text(), before);
  EXPECT_THAT(before, HasSubstr("\r\n1,1,0,0,pretrain,,1,0.10000000000000001,0,0,0,,0,0,"
                                "\"resnet18@4+culled:2,3\"\r\n"));
}

TEST_F(LearningCurvesTest, ARowThatACrashCutOffIsDropped) {
  {
    LearningCurves curves = Open();
    Add(curves, 1, 0);
  }
  const std::string whole = Text();
  std::ofstream(path_, std::ios::app) << "1,1,0,0,pretr";
  LearningCurves curves = Open();
  EXPECT_EQ(curves.rows(), 1u);
  EXPECT_EQ(Text(), whole);
  Add(curves, 1, 1);
  EXPECT_EQ(Open().rows(), 2u);
}

TEST_F(LearningCurvesTest, AnAttemptReplacesWhatAnEarlierOneDidBeyondItsCheckpoint) {
  LearningCurves curves = Open();
  for (const int64_t epoch : {0, 1, 2, 3}) Add(curves, 1, epoch);
  Add(curves, 2, 0);
  ASSERT_TRUE(curves.DropFrom(TaskId{1}, 2).ok());
  EXPECT_EQ(Open().rows(), 3u);
  // An Attempt that had to start anew reports the first epoch again.
  Add(curves, 1, 0);
  EXPECT_EQ(Open().rows(), 2u);
  EXPECT_THAT(Text(), Not(HasSubstr("\r\n1,1,")));
}

TEST_F(LearningCurvesTest, AnotherFileIsRefused) {
  std::ofstream(path_) << "a,b\r\n";
  EXPECT_EQ(LearningCurves::Open(path_).status().code(), absl::StatusCode::kDataLoss);
  std::filesystem::remove(path_);
  Open();
  std::ofstream(path_, std::ios::app) << "no,numbers\r\n";
  const absl::Status status = LearningCurves::Open(path_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("row 1"));
}

}  // namespace
}  // namespace reluscape
