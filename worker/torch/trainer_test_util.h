#pragma once

// Tasks for a Trainer on a small network and the drawn images, and what they report. Without a
// Torch header: artifacts are read as the JSON header and bytes that they are.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "search/artifact_folder.h"
#include "worker/torch/torch_trainer.h"

namespace reluscape {

// 2 * (4 * 32^2 + 8 * 16^2 + 16 * 8^2) ReLUs.
inline constexpr char kNetwork[] =
    "basic:side=32:classes=10:m=4:blocks=1x1x1:multipliers=2x2:stem-relu=no";
inline constexpr int64_t kUnits = 14336;

// Keeps what a Task reported, and can act on it.
class Recorder final : public TaskListener {
 public:
  void OnMeasurement(const Measurement& measurement, int64_t planned) override {
    measurements.push_back(measurement);
    epochs_planned = planned;
  }
  void OnEpoch(const EpochReport& epoch) override { epochs.push_back(epoch); }
  void OnCheckpoint(const ArtifactRef& artifact, double device_seconds) override {
    checkpoints.push_back(artifact);
    EXPECT_GT(device_seconds, 0);
    if (on_checkpoint) on_checkpoint();
  }
  void OnSnapshot(const SnapshotReport& snapshot) override { snapshots.push_back(snapshot); }

  std::vector<Measurement> measurements;
  int64_t epochs_planned = 0;
  std::vector<EpochReport> epochs;
  std::vector<ArtifactRef> checkpoints;
  std::vector<SnapshotReport> snapshots;
  std::function<void()> on_checkpoint;
};

struct SafetensorsHeader {
  nlohmann::json header;
  std::string data;
};

class TorchTrainerTest : public testing::Test {
 protected:
  TorchTrainerTest()
      : root_(std::filesystem::temp_directory_path() /
              ("reluscape_torch_trainer_test_" +
               std::to_string(::testing::UnitTest::GetInstance()->random_seed()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + "_" +
               std::to_string(::getpid()))),
        folder_(root_) {
    EXPECT_TRUE(folder_.CreateOrReadId().ok());
    TorchTrainerOptions options;
    options.checkpoint_interval = Milliseconds(0);
    trainer_ = Make(options);
  }
  ~TorchTrainerTest() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<Trainer> Make(TorchTrainerOptions options) {
    options.device = "cpu";
    options.threads = 1;
    auto trainer = MakeTorchTrainer(options, folder_);
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }

  static TaskDescription Pretrain() {
    TaskDescription task;
    task.task = TaskId{1};
    task.attempt = 1;
    task.stage = Stage::kPretrain;
    task.network = kNetwork;
    task.data = {.set = "synthetic",
                 .classes = 10,
                 .side = 32,
                 .train_images = 80,
                 .validation_images = 60,
                 .test_images = 50};
    task.settings.pretrain = {.epochs = 3,
                              .batch = 20,
                              .learning_rate = 0.05,
                              .schedule = Schedule::kOneCycle,
                              .step_epochs = {}};
    task.settings.linearize = {.max_epochs = 60,
                               .batch = 20,
                               .weight_learning_rate = 1e-3,
                               .mask_learning_rate = 0.01,
                               .lambda = 1e-4,
                               .lambda_growth_per_epoch = 1.1};
    task.settings.fine_tune = {.epochs = 3,
                               .batch = 20,
                               .learning_rate = 0.01,
                               .schedule = Schedule::kCosine,
                               .step_epochs = {}};
    task.seed = 11;
    task.split_seed = 5;
    return task;
  }

  // As the coordinator derives it from a pretrain that is done.
  TaskDescription Linearize(std::vector<int64_t> budgets) {
    TaskDescription task = Pretrain();
    if (!pretrained_) {
      Recorder recorder;
      pretrained_ = Run(task, recorder).weights;
      measured_ = recorder.measurements.at(0);
    }
    task.task = TaskId{2};
    task.stage = Stage::kLinearize;
    task.seed = 12;
    task.budgets = std::move(budgets);
    task.data_hash = measured_.data_hash;
    task.split_hash = measured_.split_hash;
    task.weights = pretrained_;
    return task;
  }

  TaskDescription FineTune(int64_t budget) {
    TaskDescription task = Linearize({budget});
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    EXPECT_FALSE(outcome.failure) << outcome.failure->message;
    task.task = TaskId{3};
    task.stage = Stage::kFineTune;
    task.seed = 13;
    task.snapshot = recorder.snapshots.at(0).artifact;
    return task;
  }

  TaskOutcome Run(const TaskDescription& task, Recorder& recorder) {
    return trainer_->Run(task, recorder, {});
  }

  SafetensorsHeader Read(const ArtifactRef& artifact) const {
    const auto bytes = folder_.Get(artifact);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    uint64_t length = 0;
    std::memcpy(&length, bytes->data(), 8);
    return {.header = nlohmann::json::parse(bytes->substr(8, length)),
            .data = bytes->substr(8 + length)};
  }

  void ExpectFailure(const TaskDescription& task, FailureKind kind, const std::string& message) {
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    ASSERT_TRUE(outcome.failure);
    EXPECT_EQ(outcome.failure->kind, kind) << outcome.failure->message;
    EXPECT_THAT(outcome.failure->message, testing::HasSubstr(message));
    EXPECT_FALSE(outcome.weights);
    EXPECT_FALSE(outcome.result);
    EXPECT_FALSE(outcome.stopped);
  }

  // Likewise of a Failure that names `artifact`.
  void ExpectArtifactFailure(const TaskDescription& task, FailureKind kind,
                             const ArtifactRef& artifact, const std::string& message) {
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    ASSERT_TRUE(outcome.failure);
    EXPECT_EQ(outcome.failure->kind, kind) << outcome.failure->message;
    EXPECT_EQ(outcome.failure->artifact, artifact);
    EXPECT_THAT(outcome.failure->message, testing::HasSubstr(message));
  }

  // Another content of the same size.
  void Overwrite(const ArtifactRef& artifact) const {
    std::ofstream(folder_.PathOf(artifact), std::ios::binary)
        << std::string(static_cast<size_t>(artifact.bytes), 'x');
  }

  // Runs `task` straight through, and once more with a stop and another Attempt after every
  // `epochs` epochs; returns how both ended and everything the second reported.
  struct Resumed {
    TaskOutcome straight;
    TaskOutcome resumed;
    Recorder straight_recorder;
    std::vector<EpochReport> epochs;
    std::vector<SnapshotReport> snapshots;
    int attempts = 0;
  };
  Resumed RunInPieces(TaskDescription task, size_t epochs) {
    Resumed result;
    result.straight = Run(task, result.straight_recorder);
    for (bool done = false; !done && result.attempts < 100; ++result.attempts) {
      Recorder recorder;
      std::stop_source source;
      recorder.on_checkpoint = [&] {
        if (recorder.checkpoints.size() >= epochs) source.request_stop();
      };
      result.resumed = trainer_->Run(task, recorder, source.get_token());
      // What a Worker hands back is the work up to the newest checkpoint.
      done = !result.resumed.stopped;
      if (!done) {
        task.checkpoint = recorder.checkpoints.back();
        recorder.epochs.resize(recorder.checkpoints.size());
      }
      result.epochs.insert(result.epochs.end(), recorder.epochs.begin(), recorder.epochs.end());
      for (const SnapshotReport& snapshot : recorder.snapshots) {
        const bool known = std::any_of(
            result.snapshots.begin(), result.snapshots.end(),
            [&](const SnapshotReport& other) { return other.budget == snapshot.budget; });
        if (!known) result.snapshots.push_back(snapshot);
      }
    }
    return result;
  }

  static void ExpectEqualCurves(std::vector<EpochReport> a, std::vector<EpochReport> b) {
    for (EpochReport& epoch : a) epoch.seconds = 0;
    for (EpochReport& epoch : b) epoch.seconds = 0;
    EXPECT_EQ(a.size(), b.size());
    EXPECT_TRUE(a == b);
  }

  std::filesystem::path root_;
  ArtifactFolder folder_;
  std::unique_ptr<Trainer> trainer_;
  ArtifactRef pretrained_;
  Measurement measured_;
};

}  // namespace reluscape
