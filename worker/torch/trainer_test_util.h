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
#include <thread>
#include <utility>
#include <vector>

#include "search/vocabulary/check.h"
#include "search/vocabulary/messages.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/torch/torch_trainer.h"

namespace reluscape {

// 2 * (4 * 32^2 + 8 * 16^2 + 16 * 8^2) ReLUs.
inline constexpr char kNetwork[] =
    "basic:side=32:classes=10:m=4:blocks=1x1x1:multipliers=2x2:stem-relu=no";
inline constexpr int64_t kUnits = 14336;

// Keeps what a Task reported, and can act on it.
class Recorder final : public TaskListener {
 public:
  void OnProvenance(const v1::Provenance& provenance, int64_t planned) override {
    provenances.push_back(provenance);
    epochs_planned = planned;
    thread = std::this_thread::get_id();
  }
  void OnEpoch(const v1::Epoch& epoch) override { epochs.push_back(epoch); }
  void OnCheckpoint(const v1::Artifact& artifact, double device_seconds) override {
    checkpoints.push_back(artifact);
    EXPECT_GT(device_seconds, 0);
    if (on_checkpoint) on_checkpoint();
  }
  void OnSnapshot(const v1::Snapshot& snapshot) override { snapshots.push_back(snapshot); }

  std::vector<v1::Provenance> provenances;
  int64_t epochs_planned = 0;
  std::thread::id thread;  // that the Task ran on
  std::vector<v1::Epoch> epochs;
  std::vector<v1::Artifact> checkpoints;
  std::vector<v1::Snapshot> snapshots;
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
    EXPECT_TRUE(folder_.WriteId(ArtifactFolder::NewId()).ok());
    TorchTrainerOptions options;
    options.checkpoint_interval = Milliseconds(0);
    trainer_ = Make(options);
  }
  ~TorchTrainerTest() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<Trainer> Make(TorchTrainerOptions options) {
    options.device = "cpu";
    auto trainer = MakeTorchTrainer(options, folder_);
    EXPECT_TRUE(trainer.ok()) << trainer.status();
    return *std::move(trainer);
  }

  static v1::TaskDescription Pretrain() {
    v1::TaskDescription task;
    task.set_task(1);
    task.set_attempt(1);
    task.set_stage(StageName(Stage::kPretrain));
    task.set_network(kNetwork);
    task.mutable_data()->set_set("synthetic");
    task.mutable_data()->set_classes(10);
    task.mutable_data()->set_side(32);
    task.mutable_data()->set_train_images(80);
    task.mutable_data()->set_validation_images(60);
    task.mutable_data()->set_test_images(50);
    *task.mutable_settings() = Filled<v1::StagesSpec>();
    v1::SgdSpec& pretrain = *task.mutable_settings()->mutable_pretrain();
    pretrain.set_epochs(3);
    pretrain.set_batch(20);
    pretrain.set_learning_rate(0.05);
    pretrain.set_schedule(v1::ONE_CYCLE);
    pretrain.clear_step_epochs();
    v1::LinearizeSpec& linearize = *task.mutable_settings()->mutable_linearize();
    linearize.set_max_epochs(60);
    linearize.set_batch(20);
    linearize.set_weight_learning_rate(1e-3);
    linearize.set_mask_learning_rate(0.01);
    linearize.set_lambda(1e-4);
    linearize.set_lambda_growth_per_epoch(1.1);
    v1::SgdSpec& fine_tune = *task.mutable_settings()->mutable_fine_tune();
    fine_tune.set_epochs(3);
    fine_tune.set_batch(20);
    fine_tune.set_learning_rate(0.01);
    fine_tune.set_schedule(v1::COSINE);
    fine_tune.clear_step_epochs();
    task.set_seed(11);
    task.set_split_seed(5);
    return task;
  }

  // As the coordinator derives it from a pretrain that is done.
  v1::TaskDescription Linearize(std::vector<int64_t> budgets) {
    v1::TaskDescription task = Pretrain();
    if (!IsSet(pretrained_)) {
      Recorder recorder;
      pretrained_ = Run(task, recorder).weights;
      measured_ = recorder.provenances.at(0);
    }
    task.set_task(2);
    task.set_stage(StageName(Stage::kLinearize));
    task.set_seed(12);
    SetList(task.mutable_budgets(), budgets);
    task.set_data_hash(measured_.data_hash());
    task.set_split_hash(measured_.split_hash());
    *task.mutable_weights() = pretrained_;
    return task;
  }

  v1::TaskDescription FineTune(int64_t budget) {
    v1::TaskDescription task = Linearize({budget});
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    EXPECT_FALSE(outcome.failure) << outcome.failure->message();
    task.set_task(3);
    task.set_stage(StageName(Stage::kFineTune));
    task.set_seed(13);
    *task.mutable_snapshot() = recorder.snapshots.at(0).artifact();
    return task;
  }

  TaskOutcome Run(const v1::TaskDescription& task, Recorder& recorder) {
    return trainer_->Run(task, recorder, {});
  }

  SafetensorsHeader Read(const v1::Artifact& artifact) const {
    const auto bytes = folder_.Get(artifact);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    uint64_t length = 0;
    std::memcpy(&length, bytes->data(), 8);
    return {.header = nlohmann::json::parse(bytes->substr(8, length)),
            .data = bytes->substr(8 + length)};
  }

  void ExpectFailure(const v1::TaskDescription& task, v1::Failure::Kind kind,
                     const std::string& message) {
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    ASSERT_TRUE(outcome.failure);
    EXPECT_EQ(outcome.failure->kind(), kind) << outcome.failure->message();
    EXPECT_THAT(outcome.failure->message(), testing::HasSubstr(message));
    EXPECT_FALSE(IsSet(outcome.weights));
    EXPECT_FALSE(outcome.result);
    EXPECT_FALSE(outcome.stopped);
  }

  // Likewise of a v1::Failure that names `artifact`.
  void ExpectArtifactFailure(const v1::TaskDescription& task, v1::Failure::Kind kind,
                             const v1::Artifact& artifact, const std::string& message) {
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    ASSERT_TRUE(outcome.failure);
    EXPECT_EQ(outcome.failure->kind(), kind) << outcome.failure->message();
    EXPECT_EQ(outcome.failure->artifact(), artifact);
    EXPECT_THAT(outcome.failure->message(), testing::HasSubstr(message));
  }

  // Another content of the same size.
  void Overwrite(const v1::Artifact& artifact) const {
    std::ofstream(folder_.PathOf(artifact), std::ios::binary)
        << std::string(static_cast<size_t>(artifact.bytes()), 'x');
  }

  // Runs `task` straight through, and once more with a stop and another Attempt after every
  // `epochs` epochs; returns how both ended and everything the second reported.
  struct Resumed {
    TaskOutcome straight;
    TaskOutcome resumed;
    Recorder straight_recorder;
    std::vector<v1::Epoch> epochs;
    std::vector<v1::Snapshot> snapshots;
    int attempts = 0;
  };
  Resumed RunInPieces(v1::TaskDescription task, size_t epochs) {
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
        *task.mutable_checkpoint() = recorder.checkpoints.back();
        recorder.epochs.resize(recorder.checkpoints.size());
      }
      result.epochs.insert(result.epochs.end(), recorder.epochs.begin(), recorder.epochs.end());
      for (const v1::Snapshot& snapshot : recorder.snapshots) {
        const bool known = std::any_of(
            result.snapshots.begin(), result.snapshots.end(),
            [&](const v1::Snapshot& other) { return other.budget() == snapshot.budget(); });
        if (!known) result.snapshots.push_back(snapshot);
      }
    }
    return result;
  }

  static void ExpectEqualCurves(std::vector<v1::Epoch> a, std::vector<v1::Epoch> b) {
    for (v1::Epoch& epoch : a) epoch.clear_seconds();
    for (v1::Epoch& epoch : b) epoch.clear_seconds();
    EXPECT_EQ(a.size(), b.size());
    EXPECT_TRUE(a == b);
  }

  std::filesystem::path root_;
  ArtifactFolder folder_;
  std::unique_ptr<Trainer> trainer_;
  v1::Artifact pretrained_;
  v1::Provenance measured_;
};

}  // namespace reluscape
