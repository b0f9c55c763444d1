// Tasks whose removed ReLUs become polynomials: from a pretrained network to results, by every
// method, in pieces, and where they blow up.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "worker/torch/trainer_test_util.h"

namespace reluscape {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class PolynomialTasksTest : public TorchTrainerTest {
 protected:
  v1::TaskDescription WithPolynomials(v1::TaskDescription task) {
    task.mutable_settings()->mutable_linearize()->set_replacement(v1::LinearizeSpec::POLYNOMIAL);
    return task;
  }

  // The fine-tune to `budget` of the one Snapshot that `linearize` leaves for it.
  v1::TaskDescription FineTuneOf(const v1::TaskDescription& linearize) {
    Recorder recorder;
    const TaskOutcome outcome = Run(linearize, recorder);
    EXPECT_FALSE(outcome.failure) << outcome.failure->message();
    v1::TaskDescription task = linearize;
    task.set_task(3);
    task.set_stage(StageName(Stage::kFineTune));
    task.set_seed(13);
    *task.mutable_snapshot() = recorder.snapshots.at(0).artifact();
    return task;
  }

  std::vector<float> Floats(const SafetensorsHeader& file, const std::string& name) const {
    const nlohmann::json& tensor = file.header.at(name);
    EXPECT_EQ(tensor.at("dtype"), "F32") << name;
    const auto begin = tensor.at("data_offsets")[0].get<size_t>();
    const auto end = tensor.at("data_offsets")[1].get<size_t>();
    std::vector<float> values((end - begin) / sizeof(float));
    std::memcpy(values.data(), file.data.data() + begin, end - begin);
    return values;
  }
};

TEST_F(PolynomialTasksTest, AResultCountsPolynomialsApartAndStatesTheirRange) {
  const v1::TaskDescription task = FineTuneOf(WithPolynomials(Linearize({5000})));
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_FALSE(outcome.failure) << outcome.failure->message();
  const v1::ResultReport& result = *outcome.result;
  EXPECT_EQ(result.relus(), 5000);
  EXPECT_EQ(CountPolynomials(result), kUnits - 5000);

  const SafetensorsHeader file = Read(result.artifact());
  const nlohmann::json& metadata = file.header.at("__metadata__");
  EXPECT_EQ(metadata.at("polynomials"), std::to_string(kUnits - 5000));
  const auto ranges =
      nlohmann::json::parse(metadata.at("polynomial_input_ranges").get<std::string>());
  bool quadratic = false;
  for (const v1::LayerRelus& layer : result.layers()) {
    EXPECT_EQ(layer.polynomials(), layer.units() - layer.kept());
    ASSERT_EQ(layer.has_input_min(), layer.polynomials() > 0) << layer.layer();
    const std::vector<float> coefficients = Floats(file, layer.layer() + ".polynomial");
    const auto channels = coefficients.size() / 3;
    for (size_t i = 0; i < channels; ++i) {
      quadratic = quadratic || (coefficients[2 * channels + i] != 0 && coefficients[i] != 0);
    }
    if (layer.polynomials() == 0) continue;
    EXPECT_LT(layer.input_min(), layer.input_max());
    EXPECT_EQ(ranges.at(layer.layer())[0].get<double>(), layer.input_min());
    EXPECT_EQ(ranges.at(layer.layer())[1].get<double>(), layer.input_max());
  }
  EXPECT_TRUE(quadratic);
}

TEST_F(PolynomialTasksTest, WithoutThemNothingIsStored) {
  const v1::TaskDescription task = FineTuneOf(Linearize({5000}));
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.result);
  for (const v1::LayerRelus& layer : outcome.result->layers()) {
    EXPECT_EQ(layer.polynomials(), 0);
    EXPECT_FALSE(layer.has_input_min());
  }
  const nlohmann::json header = Read(outcome.result->artifact()).header;
  EXPECT_FALSE(header.at("__metadata__").contains("polynomials"));
  for (const auto& [name, tensor] : header.items()) {
    EXPECT_THAT(name, Not(HasSubstr(".polynomial")));
  }
}

TEST_F(PolynomialTasksTest, EveryMethodEndsInThem) {
  for (const v1::LinearizeSpec::Method method :
       {v1::LinearizeSpec::AUTOREP, v1::LinearizeSpec::SENET, v1::LinearizeSpec::SNIP,
        v1::LinearizeSpec::TAYLOR, v1::LinearizeSpec::MAGNITUDE, v1::LinearizeSpec::RANDOM}) {
    v1::TaskDescription linearize = WithPolynomials(Linearize({4000}));
    linearize.mutable_settings()->mutable_linearize()->set_method(method);
    linearize.mutable_settings()->mutable_linearize()->set_planned_epochs(1);
    if (method == v1::LinearizeSpec::AUTOREP) {
      linearize.mutable_settings()->mutable_linearize()->set_mask_learning_rate(0.05);
    }
    v1::TaskDescription task = FineTuneOf(linearize);
    task.mutable_settings()->mutable_fine_tune()->set_epochs(1);
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    ASSERT_FALSE(outcome.failure) << outcome.failure->message();
    EXPECT_EQ(CountPolynomials(*outcome.result), kUnits - 4000) << static_cast<int>(method);
  }
}

TEST_F(PolynomialTasksTest, SharesOfLayersAreKept) {
  v1::TaskDescription linearize = WithPolynomials(Linearize({4096}));
  v1::LinearizeSpec& settings = *linearize.mutable_settings()->mutable_linearize();
  settings.set_method(v1::LinearizeSpec::SENET);
  settings.set_planned_epochs(1);
  SetList(settings.mutable_layer_shares(), {1, 0, 0, 1, 0, 0});
  v1::TaskDescription task = FineTuneOf(linearize);
  task.mutable_settings()->mutable_fine_tune()->set_epochs(1);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_FALSE(outcome.failure) << outcome.failure->message();
  const std::vector<int64_t> expected = {2048, 0, 0, 2048, 0, 0};
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(outcome.result->layers(static_cast<int>(i)).kept(), expected[i]) << i;
  }
  SetList(linearize.mutable_settings()->mutable_linearize()->mutable_layer_shares(), {1, 2});
  ExpectFailure(linearize, v1::Failure::REFUSED,
                "stages.linearize.layer_shares: found 2 entries; allowed: one for each of the "
                "network's 6 ReLU layers");
}

TEST_F(PolynomialTasksTest, LinearizeResumesBitByBit) {
  const Resumed result = RunInPieces(WithPolynomials(Linearize({12000, 6000})), /*epochs=*/9);
  EXPECT_GE(result.attempts, 2);
  ASSERT_FALSE(result.straight.failure) << result.straight.failure->message();
  ASSERT_FALSE(result.resumed.failure) << result.resumed.failure->message();
  ExpectEqualCurves(result.epochs, result.straight_recorder.epochs);
  ASSERT_THAT(result.snapshots, SizeIs(2));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(result.snapshots[i].artifact(), result.straight_recorder.snapshots[i].artifact());
  }
}

TEST_F(PolynomialTasksTest, FineTuneResumesBitByBit) {
  v1::TaskDescription task = FineTuneOf(WithPolynomials(Linearize({6000})));
  task.mutable_settings()->mutable_fine_tune()->set_epochs(4);
  const Resumed result = RunInPieces(task, /*epochs=*/2);
  EXPECT_GE(result.attempts, 2);
  ASSERT_TRUE(result.straight.result);
  ASSERT_TRUE(result.resumed.result);
  EXPECT_TRUE(*result.resumed.result == *result.straight.result);
}

TEST_F(PolynomialTasksTest, ThePenaltyNarrowsTheRange) {
  const auto width = [&](double penalty) {
    v1::TaskDescription linearize = WithPolynomials(Linearize({2000}));
    linearize.mutable_settings()->mutable_linearize()->set_range_penalty(penalty);
    linearize.mutable_settings()->mutable_linearize()->set_range_limit(1);
    const v1::TaskDescription task = FineTuneOf(linearize);
    Recorder recorder;
    const TaskOutcome outcome = Run(task, recorder);
    EXPECT_FALSE(outcome.failure) << outcome.failure->message();
    double widest = 0;
    for (const v1::LayerRelus& layer : outcome.result->layers()) {
      if (layer.polynomials() == 0) continue;
      widest = std::max({widest, std::abs(layer.input_min()), std::abs(layer.input_max())});
    }
    return widest;
  };
  EXPECT_LT(width(0.03), 0.8 * width(0));
}

TEST_F(PolynomialTasksTest, PolynomialsThatBlowUpAreSaidToHaveDiverged) {
  v1::TaskDescription task = FineTuneOf(WithPolynomials(Linearize({3000})));
  task.mutable_settings()->mutable_fine_tune()->set_learning_rate(1e4);
  Recorder recorder;
  const TaskOutcome outcome = Run(task, recorder);
  ASSERT_TRUE(outcome.failure);
  EXPECT_EQ(outcome.failure->kind(), v1::Failure::DIVERGED);
  EXPECT_THAT(outcome.failure->message(),
              AllOf(HasSubstr("fine-tune diverged"), HasSubstr("larger range_penalty")));
}

TEST_F(PolynomialTasksTest, ASnapshotWithoutPolynomialsIsNamedToBeMadeAgain) {
  v1::TaskDescription task = FineTuneOf(Linearize({6000}));
  ExpectArtifactFailure(WithPolynomials(task), v1::Failure::ARTIFACT, task.snapshot(),
                        ".polynomial is missing");
  task = FineTuneOf(WithPolynomials(Linearize({6000})));
  task.mutable_settings()->mutable_linearize()->set_replacement(v1::LinearizeSpec::IDENTITY);
  ExpectArtifactFailure(task, v1::Failure::ARTIFACT, task.snapshot(),
                        ".polynomial belongs to no operation");
}

}  // namespace
}  // namespace reluscape
