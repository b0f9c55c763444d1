// Parts of a recipe that change how a stage computes, not what: bfloat16 and kept logits.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "worker/torch/trainer_test_util.h"

namespace reluscape {
namespace {

using testing::SizeIs;

constexpr int64_t kAll = int64_t{1} << 30;
// 7 of the 80 images: 162 views of 10 float16 and a bit.
constexpr int64_t kSome = 7 * 3'261;

class RecipeSwitchesTest : public TorchTrainerTest {
 protected:
  // A Trainer that keeps at most so many bytes of logits, and none yet.
  std::unique_ptr<Trainer> Fresh(int64_t teacher_cache_bytes) {
    TorchTrainerOptions options;
    options.checkpoint_interval = Milliseconds(0);
    options.teacher_cache_bytes = teacher_cache_bytes;
    return Make(options);
  }

  // Runs `task` by a Trainer that has seen nothing before, until `epochs` checkpoints are there
  // (0: to its end).
  TaskOutcome RunFresh(const v1::TaskDescription& task, int64_t teacher_cache_bytes,
                       Recorder& recorder, size_t epochs = 0) {
    const std::unique_ptr<Trainer> trainer = Fresh(teacher_cache_bytes);
    std::stop_source source;
    recorder.on_checkpoint = [&] {
      if (epochs > 0 && recorder.checkpoints.size() >= epochs) source.request_stop();
    };
    return trainer->Run(task, recorder, source.get_token());
  }

  // A descent that is stopped after five epochs, with `first_bytes` of kept logits, and goes on
  // with none kept yet ends as one that was never stopped.
  void ExpectResumesBitByBit(v1::TaskDescription task, int64_t first_bytes) {
    Recorder straight;
    ASSERT_FALSE(RunFresh(task, kAll, straight).failure);
    Recorder first;
    ASSERT_TRUE(RunFresh(task, first_bytes, first, /*epochs=*/5).stopped);
    *task.mutable_checkpoint() = first.checkpoints.back();
    Recorder second;
    ASSERT_FALSE(RunFresh(task, kAll, second).failure);
    first.epochs.resize(first.checkpoints.size());
    first.epochs.insert(first.epochs.end(), second.epochs.begin(), second.epochs.end());
    ExpectEqualCurves(first.epochs, straight.epochs);
    EXPECT_EQ(second.snapshots.back().artifact(), straight.snapshots.back().artifact());
  }

  v1::TaskDescription Descent() {
    v1::TaskDescription task = Linearize({12000});
    task.mutable_settings()->set_cache_teacher_logits(true);
    return task;
  }
};

TEST_F(RecipeSwitchesTest, KeptLogitsTrainAsComputedOnesUpToFloat16) {
  v1::TaskDescription task = Descent();
  task.mutable_settings()->mutable_linearize()->set_max_epochs(5);  // of 4 steps
  Recorder kept;
  RunFresh(task, kAll, kept);
  task.mutable_settings()->set_cache_teacher_logits(false);
  Recorder plain;
  RunFresh(task, kAll, plain);
  ASSERT_THAT(kept.epochs, SizeIs(5));
  ASSERT_THAT(plain.epochs, SizeIs(5));
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(kept.epochs[i].loss(), plain.epochs[i].loss(), 2e-3 * plain.epochs[i].loss()) << i;
    EXPECT_EQ(kept.epochs[i].relus(), plain.epochs[i].relus()) << i;
  }
  EXPECT_NE(kept.epochs[0].loss(), plain.epochs[0].loss());
}

TEST_F(RecipeSwitchesTest, TheLimitOfTheCacheChangesNothing) {
  const v1::TaskDescription task = Descent();
  Recorder all;
  ASSERT_FALSE(RunFresh(task, kAll, all).failure);
  for (const int64_t limit : {int64_t{0}, kSome}) {
    Recorder other;
    ASSERT_FALSE(RunFresh(task, limit, other).failure);
    ExpectEqualCurves(all.epochs, other.epochs);
    EXPECT_EQ(all.snapshots.back().artifact(), other.snapshots.back().artifact());
  }
}

TEST_F(RecipeSwitchesTest, ADescentWithKeptLogitsResumesBitByBitWithAnEmptyCache) {
  ExpectResumesBitByBit(Descent(), kAll);
}

TEST_F(RecipeSwitchesTest, AFineTuneIsTheSameAfterItsDescentAndOnAnotherWorker) {
  v1::TaskDescription task = Descent();
  Recorder descent;
  ASSERT_FALSE(Run(task, descent).failure);
  task.set_task(3);
  task.set_stage(StageName(Stage::kFineTune));
  task.set_seed(13);
  SetList(task.mutable_budgets(), {12000});
  *task.mutable_snapshot() = descent.snapshots.back().artifact();
  Recorder warm;
  Recorder cold;
  const TaskOutcome here = Run(task, warm);
  const TaskOutcome there = RunFresh(task, kSome, cold);
  ASSERT_TRUE(here.result);
  ASSERT_TRUE(there.result);
  EXPECT_TRUE(*here.result == *there.result);
  ExpectEqualCurves(warm.epochs, cold.epochs);
}

TEST_F(RecipeSwitchesTest, ATeacherOfOtherWeightsHasItsOwnLogits) {
  v1::TaskDescription task = Descent();
  task.mutable_settings()->mutable_linearize()->set_max_epochs(2);
  Recorder first;
  Run(task, first);  // fills the cache of this Trainer
  v1::TaskDescription pretrain = Pretrain();
  pretrain.set_seed(77);
  Recorder other;
  *task.mutable_weights() = Run(pretrain, other).weights;
  ASSERT_TRUE(IsSet(task.weights()));
  Recorder warm;
  Recorder cold;
  Run(task, warm);
  RunFresh(task, kAll, cold);
  ASSERT_THAT(warm.epochs, SizeIs(2));
  ExpectEqualCurves(warm.epochs, cold.epochs);
}

TEST_F(RecipeSwitchesTest, KeptLogitsOfViewsWithoutNumberAreRefused) {
  v1::TaskDescription task = Descent();
  task.mutable_settings()->mutable_augmentation()->set_cutout(8);
  ExpectFailure(task, v1::Failure::REFUSED, "cache_teacher_logits");
  task.mutable_settings()->mutable_augmentation()->set_cutout(0);
  task.mutable_settings()->mutable_augmentation()->set_mixup(1);
  ExpectFailure(task, v1::Failure::REFUSED, "cache_teacher_logits");
}

TEST_F(RecipeSwitchesTest, ACacheOfLessThanNothingIsRefused) {
  TorchTrainerOptions options;
  options.device = "cpu";
  options.teacher_cache_bytes = -1;
  const auto trainer = MakeTorchTrainer(options, folder_);
  EXPECT_EQ(trainer.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(trainer.status().message()), testing::HasSubstr("teacher_cache_bytes"));
}

TEST_F(RecipeSwitchesTest, SmoothedLabelsMixTheLossWithThatOfEvenLabels) {
  const auto first_loss = [&](double smoothing) {
    v1::TaskDescription task = Pretrain();
    v1::SgdSpec& pretrain = *task.mutable_settings()->mutable_pretrain();
    pretrain.set_epochs(1);
    pretrain.set_batch(80);  // all of them: one step, whose loss is that of the first weights
    pretrain.set_label_smoothing(smoothing);
    Recorder recorder;
    EXPECT_FALSE(Run(task, recorder).failure);
    return recorder.epochs.at(0).loss();
  };
  const double plain = first_loss(0);
  const double half = first_loss(0.5);
  EXPECT_GT(std::abs(plain - half), 1e-4);
  EXPECT_NEAR(first_loss(0.25), (plain + half) / 2, 1e-6);
}

TEST_F(RecipeSwitchesTest, EveryStageRunsInBfloat16AndSaysSo) {
  v1::TaskDescription task = Pretrain();
  task.mutable_settings()->mutable_pretrain()->set_epochs(6);
  Recorder exact;
  ASSERT_TRUE(IsSet(Run(task, exact).weights));
  task.mutable_settings()->set_precision(v1::StagesSpec::BFLOAT16);
  Recorder rounded;
  const v1::Artifact weights = Run(task, rounded).weights;
  ASSERT_TRUE(IsSet(weights));
  EXPECT_EQ(exact.provenances.at(0).precision(), "float32");
  EXPECT_EQ(rounded.provenances.at(0).precision(), "bfloat16");
  EXPECT_NE(rounded.epochs.back().loss(), exact.epochs.back().loss());
  EXPECT_NEAR(rounded.epochs.back().validation_accuracy(),
              exact.epochs.back().validation_accuracy(), 0.15);

  task.set_stage(StageName(Stage::kLinearize));
  task.set_seed(12);
  *task.mutable_weights() = weights;
  task.set_data_hash(rounded.provenances.at(0).data_hash());
  task.set_split_hash(rounded.provenances.at(0).split_hash());
  SetList(task.mutable_budgets(), {12000});
  Recorder descent;
  const TaskOutcome linearized = Run(task, descent);
  ASSERT_FALSE(linearized.failure) << linearized.failure->message();
  EXPECT_EQ(descent.provenances.at(0).precision(), "bfloat16");
  ASSERT_THAT(descent.snapshots, SizeIs(1));

  task.set_stage(StageName(Stage::kFineTune));
  task.set_seed(13);
  *task.mutable_snapshot() = descent.snapshots[0].artifact();
  Recorder tuning;
  const TaskOutcome tuned = Run(task, tuning);
  ASSERT_FALSE(tuned.failure) << tuned.failure->message();
  EXPECT_EQ(tuned.result->relus(), 12000);
  EXPECT_EQ(tuning.provenances.at(0).precision(), "bfloat16");
  EXPECT_TRUE(std::isfinite(tuning.epochs.back().loss()));
}

TEST_F(RecipeSwitchesTest, OnACpuTf32IsFloat32InEveryBitAndSaysSo) {
  v1::TaskDescription task = Pretrain();
  task.mutable_settings()->set_precision(v1::StagesSpec::FLOAT32);
  Recorder exact;
  const v1::Artifact expected = Run(task, exact).weights;
  task.mutable_settings()->set_precision(v1::StagesSpec::TF32);
  Recorder recorder;
  const v1::Artifact weights = Run(task, recorder).weights;
  ASSERT_TRUE(IsSet(weights));
  EXPECT_EQ(recorder.provenances.at(0).precision(), "float32");
  EXPECT_EQ(Read(weights).data, Read(expected).data);
}

TEST_F(RecipeSwitchesTest, InBfloat16WithKeptLogitsADescentResumesBitByBit) {
  v1::TaskDescription task = Descent();
  task.mutable_settings()->set_precision(v1::StagesSpec::BFLOAT16);
  ExpectResumesBitByBit(std::move(task), kSome);
}

}  // namespace
}  // namespace reluscape
