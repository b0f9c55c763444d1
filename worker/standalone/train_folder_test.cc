#include "worker/standalone/train_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "search/artifact_folder.h"
#include "tests/fakes/fake_clock.h"
#include "worker/standalone/train_test_util.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TrainSettings Settings() { return {"cpu", 2, "2.13.0", "abc"}; }

class TrainFolderTest : public ::testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<TrainFolder>> Open(TrainPlan plan,
                                                    const TrainSettings& settings = Settings()) {
    return TrainFolder::Open(path_, plan, settings, clock_);
  }
  // The message of a refusal.
  std::string RefusalOf(const TrainPlan& plan, const TrainSettings& settings = Settings()) {
    const absl::Status status = Open(plan, settings).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
    return std::string(status.message());
  }

  const FakeClock clock_;
  const std::filesystem::path path_ = FreshFolder();
  const TrainPlan plan_ = PlanOf(SmallJob());
};

TEST_F(TrainFolderTest, StateSurvivesAReopening) {
  {
    auto folder = Open(plan_);
    ASSERT_TRUE(folder.ok()) << folder.status();
    EXPECT_FALSE((*folder)->resumed());
    TaskProgress& task = (*folder)->state().tasks[TaskId{3}];
    task.report.task = TaskId{3};
    task.report.attempt = 4;
    task.epochs_done = 2;
    (*folder)->state().unsealed_at = TimeFromUnixMs(77);
    ASSERT_TRUE((*folder)->Save().ok());
  }
  auto folder = Open(plan_);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_TRUE((*folder)->resumed());
  EXPECT_EQ((*folder)->state().Find(TaskId{3})->report.attempt, 4);
  EXPECT_EQ((*folder)->state().Find(TaskId{3})->epochs_done, 2);
  EXPECT_EQ((*folder)->state().unsealed_at, TimeFromUnixMs(77));
  EXPECT_EQ(*ReadFile(path_ / "job.json", 1 << 20), plan_.job_json + "\n");
}

TEST_F(TrainFolderTest, AnotherJobIsRefusedFieldByField) {
  ASSERT_TRUE(Open(plan_).ok());
  const std::string message = RefusalOf(PlanOf(
      R"({"name": "small", "data": {"set": "synthetic"},
          "candidates": {"networks": ["resnet18@2"]}, "budgets": {"fractions": [0.5, 0.2]},
          "stages": {"pretrain": {"epochs": 4}, "fine_tune": {"epochs": 2}}, "seed": 9})"));
  EXPECT_THAT(message, HasSubstr("seed: the folder has 1, the job file 9\n"));
  EXPECT_THAT(message, HasSubstr("budgets.fractions[1]: the folder has 0.1, the job file 0.2\n"));
  EXPECT_THAT(message, HasSubstr("candidates.networks[1]: the folder has \"resnet20@2\", the job "
                                 "file nothing\n"));
  EXPECT_THAT(message, HasSubstr("stages.pretrain.epochs: the folder has 3, the job file 4\n"));
  EXPECT_THAT(message, Not(HasSubstr("fine_tune")));
}

TEST_F(TrainFolderTest, OtherSettingsAreRefused) {
  {
    auto folder = Open(plan_);
    ASSERT_TRUE(folder.ok());
    (*folder)->state().threads = 2;
    ASSERT_TRUE((*folder)->Save().ok());
  }
  TrainSettings settings = Settings();
  settings.threads = 3;
  EXPECT_THAT(RefusalOf(plan_, settings), HasSubstr("threads: the folder has 2, this start 3"));
  settings.device = "NVIDIA H200";
  EXPECT_THAT(RefusalOf(plan_, settings), HasSubstr("device: the folder has cpu, this start"));
  settings = Settings();
  settings.threads = 0;  // what LibTorch chooses is looked at when it is known
  EXPECT_TRUE(Open(plan_, settings).ok());
}

TEST_F(TrainFolderTest, AVersionThatMakesOtherTasksIsRefused) {
  {
    auto folder = Open(plan_);
    ASSERT_TRUE(folder.ok());
    (*folder)->state().plan_sha256 = "other";
    ASSERT_TRUE((*folder)->Save().ok());
  }
  EXPECT_THAT(RefusalOf(plan_), HasSubstr("version: commit abc"));
}

TEST_F(TrainFolderTest, TwoProcessesDoNotShareAFolder) {
  auto folder = Open(plan_);
  ASSERT_TRUE(folder.ok());
  EXPECT_THAT(RefusalOf(plan_), HasSubstr("another reluscape-train works in this folder"));
}

TEST_F(TrainFolderTest, AFolderOfSomethingElseIsLeftAlone) {
  std::filesystem::create_directories(path_);
  std::ofstream(path_ / "thesis.tex") << "x";
  EXPECT_THAT(RefusalOf(plan_), HasSubstr("thesis.tex"));
  EXPECT_FALSE(std::filesystem::exists(path_ / "state.pb"));
}

TEST_F(TrainFolderTest, AFirstStartThatWasKilledAtOnceLeavesAUsableFolder) {
  std::filesystem::create_directories(path_);
  std::ofstream(path_ / "lock") << "1";
  std::ofstream(path_ / "state.pb.part-AbCdEf") << "x";
  EXPECT_TRUE(Open(plan_).ok());
}

TEST_F(TrainFolderTest, ABrokenStateIsNamed) {
  ASSERT_TRUE(Open(plan_).ok());
  std::ofstream(path_ / "state.pb", std::ios::trunc) << "no state";
  const absl::Status status = Open(plan_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("state.pb"));
}

TEST_F(TrainFolderTest, FailuresThatMayBeCuredAreTriedAgain) {
  {
    auto folder = Open(plan_);
    ASSERT_TRUE(folder.ok());
    int64_t id = 0;
    for (const FailureKind kind : {FailureKind::kTransient, FailureKind::kRefused,
                                   FailureKind::kDiverged, FailureKind::kInfeasible}) {
      TaskProgress& task = (*folder)->state().tasks[TaskId{++id}];
      task.report.task = TaskId{id};
      task.report.attempt = 1;
      task.report.state = ReportState::kFailed;
      task.report.failure = Failure{kind, "why", 0};
    }
    ASSERT_TRUE((*folder)->Save().ok());
  }
  auto folder = Open(plan_);
  ASSERT_TRUE(folder.ok()) << folder.status();
  EXPECT_FALSE((*folder)->state().Find(TaskId{1})->failed());
  EXPECT_FALSE((*folder)->state().Find(TaskId{2})->failed());
  EXPECT_TRUE((*folder)->state().Find(TaskId{3})->failed());
  EXPECT_TRUE((*folder)->state().Find(TaskId{4})->failed());
}

TEST_F(TrainFolderTest, ArtifactsThatNothingNamesAreRemoved) {
  const ArtifactFolder artifacts(path_ / "artifacts");
  ArtifactRef used;
  ArtifactRef unused;
  {
    auto folder = Open(plan_);
    ASSERT_TRUE(folder.ok());
    used = *artifacts.Put("used");
    unused = *artifacts.Put("unused");
    TaskProgress& task = (*folder)->state().tasks[TaskId{1}];
    task.report.task = TaskId{1};
    task.report.attempt = 1;
    task.report.weights = used;
    ASSERT_TRUE((*folder)->Save().ok());
  }
  ASSERT_TRUE(Open(plan_).ok());
  EXPECT_TRUE(artifacts.Has(used));
  EXPECT_FALSE(artifacts.Has(unused));
}

}  // namespace
}  // namespace reluscape
