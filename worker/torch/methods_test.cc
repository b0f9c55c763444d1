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
  v1::TaskDescription LinearizeBy(v1::LinearizeSpec::Method method, std::vector<int64_t> budgets) {
    v1::TaskDescription task = Linearize(std::move(budgets));
    v1::LinearizeSpec& settings = *task.mutable_settings()->mutable_linearize();
    settings.set_method(method);
    settings.set_planned_epochs(2);
    if (method == v1::LinearizeSpec::AUTOREP) settings.set_mask_learning_rate(0.05);
    return task;
  }

  // Runs `task` and fine-tunes each of its Snapshots.
  std::vector<v1::ResultReport> Results(const v1::TaskDescription& task) {
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    EXPECT_FALSE(outcome.failure) << outcome.failure->message();
    EXPECT_THAT(recorder.snapshots, SizeIs(task.budgets().size()));
    std::vector<v1::ResultReport> results;
    for (const v1::Snapshot& snapshot : recorder.snapshots) {
      EXPECT_GE(snapshot.relus(), snapshot.budget());
      v1::TaskDescription fine_tune = task;
      fine_tune.set_stage(StageName(Stage::kFineTune));
      SetList(fine_tune.mutable_budgets(), {snapshot.budget()});
      *fine_tune.mutable_snapshot() = snapshot.artifact();
      fine_tune.mutable_settings()->mutable_fine_tune()->set_epochs(1);
      Recorder tuning;
      const TaskOutcome tuned = Run(fine_tune, tuning);
      EXPECT_FALSE(tuned.failure) << tuned.failure->message();
      if (tuned.result) results.push_back(*tuned.result);
    }
    EXPECT_THAT(results, SizeIs(task.budgets().size()));
    return results;
  }

  std::string MaskBytes(const v1::ResultReport& result) const {
    const SafetensorsHeader file = Read(result.artifact());
    std::string bytes;
    for (const v1::LayerRelus& layer : result.layers()) {
      const nlohmann::json& mask = file.header.at(layer.layer() + ".mask");
      const auto begin = mask.at("data_offsets")[0].get<size_t>();
      bytes += file.data.substr(begin, mask.at("data_offsets")[1].get<size_t>() - begin);
    }
    return bytes;
  }
};

class EveryMethodTest : public MethodsTest,
                        public testing::WithParamInterface<v1::LinearizeSpec::Method> {};

TEST_P(EveryMethodTest, MeetsEveryBudgetExactly) {
  const std::vector<int64_t> budgets = {9000, 3001};
  const std::vector<v1::ResultReport> results = Results(LinearizeBy(GetParam(), budgets));
  for (size_t i = 0; i < results.size(); ++i) {
    EXPECT_EQ(results[i].relus(), budgets[i]);
    int64_t kept = 0;
    for (const v1::LayerRelus& layer : results[i].layers()) kept += layer.kept();
    EXPECT_EQ(kept, budgets[i]);
    const std::string bytes = MaskBytes(results[i]);
    EXPECT_EQ(std::count(bytes.begin(), bytes.end(), '\1'), budgets[i]);
  }
}

TEST_P(EveryMethodTest, WithMasksPerChannelKeepsWholeChannels) {
  // Channels of 1024, 256 and 64 units: 64 divides what can be reached.
  v1::TaskDescription task = LinearizeBy(GetParam(), {9000, 3001});
  task.mutable_settings()->mutable_linearize()->set_mask_shape(v1::LinearizeSpec::CHANNEL);
  for (const v1::ResultReport& result : Results(task)) {
    EXPECT_LE(result.relus(), result.budget());
    EXPECT_GT(result.relus(), result.budget() - 1024 * 6);
    const int64_t areas[] = {1024, 1024, 256, 256, 64, 64};
    for (int i = 0; i < result.layers_size(); ++i) {
      EXPECT_EQ(result.layers(i).kept() % areas[i], 0) << result.layers(i).layer();
    }
  }
}

TEST_P(EveryMethodTest, RepeatsAndFollowsItsSeed) {
  const v1::TaskDescription task = LinearizeBy(GetParam(), {5000});
  Recorder first;
  Recorder second;
  ASSERT_FALSE(Run(task, first).failure);
  ASSERT_FALSE(Run(task, second).failure);
  EXPECT_EQ(first.snapshots.at(0).artifact(), second.snapshots.at(0).artifact());
  v1::TaskDescription other = task;
  other.set_seed(77);
  Recorder third;
  ASSERT_FALSE(Run(other, third).failure);
  EXPECT_NE(first.snapshots.at(0).artifact(), third.snapshots.at(0).artifact());
}

INSTANTIATE_TEST_SUITE_P(Methods, EveryMethodTest,
                         testing::Values(v1::LinearizeSpec::SNL, v1::LinearizeSpec::AUTOREP,
                                         v1::LinearizeSpec::SENET, v1::LinearizeSpec::SNIP,
                                         v1::LinearizeSpec::TAYLOR, v1::LinearizeSpec::MAGNITUDE,
                                         v1::LinearizeSpec::LAYER_UNIFORM,
                                         v1::LinearizeSpec::RANDOM));

TEST_F(MethodsTest, LayerUniformKeepsTheSameShareOfEveryLayer) {
  const v1::ResultReport result = Results(LinearizeBy(v1::LinearizeSpec::LAYER_UNIFORM, {7168}))[0];
  for (const v1::LayerRelus& layer : result.layers()) EXPECT_EQ(layer.kept() * 2, layer.units());
}

TEST_F(MethodsTest, ControlsChooseDifferentUnits) {
  std::set<std::string> masks;
  for (const v1::LinearizeSpec::Method method :
       {v1::LinearizeSpec::SNIP, v1::LinearizeSpec::TAYLOR, v1::LinearizeSpec::MAGNITUDE,
        v1::LinearizeSpec::LAYER_UNIFORM, v1::LinearizeSpec::RANDOM}) {
    masks.insert(MaskBytes(Results(LinearizeBy(method, {7168}))[0]));
  }
  EXPECT_THAT(masks, SizeIs(5));
}

TEST_F(MethodsTest, SmallerBudgetsOfOneShotScoresAreSubsets) {
  const std::vector<v1::ResultReport> results =
      Results(LinearizeBy(v1::LinearizeSpec::SNIP, {9000, 3000}));
  const std::string large = MaskBytes(results[0]);
  const std::string small = MaskBytes(results[1]);
  for (size_t i = 0; i < small.size(); ++i) EXPECT_LE(small[i], large[i]);
}

TEST_F(MethodsTest, SenetTrainsThePlannedEpochsForEachBudgetAndResumes) {
  const v1::TaskDescription task = LinearizeBy(v1::LinearizeSpec::SENET, {9000, 3000});
  const Resumed result = RunInPieces(task, /*epochs=*/1);
  EXPECT_GE(result.attempts, 3);
  EXPECT_EQ(result.straight_recorder.epochs_planned, 4);
  EXPECT_THAT(result.straight_recorder.epochs, SizeIs(4));
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
  ASSERT_THAT(result.snapshots, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(result.snapshots[i].artifact(), result.straight_recorder.snapshots[i].artifact());
  }
}

TEST_F(MethodsTest, AutorepResumesBitByBit) {
  v1::TaskDescription task = LinearizeBy(v1::LinearizeSpec::AUTOREP, {9000, 6000});
  const Resumed result = RunInPieces(task, /*epochs=*/2);
  ASSERT_FALSE(result.straight.failure) << result.straight.failure->message();
  EXPECT_GE(result.attempts, 2);
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
  ASSERT_THAT(result.snapshots, SizeIs(2));
  EXPECT_EQ(result.snapshots[1].artifact(), result.straight_recorder.snapshots[1].artifact());
}

TEST_F(MethodsTest, APlannedDescentFollowsItsCurveAndResumes) {
  v1::TaskDescription task = Linearize({2000});
  v1::LinearizeSpec& settings = *task.mutable_settings()->mutable_linearize();
  settings.set_lambda_schedule(v1::LinearizeSpec::PLANNED);
  settings.set_planned_epochs(
      50);  // a mask needs 25 at this learning rate, however strong the pull
  settings.set_feedback_interval_steps(2);
  settings.set_feedback_factor(1.3);
  settings.set_max_epochs(120);
  const Resumed result = RunInPieces(task, /*epochs=*/20);
  ASSERT_FALSE(result.straight.failure) << result.straight.failure->message();
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
  const std::vector<v1::Epoch>& epochs = result.straight_recorder.epochs;
  EXPECT_THAT(epochs, SizeIs(testing::AllOf(Gt(25U), testing::Lt(90U))));
  // Lambda goes up and down.
  bool up = false;
  bool down = false;
  for (size_t i = 1; i < epochs.size(); ++i) {
    up |= epochs[i].lambda() > epochs[i - 1].lambda();
    down |= epochs[i].lambda() < epochs[i - 1].lambda();
  }
  EXPECT_TRUE(up);
  EXPECT_TRUE(down);
}

TEST_F(MethodsTest, ClampedMasksStayBetweenZeroAndOne) {
  v1::TaskDescription task = Linearize({5000});
  task.mutable_settings()->mutable_linearize()->set_clamp_masks(true);
  Recorder recorder;
  ASSERT_FALSE(Run(task, recorder).failure);
  const SafetensorsHeader file = Read(recorder.snapshots.at(0).artifact());
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
  v1::TaskDescription task = Linearize({3000});
  Recorder whole;
  ASSERT_FALSE(Run(task, whole).failure);
  task.mutable_settings()->mutable_linearize()->set_early_cut(3);
  Recorder cut;
  ASSERT_FALSE(Run(task, cut).failure);
  EXPECT_LT(cut.epochs.size(), whole.epochs.size());
  EXPECT_GE(cut.snapshots.at(0).relus(), 9000);
  EXPECT_EQ(Results(task)[0].relus(), 3000);
}

TEST_F(MethodsTest, LambdaCanGrowWithEveryStep) {
  v1::TaskDescription task = Linearize({100});
  v1::LinearizeSpec& linearize = *task.mutable_settings()->mutable_linearize();
  linearize = Filled<v1::LinearizeSpec>();
  linearize.set_max_epochs(3);
  linearize.set_batch(20);
  linearize.set_lambda(1e-6);
  task.mutable_settings()->mutable_linearize()->set_lambda_growth_per_step(2);
  Recorder recorder;
  EXPECT_EQ(Run(task, recorder).failure->kind(), v1::Failure::INFEASIBLE);
  ASSERT_THAT(recorder.epochs, SizeIs(3));
  // Four steps per epoch; what is reported is the value of the epoch's last step.
  EXPECT_DOUBLE_EQ(recorder.epochs[0].lambda(), 8e-6);
  EXPECT_DOUBLE_EQ(recorder.epochs[1].lambda(), 8e-6 * 16);
}

TEST_F(MethodsTest, MasksOfAnotherShapeAreMadeAgain) {
  v1::TaskDescription task = FineTune(6000);
  task.mutable_settings()->mutable_linearize()->set_mask_shape(v1::LinearizeSpec::CHANNEL);
  ExpectArtifactFailure(task, v1::Failure::ARTIFACT, task.snapshot(),
                        "as the job's mask_shape wants it");
}

TEST_F(MethodsTest, AResultTellsTheAccuracyOfEveryClass) {
  const v1::TaskDescription task = FineTune(6000);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.result);
  const auto text = Read(outcome.result->artifact())
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
  EXPECT_NEAR(sum / 10, outcome.result->accuracy_validation(), 1e-12);
  ASSERT_EQ(outcome.result->classes_size(), 10U);
  int64_t correct = 0;
  for (const v1::ClassAccuracy& one : outcome.result->classes()) {
    EXPECT_FALSE(one.name().empty());
    EXPECT_EQ(one.images(), 6);
    correct += one.correct();
  }
  EXPECT_NEAR(static_cast<double>(correct) / 60, outcome.result->accuracy_validation(), 1e-12);
}

TEST_F(MethodsTest, ADivergedTaskNamesItsLastGoodCheckpoint) {
  v1::TaskDescription task = Pretrain();
  task.mutable_settings()->mutable_pretrain()->set_schedule(v1::STEPS);
  task.mutable_settings()->mutable_pretrain()->set_epochs(6);
  SetList(task.mutable_settings()->mutable_pretrain()->mutable_step_epochs(), {2});
  task.mutable_settings()->mutable_pretrain()->set_step_factor(
      1e30);  // no job file may say this; it makes the loss leave
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::DIVERGED);
  EXPECT_EQ(outcome.failure->epoch(), 2);
  ASSERT_FALSE(recorder.checkpoints.empty());
  EXPECT_THAT(outcome.failure->message(),
              HasSubstr("after 2 epochs, is artifact " + recorder.checkpoints.back().sha256()));
}

}  // namespace
}  // namespace reluscape
