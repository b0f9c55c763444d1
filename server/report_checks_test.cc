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
  void (*change)(v1::TaskReport&);  // of a success
  const char* message;
};
v1::Snapshot AnySnapshot() {
  v1::Snapshot snapshot;
  snapshot.set_budget(1);
  snapshot.set_relus(1);
  *snapshot.mutable_artifact() = MakeArtifact(std::string(64, 'b'), 1);
  return snapshot;
}

const std::string kForgedFile(64, 'a');
class ImpossibleReportTest : public CoordinatorTest,
                             public ::testing::WithParamInterface<ImpossibleReport> {};

TEST_P(ImpossibleReportTest, CostsItsWorkerAnAttempt) {
  const JobId job = Submit();
  v1::Lease lease = One("a");
  while (StageOf(lease.description()) != GetParam().stage) lease = One("a", {Done(lease)});
  v1::TaskReport report = Done(lease);
  GetParam().change(report);
  // Of the size that is reported, and of other content than its name says.
  if (report.weights().sha256() == kForgedFile) {
    const std::filesystem::path path = artifacts_.PathOf(report.weights());
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << std::string(static_cast<size_t>(report.weights().bytes()), 'x');
  }
  Report("a", report);
  EXPECT_EQ(Task(lease).state(), "QUEUED");
  EXPECT_THAT(Task(lease).message(), HasSubstr(GetParam().message));
  EXPECT_EQ(Job(job).results(), 0);
  Pass(Milliseconds(1'000));
  Finish("b");
  Finish("b");
  EXPECT_EQ(Job(job).state(), "FINISHED") << Job(job).message();
}

INSTANTIATE_TEST_SUITE_P(
    Reports, ImpossibleReportTest,
    ::testing::Values(
        ImpossibleReport{"NoProvenance", Stage::kPretrain,
                         [](v1::TaskReport& r) { r.clear_provenance(); }, "how it measured"},
        ImpossibleReport{"NoWeights", Stage::kPretrain,
                         [](v1::TaskReport& r) { r.clear_weights(); }, "without weights"},
        ImpossibleReport{"NoDataHash", Stage::kPretrain,
                         [](v1::TaskReport& r) { *r.mutable_provenance() = Measured(""); },
                         "hashes"},
        ImpossibleReport{"OtherData", Stage::kLinearize,
                         [](v1::TaskReport& r) { *r.mutable_provenance() = Measured(kOtherHash); },
                         "data set toy"},
        ImpossibleReport{"FileOfOtherContent", Stage::kPretrain,
                         [](v1::TaskReport& r) { r.mutable_weights()->set_sha256(kForgedFile); },
                         "weights: found artifact"},
        ImpossibleReport{"NoReluIsLeft", Stage::kFineTune,
                         [](v1::TaskReport& r) {
                           r.mutable_result()->set_relus(0);
                           for (v1::LayerRelus& layer : *r.mutable_result()->mutable_layers()) {
                             layer.set_kept(0);
                           }
                           r.mutable_result()->set_accuracy_validation(1);
                         },
                         "result.relus: found 0; allowed: the budget, 3000"},
        ImpossibleReport{"NoLayers", Stage::kFineTune,
                         [](v1::TaskReport& r) { r.mutable_result()->clear_layers(); },
                         "result.layers[0]: found nothing"},
        ImpossibleReport{
            "AnotherLayer", Stage::kFineTune,
            [](v1::TaskReport& r) { r.mutable_result()->mutable_layers(1)->set_layer("relu"); },
            "result.layers[1]: found relu"},
        ImpossibleReport{"AnotherWorstClass", Stage::kFineTune,
                         [](v1::TaskReport& r) { r.mutable_result()->set_accuracy_worst_class(1); },
                         "result.accuracy_worst_class: found 1"},
        ImpossibleReport{"NoClasses", Stage::kFineTune,
                         [](v1::TaskReport& r) { r.mutable_result()->clear_classes(); },
                         "result.classes: found 0"},
        ImpossibleReport{
            "TooFewImages", Stage::kFineTune,
            [](v1::TaskReport& r) { r.mutable_result()->mutable_classes(0)->set_images(99); },
            "found 999 images in all; allowed: the 1000"},
        ImpossibleReport{"AccuracyOfNoClass", Stage::kFineTune,
                         [](v1::TaskReport& r) { r.mutable_result()->set_accuracy_validation(1); },
                         "result.accuracy_validation: found 1; allowed: about 0.8"},
        ImpossibleReport{
            "OtherSplit", Stage::kFineTune,
            [](v1::TaskReport& r) { *r.mutable_provenance() = Measured(kDataHash, kOtherHash); },
            "validation images"},
        ImpossibleReport{"SnapshotMissing", Stage::kLinearize,
                         [](v1::TaskReport& r) { r.mutable_snapshots()->RemoveLast(); },
                         "without a snapshot for budget 1000"},
        ImpossibleReport{"SnapshotOfOtherBudget", Stage::kLinearize,
                         [](v1::TaskReport& r) { r.mutable_snapshots(0)->set_budget(5); },
                         "budget 5, which the candidate does not have"},
        ImpossibleReport{"SnapshotOfPretrain", Stage::kPretrain,
                         [](v1::TaskReport& r) { *r.add_snapshots() = AnySnapshot(); },
                         "only a linearize"},
        ImpossibleReport{"NoResult", Stage::kFineTune, [](v1::TaskReport& r) { r.clear_result(); },
                         "without a result"},
        ImpossibleReport{"OtherBudget", Stage::kFineTune,
                         [](v1::TaskReport& r) { r.mutable_result()->set_budget(kSmallBudget); },
                         "budget 1000 instead of 3000"},
        ImpossibleReport{"TooManyRelus", Stage::kFineTune,
                         [](v1::TaskReport& r) { r.mutable_result()->set_relus(kLargeBudget + 1); },
                         "3001 ReLUs"},
        ImpossibleReport{"LayersDoNotAddUp", Stage::kFineTune,
                         [](v1::TaskReport& r) {
                           v1::LayerRelus& layer = *r.mutable_result()->mutable_layers(0);
                           layer.set_kept(layer.kept() - 1);
                         },
                         "layers keep 2999"},
        ImpossibleReport{"PolynomialsWithoutRange", Stage::kFineTune,
                         [](v1::TaskReport& r) {
                           v1::LayerRelus& layer = *r.mutable_result()->mutable_layers(0);
                           layer.set_units(layer.units() + 1);
                           layer.set_polynomials(1);
                         },
                         "without the range of their inputs"},
        ImpossibleReport{
            "RangeWithoutPolynomials", Stage::kFineTune,
            [](v1::TaskReport& r) { r.mutable_result()->mutable_layers(0)->set_input_max(1); },
            "0 polynomials in layer"}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace reluscape
