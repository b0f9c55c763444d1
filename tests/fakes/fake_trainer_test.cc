#include "tests/fakes/fake_trainer.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/vocabulary/json_test_util.h"

namespace reluscape {
namespace {

class Recorder final : public TaskListener {
 public:
  void OnProvenance(const v1::Provenance&, int64_t epochs_planned) override {
    planned = epochs_planned;
  }
  void OnEpoch(const v1::Epoch& epoch) override {
    epochs.push_back(epoch);
    epochs.back().set_seconds(0);
    if (epoch.epoch() == stop_after) stop.request_stop();
  }
  void OnCheckpoint(const v1::Artifact& artifact, double) override { checkpoint = artifact; }
  void OnSnapshot(const v1::Snapshot& snapshot) override { snapshots.push_back(snapshot); }

  int64_t planned = 0;
  int64_t stop_after = -1;
  std::stop_source stop;
  std::vector<v1::Epoch> epochs;
  std::vector<v1::Snapshot> snapshots;
  v1::Artifact checkpoint;
};

class FakeTrainerTest : public testing::Test {
 protected:
  FakeTrainerTest()
      : root_(std::filesystem::path(testing::TempDir()) / absl::StrCat("fake-", ::getpid())),
        artifacts_(root_) {
    EXPECT_TRUE(artifacts_.WriteId(ArtifactFolder::NewId()).ok());
    options_.epoch_time = Milliseconds(0);
    options_.checkpoint_interval = Milliseconds(0);
    task_.set_task(1);
    task_.set_network("resnet20@2");
    *task_.mutable_data() =
        FromJson<v1::DataSpec>(R"({"set": "synthetic", "classes": 10, "side": 32})");
    *task_.mutable_settings() =
        FromJson<v1::StagesSpec>(R"({"pretrain": {"epochs": 6}, "fine_tune": {"epochs": 2}})");
  }
  ~FakeTrainerTest() override { std::filesystem::remove_all(root_); }

  std::filesystem::path root_;
  ArtifactFolder artifacts_;
  FakeTrainerOptions options_;
  v1::TaskDescription task_;
};

TEST_F(FakeTrainerTest, AResumedAttemptContinuesTheSameCurve) {
  FakeTrainer trainer(options_, artifacts_);
  Recorder whole;
  EXPECT_TRUE(IsSet(trainer.Run(task_, whole, {}).weights));
  EXPECT_EQ(whole.planned, 6);
  ASSERT_EQ(whole.epochs.size(), 6u);

  Recorder first;
  first.stop_after = 2;
  EXPECT_TRUE(trainer.Run(task_, first, first.stop.get_token()).stopped);
  Recorder second;
  *task_.mutable_checkpoint() = first.checkpoint;
  trainer.Run(task_, second, {});
  std::vector<v1::Epoch> joined = first.epochs;
  joined.insert(joined.end(), second.epochs.begin(), second.epochs.end());
  EXPECT_EQ(joined, whole.epochs);
}

TEST_F(FakeTrainerTest, TheDescentLeavesASnapshotPerBudgetAndFineTuneAResult) {
  FakeTrainer trainer(options_, artifacts_);
  task_.set_stage(StageName(Stage::kLinearize));
  SetList(task_.mutable_budgets(), {10'000, 3'000, 1'000});
  Recorder descent;
  EXPECT_FALSE(trainer.Run(task_, descent, {}).failure.has_value());
  ASSERT_EQ(descent.snapshots.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(descent.snapshots[i].budget(), task_.budgets(static_cast<int>(i)));
    EXPECT_GE(descent.snapshots[i].relus(), task_.budgets(static_cast<int>(i)));
    EXPECT_TRUE(artifacts_.Get(descent.snapshots[i].artifact()).ok());
  }
  EXPECT_LT(descent.snapshots[0].epoch(), descent.snapshots[2].epoch());
  EXPECT_EQ(descent.epochs.back().relus(), 1'000);

  task_.set_stage(StageName(Stage::kFineTune));
  SetList(task_.mutable_budgets(), {3'000});
  *task_.mutable_snapshot() = descent.snapshots[1].artifact();
  Recorder tune;
  const TaskOutcome outcome = trainer.Run(task_, tune, {});
  ASSERT_TRUE(outcome.result.has_value());
  int64_t kept = 0;
  for (const v1::LayerRelus& layer : outcome.result->layers()) kept += layer.kept();
  EXPECT_EQ(kept, 3'000);
  int64_t images = 0;
  int64_t correct = 0;
  for (const v1::ClassAccuracy& one : outcome.result->classes()) {
    EXPECT_LE(one.correct(), one.images()) << one.name();
    images += one.images();
    correct += one.correct();
  }
  EXPECT_EQ(outcome.result->classes_size(), 10u);
  EXPECT_EQ(images, 1000);
  EXPECT_EQ(outcome.result->accuracy_validation(),
            static_cast<double>(correct) / static_cast<double>(images));
  EXPECT_EQ(outcome.result->relus(), 3'000);
  EXPECT_TRUE(artifacts_.Get(outcome.result->artifact()).ok());
}

TEST_F(FakeTrainerTest, APretrainWithABudgetOfAllReLUsEndsInAResult) {
  FakeTrainer trainer(options_, artifacts_);
  constexpr int64_t kRelus = 172'032 / 8;  // resnet20 at an eighth of its width
  SetList(task_.mutable_budgets(), {kRelus});
  task_.set_teacher_network("resnet20@4");
  *task_.mutable_teacher() = artifacts_.Put("teacher").value();
  Recorder recorder;
  const TaskOutcome outcome = trainer.Run(task_, recorder, {});
  ASSERT_FALSE(outcome.failure.has_value()) << outcome.failure->message();
  EXPECT_FALSE(IsSet(outcome.weights));
  ASSERT_TRUE(outcome.result.has_value());
  EXPECT_EQ(outcome.result->relus(), kRelus);
  for (const v1::LayerRelus& layer : outcome.result->layers()) {
    EXPECT_EQ(layer.kept(), layer.units());
  }

  artifacts_.Remove(task_.teacher());
  const TaskOutcome without = trainer.Run(task_, recorder, {});
  ASSERT_TRUE(without.failure.has_value());
  EXPECT_EQ(without.failure->kind(), v1::Failure::STORAGE);
  EXPECT_EQ(without.failure->artifact(), task_.teacher());
}

TEST_F(FakeTrainerTest, FailsWhereItIsTold) {
  options_.fail_stage = Stage::kPretrain;
  options_.fail_epoch = 2;
  options_.fail_kind = v1::Failure::DIVERGED;
  FakeTrainer trainer(options_, artifacts_);
  Recorder recorder;
  const TaskOutcome outcome = trainer.Run(task_, recorder, {});
  EXPECT_EQ(recorder.epochs.size(), 2u);
  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::DIVERGED);
  EXPECT_EQ(outcome.failure->epoch(), 2);
}

TEST_F(FakeTrainerTest, FailsAtOnceInEveryTask) {
  options_.fail_every = true;
  options_.fail_kind = v1::Failure::ARTIFACT;
  FakeTrainer trainer(options_, artifacts_);
  Recorder recorder;
  task_.set_stage(StageName(Stage::kFineTune));
  *task_.mutable_weights() = MakeArtifact(std::string(64, 'a'), 1);
  const TaskOutcome outcome = trainer.Run(task_, recorder, {});
  ASSERT_TRUE(outcome.failure.has_value());
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::ARTIFACT);
  EXPECT_EQ(outcome.failure->artifact(), task_.weights());
  EXPECT_EQ(recorder.planned, 0);
}

TEST_F(FakeTrainerTest, ImagesCannotBeUsedWhileAFileIsThere) {
  const std::filesystem::path broken = root_ / "broken";
  options_.data_problem = "@" + broken.string();
  options_.data_salt = "another copy";
  FakeTrainer trainer(options_, artifacts_);
  const v1::DataRequest request = DataRequestOf(task_);
  const v1::DataState fine = trainer.OpenData(request, {});
  EXPECT_EQ(fine.request(), request);
  EXPECT_TRUE(fine.problem().empty());
  EXPECT_NE(fine.data_hash(), FakeTrainer({}, artifacts_).OpenData(request, {}).data_hash());
  EXPECT_EQ(fine.split_hash(), FakeTrainer({}, artifacts_).OpenData(request, {}).split_hash());

  std::ofstream(broken) << "";
  EXPECT_NE(trainer.OpenData(request, {}).problem(), "");
  EXPECT_TRUE(trainer.OpenData(request, {}).data_hash().empty());
  Recorder recorder;
  EXPECT_EQ(trainer.Run(task_, recorder, {}).failure->kind(), v1::Failure::DATA);
  std::filesystem::remove(broken);
  task_.set_data_hash(std::string(64, 'a'));
  EXPECT_EQ(trainer.Run(task_, recorder, {}).failure->kind(), v1::Failure::DATA);
  task_.set_data_hash(fine.data_hash());
  EXPECT_FALSE(trainer.Run(task_, recorder, {}).failure.has_value());
}

TEST_F(FakeTrainerTest, ArtifactsCannotBeUsedWhileAFileIsThere) {
  const std::filesystem::path full = root_ / "full";
  options_.storage_problem = "@" + full.string();
  FakeTrainer trainer(options_, artifacts_);
  EXPECT_TRUE(trainer.CheckStorage().ok());
  std::ofstream(full) << "";
  EXPECT_FALSE(trainer.CheckStorage().ok());
  Recorder recorder;
  const TaskOutcome outcome = trainer.Run(task_, recorder, {});
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::STORAGE);
  EXPECT_GT(outcome.unstored_bytes, 0);
}

TEST_F(FakeTrainerTest, ForgesWhatItIsTold) {
  task_.set_stage(StageName(Stage::kFineTune));
  SetList(task_.mutable_budgets(), {3'000});
  Recorder recorder;
  options_.forgery = Forgery::kResult;
  const TaskOutcome result = FakeTrainer(options_, artifacts_).Run(task_, recorder, {});
  EXPECT_EQ(result.result->relus(), 0);
  EXPECT_EQ(result.result->accuracy_validation(), 1);
  options_.forgery = Forgery::kAccuracy;
  const TaskOutcome accuracy = FakeTrainer(options_, artifacts_).Run(task_, recorder, {});
  EXPECT_EQ(accuracy.result->relus(), 3'000);
  EXPECT_EQ(accuracy.result->accuracy_validation(), 1);
  EXPECT_TRUE(artifacts_.Get(accuracy.result->artifact()).ok());
  options_.forgery = Forgery::kArtifact;
  const TaskOutcome artifact = FakeTrainer(options_, artifacts_).Run(task_, recorder, {});
  EXPECT_TRUE(artifacts_.Has(artifact.result->artifact()));
  EXPECT_FALSE(artifacts_.Get(artifact.result->artifact()).ok());
}

}  // namespace
}  // namespace reluscape
