// Every way to choose ReLUs, from a pretrained network to results of the right count.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "worker/torch/trainer_test_util.h"

namespace reluscape {
namespace {

using testing::Each;
using testing::Gt;
using testing::HasSubstr;
using testing::SizeIs;

class MethodsTest : public TorchTrainerTest {
 protected:
  TaskDescription LinearizeBy(LinearizeMethod method, std::vector<int64_t> budgets) {
    TaskDescription task = Linearize(std::move(budgets));
    LinearizeSettings& settings = task.settings.linearize;
    settings.method = method;
    settings.planned_epochs = 2;
    if (method == LinearizeMethod::kAutorep) settings.mask_learning_rate = 0.05;
    return task;
  }

  // Runs `task` and fine-tunes each of its Snapshots.
  std::vector<ResultReport> Results(const TaskDescription& task) {
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    EXPECT_FALSE(outcome.failure) << outcome.failure->message;
    EXPECT_THAT(recorder.snapshots, SizeIs(task.budgets.size()));
    std::vector<ResultReport> results;
    for (const SnapshotReport& snapshot : recorder.snapshots) {
      EXPECT_GE(snapshot.relus, snapshot.budget);
      TaskDescription fine_tune = task;
      fine_tune.stage = Stage::kFineTune;
      fine_tune.budgets = {snapshot.budget};
      fine_tune.snapshot = snapshot.artifact;
      fine_tune.settings.fine_tune.epochs = 1;
      Recorder tuning;
      const TaskOutcome tuned = Run(fine_tune, tuning);
      EXPECT_FALSE(tuned.failure) << tuned.failure->message;
      if (tuned.result) results.push_back(*tuned.result);
    }
    EXPECT_THAT(results, SizeIs(task.budgets.size()));
    return results;
  }

  std::string MaskBytes(const ResultReport& result) const {
    const SafetensorsHeader file = Read(result.artifact);
    std::string bytes;
    for (const LayerRelus& layer : result.layers) {
      const nlohmann::json& mask = file.header.at(layer.layer + ".mask");
      const auto begin = mask.at("data_offsets")[0].get<size_t>();
      bytes += file.data.substr(begin, mask.at("data_offsets")[1].get<size_t>() - begin);
    }
    return bytes;
  }
};

class EveryMethodTest : public MethodsTest, public testing::WithParamInterface<LinearizeMethod> {};

TEST_P(EveryMethodTest, MeetsEveryBudgetExactly) {
  const std::vector<int64_t> budgets = {9000, 3001};
  const std::vector<ResultReport> results = Results(LinearizeBy(GetParam(), budgets));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].relus, budgets[i]);
    int64_t kept = 0;
    for (const LayerRelus& layer : results[i].layers) kept += layer.kept;
    EXPECT_EQ(kept, budgets[i]);
    const std::string bytes = MaskBytes(results[i]);
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\1'), budgets[i]);
  }
}

TEST_P(EveryMethodTest, WithMasksPerChannelKeepsWholeChannels) {
  // Channels of 1024, 256 and 64 units: 64 divides what can be reached.
  TaskDescription task = LinearizeBy(GetParam(), {9000, 3001});
  task.settings.linearize.mask_shape = MaskShape::kChannel;
  for (const ResultReport& result : Results(task)) {
    EXPECT_LE(result.relus, result.budget);
    EXPECT_GT(result.relus, result.budget - 1024 * 6);
    const int64_t areas[] = {1024, 1024, 256, 256, 64, 64};
    for (size_t i = 0; i < result.layers.size(); ++i) {
      EXPECT_EQ(result.layers[i].kept % areas[i], 0) << result.layers[i].layer;
    }
  }
}

TEST_P(EveryMethodTest, RepeatsAndFollowsItsSeed) {
  const TaskDescription task = LinearizeBy(GetParam(), {5000});
  Recorder first;
  Recorder second;
  ASSERT_FALSE(Run(task, first).failure);
  ASSERT_FALSE(Run(task, second).failure);
  EXPECT_EQ(first.snapshots.at(0).artifact, second.snapshots.at(0).artifact);
  TaskDescription other = task;
  other.seed = 77;
  Recorder third;
  ASSERT_FALSE(Run(other, third).failure);
  EXPECT_NE(first.snapshots.at(0).artifact, third.snapshots.at(0).artifact);
}

INSTANTIATE_TEST_SUITE_P(Methods, EveryMethodTest,
                         testing::Values(LinearizeMethod::kSnl, LinearizeMethod::kAutorep,
                                         LinearizeMethod::kSenet, LinearizeMethod::kSnip,
                                         LinearizeMethod::kTaylor, LinearizeMethod::kMagnitude,
                                         LinearizeMethod::kLayerUniform, LinearizeMethod::kRandom));

TEST_F(MethodsTest, LayerUniformKeepsTheSameShareOfEveryLayer) {
  const ResultReport result = Results(LinearizeBy(LinearizeMethod::kLayerUniform, {7168}))[0];
  for (const LayerRelus& layer : result.layers) EXPECT_EQ(layer.kept * 2, layer.units);
}

TEST_F(MethodsTest, ControlsChooseDifferentUnits) {
  std::set<std::string> masks;
  for (const LinearizeMethod method :
       {LinearizeMethod::kSnip, LinearizeMethod::kTaylor, LinearizeMethod::kMagnitude,
        LinearizeMethod::kLayerUniform, LinearizeMethod::kRandom}) {
    masks.insert(MaskBytes(Results(LinearizeBy(method, {7168}))[0]));
  }
  EXPECT_THAT(masks, SizeIs(5));
}

TEST_F(MethodsTest, SmallerBudgetsOfOneShotScoresAreSubsets) {
  const std::vector<ResultReport> results =
      Results(LinearizeBy(LinearizeMethod::kSnip, {9000, 3000}));
  const std::string large = MaskBytes(results[0]);
  const std::string small = MaskBytes(results[1]);
  for (size_t i = 0; i < small.size(); ++i) EXPECT_LE(small[i], large[i]);
}

TEST_F(MethodsTest, SenetTrainsThePlannedEpochsForEachBudgetAndResumes) {
  const TaskDescription task = LinearizeBy(LinearizeMethod::kSenet, {9000, 3000});
  const Resumed result = RunInPieces(task, /*epochs=*/1);
  EXPECT_GE(result.attempts, 3);
  EXPECT_EQ(result.straight_recorder.epochs_planned, 4);
  EXPECT_THAT(result.straight_recorder.epochs, SizeIs(4));
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
  ASSERT_THAT(result.snapshots, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(result.snapshots[i].artifact, result.straight_recorder.snapshots[i].artifact);
  }
}

TEST_F(MethodsTest, AutorepResumesBitByBit) {
  TaskDescription task = LinearizeBy(LinearizeMethod::kAutorep, {9000, 6000});
  const Resumed result = RunInPieces(task, /*epochs=*/2);
  ASSERT_FALSE(result.straight.failure) << result.straight.failure->message;
  EXPECT_GE(result.attempts, 2);
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
  ASSERT_THAT(result.snapshots, SizeIs(2));
  EXPECT_EQ(result.snapshots[1].artifact, result.straight_recorder.snapshots[1].artifact);
}

TEST_F(MethodsTest, APlannedDescentFollowsItsCurveAndResumes) {
  TaskDescription task = Linearize({2000});
  LinearizeSettings& settings = task.settings.linearize;
  settings.lambda_schedule = LambdaSchedule::kPlanned;
  settings.planned_epochs = 50;  // a mask needs 25 at this learning rate, however strong the pull
  settings.feedback_interval_steps = 2;
  settings.feedback_factor = 1.3;
  settings.max_epochs = 120;
  const Resumed result = RunInPieces(task, /*epochs=*/20);
  ASSERT_FALSE(result.straight.failure) << result.straight.failure->message;
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
  const std::vector<EpochReport>& epochs = result.straight_recorder.epochs;
  EXPECT_THAT(epochs, SizeIs(testing::AllOf(Gt(25U), testing::Lt(90U))));
  // Lambda goes up and down.
  bool up = false;
  bool down = false;
  for (size_t i = 1; i < epochs.size(); ++i) {
    up |= *epochs[i].lambda > *epochs[i - 1].lambda;
    down |= *epochs[i].lambda < *epochs[i - 1].lambda;
  }
  EXPECT_TRUE(up);
  EXPECT_TRUE(down);
}

TEST_F(MethodsTest, ClampedMasksStayBetweenZeroAndOne) {
  TaskDescription task = Linearize({5000});
  task.settings.linearize.clamp_masks = true;
  Recorder recorder;
  ASSERT_FALSE(Run(task, recorder).failure);
  const SafetensorsHeader file = Read(recorder.snapshots.at(0).artifact);
  int64_t zeros = 0;
  double sum = 0;
  for (const auto& [name, tensor] : file.header.items()) {
    if (!name.ends_with(".mask")) continue;
    const auto begin = tensor.at("data_offsets")[0].get<size_t>();
    const auto end = tensor.at("data_offsets")[1].get<size_t>();
    for (size_t at = begin; at < end; at += 4) {
      float value = 0;
      std::memcpy(&value, file.data.data() + at, 4);
      ASSERT_TRUE(value >= 0 && value <= 1) << name << ": " << value;
      zeros += value == 0 ? 1 : 0;
      sum += value;
    }
  }
  EXPECT_GT(zeros, 0);
  // The file tells how far the masks lie apart: here they do not fall in lockstep.
  const nlohmann::json& metadata = file.header.at("__metadata__");
  EXPECT_NEAR(std::stod(metadata.at("mask_mean").get<std::string>()), sum / kUnits, 1e-6);
  EXPECT_GT(std::stod(metadata.at("mask_deviation").get<std::string>()), 0.1);
}

TEST_F(MethodsTest, AnEarlyCutEndsTheDescentSoonerAtTheSameCount) {
  TaskDescription task = Linearize({3000});
  Recorder whole;
  ASSERT_FALSE(Run(task, whole).failure);
  task.settings.linearize.early_cut = 3;
  Recorder cut;
  ASSERT_FALSE(Run(task, cut).failure);
  EXPECT_LT(cut.epochs.size(), whole.epochs.size());
  EXPECT_GE(cut.snapshots.at(0).relus, 9000);
  EXPECT_EQ(Results(task)[0].relus, 3000);
}

TEST_F(MethodsTest, LambdaCanGrowWithEveryStep) {
  TaskDescription task = Linearize({100});
  task.settings.linearize = {.max_epochs = 3, .batch = 20, .lambda = 1e-6};
  task.settings.linearize.lambda_growth_per_step = 2;
  Recorder recorder;
  EXPECT_EQ(Run(task, recorder).failure->kind, FailureKind::kInfeasible);
  ASSERT_THAT(recorder.epochs, SizeIs(3));
  // Four steps per epoch; what is reported is the value of the epoch's last step.
  EXPECT_DOUBLE_EQ(*recorder.epochs[0].lambda, 8e-6);
  EXPECT_DOUBLE_EQ(*recorder.epochs[1].lambda, 8e-6 * 16);
}

TEST_F(MethodsTest, MasksOfAnotherShapeAreMadeAgain) {
  TaskDescription task = FineTune(6000);
  task.settings.linearize.mask_shape = MaskShape::kChannel;
  ExpectArtifactFailure(task, FailureKind::kArtifact, task.snapshot,
                        "as the job's mask_shape wants it");
}

TEST_F(MethodsTest, AResultTellsTheAccuracyOfEveryClass) {
  const TaskDescription task = FineTune(6000);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.result);
  const auto text = Read(outcome.result->artifact)
                        .header.at("__metadata__")
                        .at("accuracy_per_class")
                        .get<std::string>();
  EXPECT_EQ(std::count(text.begin(), text.end(), ','), 9);
  // Six validation images of each of the ten classes: the mean is the accuracy.
  double sum = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    sum += std::stod(text.substr(begin, end - begin));
    begin = end + 1;
  }
  EXPECT_NEAR(sum / 10, outcome.result->accuracy_validation, 1e-12);
  ASSERT_EQ(outcome.result->classes.size(), 10U);
  int64_t correct = 0;
  for (const ClassAccuracy& one : outcome.result->classes) {
    EXPECT_FALSE(one.name.empty());
    EXPECT_EQ(one.images, 6);
    correct += one.correct;
  }
  EXPECT_NEAR(static_cast<double>(correct) / 60, outcome.result->accuracy_validation, 1e-12);
}

TEST_F(MethodsTest, ADivergedTaskNamesItsLastGoodCheckpoint) {
  TaskDescription task = Pretrain();
  task.settings.pretrain.schedule = Schedule::kSteps;
  task.settings.pretrain.epochs = 6;
  task.settings.pretrain.step_epochs = {2};
  task.settings.pretrain.step_factor = 1e30;  // no job file may say this; it makes the loss leave
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->kind, FailureKind::kDiverged);
  EXPECT_EQ(outcome.failure->epoch, 2);
  ASSERT_FALSE(recorder.checkpoints.empty());
  EXPECT_THAT(outcome.failure->message,
              HasSubstr("after 2 epochs, is artifact " + recorder.checkpoints.back().sha256));
}

}  // namespace
}  // namespace reluscape
