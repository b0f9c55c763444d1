#include "server/report_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "server/coordinator_test_util.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;

// What a Worker reports and cannot be true costs it an Attempt and says why; a Worker that is right
// then ends the Job.
struct ImpossibleReport {
  const char* name;
  Stage stage;
  void (*change)(TaskReport&);  // of a success
  const char* message;
};
const std::string kForgedFile(64, 'a');
class ImpossibleReportTest : public CoordinatorTest,
                             public ::testing::WithParamInterface<ImpossibleReport> {};

TEST_P(ImpossibleReportTest, CostsItsWorkerAnAttempt) {
  const JobId job = Submit();
  Lease lease = One("a");
  while (lease.description.stage != GetParam().stage) lease = One("a", {Done(lease)});
  TaskReport report = Done(lease);
  GetParam().change(report);
  // Of the size that is reported, and of other content than its name says.
  if (report.weights.sha256 == kForgedFile) {
    const std::filesystem::path path = artifacts_.PathOf(report.weights);
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << std::string(static_cast<size_t>(report.weights.bytes), 'x');
  }
  Report("a", report);
  EXPECT_EQ(Task(lease).state, TaskState::kQueued);
  EXPECT_THAT(Task(lease).message, HasSubstr(GetParam().message));
  EXPECT_EQ(Job(job).results, 0);
  Pass(Milliseconds(1'000));
  Finish("b");
  Finish("b");
  EXPECT_EQ(Job(job).state, JobState::kFinished) << Job(job).message;
}

INSTANTIATE_TEST_SUITE_P(
    Reports, ImpossibleReportTest,
    ::testing::Values(
        ImpossibleReport{"NoMeasurement", Stage::kPretrain,
                         [](TaskReport& r) { r.measurement.reset(); }, "how it measured"},
        ImpossibleReport{"NoWeights", Stage::kPretrain, [](TaskReport& r) { r.weights = {}; },
                         "without weights"},
        ImpossibleReport{"NoDataHash", Stage::kPretrain,
                         [](TaskReport& r) { r.measurement = Measured(""); }, "hashes"},
        ImpossibleReport{"LossIsNotANumber", Stage::kPretrain,
                         [](TaskReport& r) {
                           r.epochs = {Epoch(0)};
                           r.epochs[0].loss = std::nan("");
                         },
                         "not finite"},
        ImpossibleReport{"EpochAccuracy", Stage::kPretrain,
                         [](TaskReport& r) { r.epochs = {Epoch(0, 1.5)}; }, "outside [0, 1]"},
        ImpossibleReport{"NegativeEpoch", Stage::kPretrain,
                         [](TaskReport& r) { r.epochs = {Epoch(-1)}; }, "epoch -1"},
        ImpossibleReport{"OtherData", Stage::kLinearize,
                         [](TaskReport& r) { r.measurement = Measured("other"); }, "data set toy"},
        ImpossibleReport{"FileOfOtherContent", Stage::kPretrain,
                         [](TaskReport& r) { r.weights.sha256 = kForgedFile; },
                         "weights: found artifact"},
        ImpossibleReport{"NoReluIsLeft", Stage::kFineTune,
                         [](TaskReport& r) {
                           r.result->relus = 0;
                           for (LayerRelus& layer : r.result->layers) layer.kept = 0;
                           r.result->accuracy_validation = 1;
                         },
                         "result.relus: found 0; allowed: the budget, 3000"},
        ImpossibleReport{"NoLayers", Stage::kFineTune,
                         [](TaskReport& r) { r.result->layers.clear(); },
                         "result.layers[0]: found nothing"},
        ImpossibleReport{"AnotherLayer", Stage::kFineTune,
                         [](TaskReport& r) { r.result->layers[1].layer = "relu"; },
                         "result.layers[1]: found relu"},
        ImpossibleReport{"NoClasses", Stage::kFineTune,
                         [](TaskReport& r) { r.result->classes.clear(); },
                         "result.classes: found 0"},
        ImpossibleReport{"TooFewImages", Stage::kFineTune,
                         [](TaskReport& r) { r.result->classes[0].images -= 1; },
                         "found 999 images in all; allowed: the 1000"},
        ImpossibleReport{"AccuracyOfNoClass", Stage::kFineTune,
                         [](TaskReport& r) { r.result->accuracy_validation = 1; },
                         "result.accuracy_validation: found 1; allowed: about 0.8"},
        ImpossibleReport{"OtherSplit", Stage::kFineTune,
                         [](TaskReport& r) { r.measurement = Measured("data", "other"); },
                         "validation images"},
        ImpossibleReport{"SnapshotMissing", Stage::kLinearize,
                         [](TaskReport& r) { r.snapshots.pop_back(); },
                         "without a snapshot for budget 1000"},
        ImpossibleReport{"SnapshotBelowBudget", Stage::kLinearize,
                         [](TaskReport& r) { r.snapshots[0].relus = 5; }, "with 5 ReLUs"},
        ImpossibleReport{"SnapshotOfOtherBudget", Stage::kLinearize,
                         [](TaskReport& r) { r.snapshots[0].budget = 5; },
                         "budget 5, which the candidate does not have"},
        ImpossibleReport{"SnapshotOfPretrain", Stage::kPretrain,
                         [](TaskReport& r) { r.snapshots.resize(1); }, "only a linearize"},
        ImpossibleReport{"NoResult", Stage::kFineTune, [](TaskReport& r) { r.result.reset(); },
                         "without a result"},
        ImpossibleReport{"OtherBudget", Stage::kFineTune,
                         [](TaskReport& r) { r.result->budget = kSmallBudget; },
                         "budget 1000 instead of 3000"},
        ImpossibleReport{"TooManyRelus", Stage::kFineTune,
                         [](TaskReport& r) { r.result->relus = kLargeBudget + 1; }, "3001 ReLUs"},
        ImpossibleReport{"LayersDoNotAddUp", Stage::kFineTune,
                         [](TaskReport& r) { r.result->layers[0].kept -= 1; }, "layers keep 2999"},
        ImpossibleReport{"LayerKeepsTooMany", Stage::kFineTune,
                         [](TaskReport& r) { r.result->layers[0].units = 1; },
                         "of 1 ReLUs in layer"},
        ImpossibleReport{"TooManyPolynomials", Stage::kFineTune,
                         [](TaskReport& r) {
                           LayerRelus& layer = r.result->layers[0];
                           layer.polynomials = layer.units - layer.kept + 1;
                         },
                         "polynomials in layer"},
        ImpossibleReport{"PolynomialsWithoutRange", Stage::kFineTune,
                         [](TaskReport& r) {
                           r.result->layers[0].units += 1;
                           r.result->layers[0].polynomials = 1;
                         },
                         "without the range of their inputs"},
        ImpossibleReport{"RangeWithoutPolynomials", Stage::kFineTune,
                         [](TaskReport& r) { r.result->layers[0].input_max = 1; },
                         "0 polynomials in layer"},
        ImpossibleReport{"RangeIsNotANumber", Stage::kFineTune,
                         [](TaskReport& r) {
                           LayerRelus& layer = r.result->layers[0];
                           layer.units += 1;
                           layer.polynomials = 1;
                           layer.input_min = std::nan("");
                           layer.input_max = 1;
                         },
                         "inputs from nan to 1"},
        ImpossibleReport{"Accuracy", Stage::kFineTune,
                         [](TaskReport& r) { r.result->accuracy_validation = 80; },
                         "accuracy_validation is not in [0, 1]"},
        ImpossibleReport{"AccuracyIsNotANumber", Stage::kFineTune,
                         [](TaskReport& r) { r.result->accuracy_test = std::nan(""); },
                         "accuracy_test is not in [0, 1]"},
        ImpossibleReport{"NoArtifact", Stage::kFineTune,
                         [](TaskReport& r) { r.result->artifact = {}; }, "without a file"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace reluscape
