#include "tests/fakes/fake_trainer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

class Recorder final : public TaskListener {
 public:
  void OnMeasurement(const Measurement&, int64_t epochs_planned) override {
    planned = epochs_planned;
  }
  void OnEpoch(const EpochReport& epoch) override {
    epochs.push_back(epoch);
    epochs.back().seconds = 0;
    if (epoch.epoch == stop_after) stop.request_stop();
  }
  void OnCheckpoint(const ArtifactRef& artifact, double) override { checkpoint = artifact; }
  void OnSnapshot(const SnapshotReport& snapshot) override { snapshots.push_back(snapshot); }

  int64_t planned = 0;
  int64_t stop_after = -1;
  std::stop_source stop;
  std::vector<EpochReport> epochs;
  std::vector<SnapshotReport> snapshots;
  ArtifactRef checkpoint;
};

class FakeTrainerTest : public testing::Test {
 protected:
  FakeTrainerTest()
      : root_(std::filesystem::path(testing::TempDir()) / absl::StrCat("fake-", ::getpid())),
        artifacts_(root_) {
    EXPECT_TRUE(artifacts_.CreateOrReadId().ok());
    options_.epoch_time = Milliseconds(0);
    options_.checkpoint_interval = Milliseconds(0);
    task_.task = TaskId{1};
    task_.network = "resnet20@2";
    task_.data = {.set = "synthetic", .classes = 10, .side = 32};
    task_.settings.pretrain.epochs = 6;
    task_.settings.fine_tune.epochs = 2;
  }
  ~FakeTrainerTest() override { std::filesystem::remove_all(root_); }

  std::filesystem::path root_;
  ArtifactFolder artifacts_;
  FakeTrainerOptions options_;
  TaskDescription task_;
};

TEST_F(FakeTrainerTest, AResumedAttemptContinuesTheSameCurve) {
  FakeTrainer trainer(options_, artifacts_);
  Recorder whole;
  EXPECT_TRUE(trainer.Run(task_, whole, {}).weights);
  EXPECT_EQ(whole.planned, 6);
  ASSERT_EQ(whole.epochs.size(), 6u);

  Recorder first;
  first.stop_after = 2;
  EXPECT_TRUE(trainer.Run(task_, first, first.stop.get_token()).stopped);
  Recorder second;
  task_.checkpoint = first.checkpoint;
  trainer.Run(task_, second, {});
  std::vector<EpochReport> joined = first.epochs;
  joined.insert(joined.end(), second.epochs.begin(), second.epochs.end());
  EXPECT_EQ(joined, whole.epochs);
}

TEST_F(FakeTrainerTest, TheDescentLeavesASnapshotPerBudgetAndFineTuneAResult) {
  FakeTrainer trainer(options_, artifacts_);
  task_.stage = Stage::kLinearize;
  task_.budgets = {10'000, 3'000, 1'000};
  Recorder descent;
  EXPECT_FALSE(trainer.Run(task_, descent, {}).failure.has_value());
  ASSERT_EQ(descent.snapshots.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(descent.snapshots[i].budget, task_.budgets[i]);
    EXPECT_GE(descent.snapshots[i].relus, task_.budgets[i]);
    EXPECT_TRUE(artifacts_.Get(descent.snapshots[i].artifact).ok());
  }
  EXPECT_LT(descent.snapshots[0].epoch, descent.snapshots[2].epoch);
  EXPECT_EQ(descent.epochs.back().relus, 1'000);

  task_.stage = Stage::kFineTune;
  task_.budgets = {3'000};
  task_.snapshot = descent.snapshots[1].artifact;
  Recorder tune;
  const TaskOutcome outcome = trainer.Run(task_, tune, {});
  ASSERT_TRUE(outcome.result.has_value());
  int64_t kept = 0;
  for (const LayerRelus& layer : outcome.result->layers) kept += layer.kept;
  EXPECT_EQ(kept, 3'000);
  EXPECT_EQ(outcome.result->relus, 3'000);
  EXPECT_TRUE(artifacts_.Get(outcome.result->artifact).ok());
}

TEST_F(FakeTrainerTest, APretrainWithABudgetOfAllReLUsEndsInAResult) {
  FakeTrainer trainer(options_, artifacts_);
  constexpr int64_t kRelus = 172'032 / 8;  // resnet20 at an eighth of its width
  task_.budgets = {kRelus};
  task_.teacher_network = "resnet20@4";
  task_.teacher = artifacts_.Put("teacher").value();
  Recorder recorder;
  const TaskOutcome outcome = trainer.Run(task_, recorder, {});
  ASSERT_FALSE(outcome.failure.has_value()) << outcome.failure->message;
  EXPECT_FALSE(outcome.weights);
  ASSERT_TRUE(outcome.result.has_value());
  EXPECT_EQ(outcome.result->relus, kRelus);
  for (const LayerRelus& layer : outcome.result->layers) EXPECT_EQ(layer.kept, layer.units);

  artifacts_.Remove(task_.teacher);
  EXPECT_TRUE(trainer.Run(task_, recorder, {}).failure.has_value()) << "without its teacher";
}

TEST_F(FakeTrainerTest, FailsWhereItIsTold) {
  options_.fail_stage = Stage::kPretrain;
  options_.fail_epoch = 2;
  options_.fail_kind = FailureKind::kDiverged;
  FakeTrainer trainer(options_, artifacts_);
  Recorder recorder;
  const TaskOutcome outcome = trainer.Run(task_, recorder, {});
  EXPECT_EQ(recorder.epochs.size(), 2u);
  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_EQ(outcome.failure->kind, FailureKind::kDiverged);
  EXPECT_EQ(outcome.failure->epoch, 2);
}

}  // namespace
}  // namespace reluscape
