#include "search/vocabulary/synchronize.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "absl/strings/str_replace.h"
#include "search/vocabulary/json_test_util.h"

namespace reluscape {
namespace {

const std::string kHash(64, 'a');

// `json` with HASH in the place of one.
template <typename T>
T Message(const std::string& json) {
  return BareFromJson<T>(absl::StrReplaceAll(json, {{"HASH", kHash}}));
}

constexpr char kImages[] = R"({
    "data": {"set": "flowers", "classes": 17, "side": 64, "train_images": 1000,
             "validation_images": 200, "test_images": 300},
    "split_seed": 6})";

// Every field of every part is set, none to its default.
v1::SynchronizeRequest FullRequest() {
  auto request = Message<v1::SynchronizeRequest>(absl::StrReplaceAll(R"({
    "worker": {
      "id": "w", "incarnation": "i", "host": "host", "pid": 12, "device": "cpu",
      "torch_version": "2.13", "build_commit": "abc", "data_sets": ["synthetic", "flowers"],
      "behaviour": 9, "problem": "its disk is full", "fast_precisions": ["tf32", "bfloat16"],
      "data": [{"request": IMAGES, "data_hash": "HASH", "split_hash": "HASH"},
               {"request": IMAGES, "problem": "no folder"}]},
    "artifact_folder_id": "folder",
    "accepts_work": true,
    "reports": [{
      "task": 3, "attempt": 2, "state": "succeeded",
      "epochs": [{"epoch": 0, "loss": 2.5, "train_accuracy": 0.1, "validation_accuracy": 0.2,
                  "learning_rate": 0.01, "lambda": 0.00001, "relus": 700, "seconds": 1.5},
                 {"epoch": 1, "loss": 2.25, "train_accuracy": 0.3, "validation_accuracy": 0.4,
                  "learning_rate": 0.02, "relus": 600, "seconds": 2}],
      "epochs_planned": 9,
      "checkpoint": {"sha256": "HASH", "bytes": 10},
      "snapshots": [{"budget": 500, "artifact": {"sha256": "HASH", "bytes": 11}, "relus": 505,
                     "epoch": 4, "device_seconds": 6.5}],
      "weights": {"sha256": "HASH", "bytes": 12},
      "result": {
        "budget": 500, "relus": 499, "accuracy_soft": 0.5, "accuracy_trimmed": 0.25,
        "accuracy_validation": 0.75, "artifact": {"sha256": "HASH", "bytes": 13},
        "layers": [{"layer": "relu1", "units": 300, "kept": 200, "polynomials": 100,
                    "input_min": -1.5, "input_max": 2.5}],
        "classes": [{"name": "cat", "images": 5, "correct": 5},
                    {"name": "dog", "images": 7, "correct": 0}]},
      "provenance": {
        "build_commit": "abc", "torch_version": "2.13", "device": "cpu", "precision": "float32",
        "threads": 2, "data_hash": "HASH", "split_hash": "HASH", "train_images": 100,
        "validation_images": 20, "test_images": 30},
      "device_seconds": 7.5, "accuracy_test": 0.625
    }, {
      "task": 4, "attempt": 1, "state": "failed",
      "failure": {"kind": "artifact", "message": "why", "epoch": 3,
                  "artifact": {"sha256": "HASH", "bytes": 14}}
    }]})",
                                                                     {{"IMAGES", kImages}}));
  request.mutable_worker()->set_protocol(kProtocolNumber);
  return request;
}

v1::SynchronizeResponse FullResponse() {
  auto response = Message<v1::SynchronizeResponse>(absl::StrReplaceAll(R"({
    "leases": [{
      "description": {
        "task": 1, "attempt": 2, "job": 3, "candidate": 4, "stage": "fine-tune",
        "network": "text",
        "data": {"set": "flowers", "classes": 17, "side": 64, "hash": "HASH"},
        "budgets": [9, 8], "seed": 5, "split_seed": 6, "threads": 2, "recipe": "HASH", "data_hash": "HASH",
        "split_hash": "HASH", "weights": {"sha256": "HASH", "bytes": 1},
        "snapshot": {"sha256": "HASH", "bytes": 2}, "checkpoint": {"sha256": "HASH", "bytes": 3},
        "teacher_network": "teacher's text", "teacher": {"sha256": "HASH", "bytes": 4},
        "pretrained": {"sha256": "HASH", "bytes": 5}, "pretrained_file": "teacher.safetensors"},
      "epochs_received": 7, "time_left_ms": 8}],
    "next_call_ms": 900,
    "open": [IMAGES]})",
                                                                       {{"IMAGES", kImages}}));
  v1::StagesSpec& settings = *response.mutable_leases(0)->mutable_description()->mutable_settings();
  FillDefaults(settings);
  settings.mutable_linearize()->set_lambda(0.5);
  return response;
}

// One a line; empty where there is none.
template <typename T>
std::string ErrorsOf(const T& message) {
  FieldErrors errors;
  const auto checked = Checked<T>::From(message, /*path=*/"", errors);
  EXPECT_EQ(checked.has_value(), errors.empty());
  return std::string(errors.ToStatus().message());
}

TEST(SyncTest, ARequestComesOutAsItIs) {
  FieldErrors errors;
  const auto checked = Checked<v1::SynchronizeRequest>::From(FullRequest(), /*path=*/"", errors);
  ASSERT_TRUE(checked) << errors.ToStatus();
  EXPECT_EQ(**checked, FullRequest());
}

// What follows the numbers might mean something else there.
TEST(SyncTest, OfAWorkerOfAnotherProtocolOnlyItsNameIsRead) {
  v1::SynchronizeRequest message = FullRequest();
  message.mutable_worker()->set_protocol(kProtocolNumber + 1);
  message.mutable_reports(0)->set_task(-1);
  FieldErrors errors;
  const auto checked = Checked<v1::SynchronizeRequest>::From(message, /*path=*/"", errors);
  ASSERT_TRUE(checked) << errors.ToStatus();
  EXPECT_EQ((*checked)->worker().id(), "w");
  EXPECT_EQ((*checked)->worker().protocol(), kProtocolNumber + 1);
  EXPECT_TRUE((*checked)->worker().data().empty());
  EXPECT_TRUE((*checked)->reports().empty());
}

TEST(SyncTest, AResponseComesOutAsItIs) {
  const absl::StatusOr<v1::SynchronizeResponse> checked = CheckedResponse(FullResponse());
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(*checked, FullResponse());
}

TEST(SyncTest, SettingsComeOutWithTheirDefaults) {
  v1::SynchronizeResponse message = FullResponse();
  message.mutable_leases(0)->mutable_description()->mutable_settings()->clear_pretrain();
  const absl::StatusOr<v1::SynchronizeResponse> checked = CheckedResponse(message);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_EQ(*checked, FullResponse());
}

struct BadRequest {
  const char* name;
  std::function<void(v1::SynchronizeRequest&)> spoil;
  std::string error;
};

void PrintTo(const BadRequest& bad, std::ostream* out) { *out << bad.name; }

class BadRequestTest : public testing::TestWithParam<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedWithTheField) {
  v1::SynchronizeRequest message = FullRequest();
  GetParam().spoil(message);
  EXPECT_EQ(ErrorsOf(message), GetParam().error);
}

v1::TaskReport& First(v1::SynchronizeRequest& request) { return *request.mutable_reports(0); }

INSTANTIATE_TEST_SUITE_P(
    All, BadRequestTest,
    testing::Values(
        BadRequest{"NoId", [](auto& r) { r.mutable_worker()->clear_id(); },
                   "worker.id: found 0 characters; allowed: 1 to 200 characters"},
        BadRequest{"NoTask", [](auto& r) { First(r).set_task(0); },
                   "reports[0].task: found 0; allowed: 1 or more"},
        BadRequest{"NoState", [](auto& r) { First(r).clear_state(); },
                   "reports[0].state: found 0; allowed: RUNNING, SUCCEEDED, FAILED or "
                   "HANDED_BACK"},
        BadRequest{"LossNotFinite",
                   [](auto& r) {
                     First(r).mutable_epochs(1)->set_loss(std::numeric_limits<double>::quiet_NaN());
                   },
                   "reports[0].epochs[1].loss: found nan; allowed: a finite number"},
        BadRequest{"NegativeEpoch", [](auto& r) { First(r).mutable_epochs(0)->set_epoch(-1); },
                   "reports[0].epochs[0].epoch: found -1; allowed: 0 to 1000000"},
        BadRequest{"EpochAccuracyInPercent",
                   [](auto& r) { First(r).mutable_epochs(0)->set_train_accuracy(1.5); },
                   "reports[0].epochs[0].train_accuracy: found 1.5; allowed: a number from 0 to 1"},
        BadRequest{"AccuracyInPercent", [](auto& r) { First(r).set_accuracy_test(75); },
                   "reports[0].accuracy_test: found 75; allowed: a number from 0 to 1"},
        BadRequest{"ArtifactAsPath",
                   [](auto& r) { First(r).mutable_checkpoint()->set_sha256("../../etc/passwd"); },
                   "reports[0].checkpoint.sha256: found \"../../etc/passwd\"; allowed: 64 "
                   "lower-case hexadecimal digits"},
        BadRequest{"SnapshotWithoutArtifact",
                   [](auto& r) { First(r).mutable_snapshots(0)->clear_artifact(); },
                   "reports[0].snapshots[0].artifact: found nothing; allowed: an artifact"},
        BadRequest{"SnapshotBelowItsBudget",
                   [](auto& r) { First(r).mutable_snapshots(0)->set_relus(499); },
                   "reports[0].snapshots[0].relus: found 499; allowed: 500 or more"},
        BadRequest{"MoreKeptThanThereAre",
                   [](auto& r) { First(r).mutable_result()->mutable_layers(0)->set_kept(301); },
                   "reports[0].result.layers[0].kept: found 301; allowed: at most its units, 300"},
        BadRequest{"ResultWithoutArtifact",
                   [](auto& r) { First(r).mutable_result()->clear_artifact(); },
                   "reports[0].result.artifact: found nothing; allowed: an artifact"},
        BadRequest{"RangeNotANumber",
                   [](auto& r) {
                     First(r).mutable_result()->mutable_layers(0)->set_input_min(
                         std::numeric_limits<double>::quiet_NaN());
                   },
                   "reports[0].result.layers[0].input_min: found nan; allowed: a finite number"},
        BadRequest{"NoHashAndNoProblem",
                   [](auto& r) { r.mutable_worker()->mutable_data(0)->clear_split_hash(); },
                   "worker.data[0]: found no problem; allowed: both hashes or a problem"},
        BadRequest{
            "MorePolynomialsThanRemovedUnits",
            [](auto& r) { First(r).mutable_result()->mutable_layers(0)->set_polynomials(101); },
            "reports[0].result.layers[0].polynomials: found 101; allowed: at most its units "
            "without a ReLU, 100"},
        BadRequest{"MoreRightThanThereAre",
                   [](auto& r) { First(r).mutable_result()->mutable_classes(1)->set_correct(8); },
                   "reports[0].result.classes[1].correct: found 8; allowed: at most its images, "
                   "7"},
        BadRequest{"FailureOfASuccess",
                   [](auto& r) { First(r).mutable_failure()->set_kind(v1::Failure::DIVERGED); },
                   "reports[0].failure: found a failure; allowed: a failure exactly where state "
                   "is FAILED"},
        BadRequest{"LongMessage",
                   [](auto& r) {
                     r.mutable_reports(1)->mutable_failure()->set_message(std::string(10'001, 'x'));
                   },
                   "reports[1].failure.message: found 10001 characters; allowed: 0 to 10000 "
                   "characters"},
        BadRequest{"TooManyReports",
                   [](auto& r) {
                     for (int i = 0; i < 1000; ++i) r.add_reports();
                   },
                   "reports: found 1002 entries; allowed: at most 1000"}));

TEST(SyncTest, AResponseThatBreaksARuleIsRefused) {
  v1::SynchronizeResponse message = FullResponse();
  v1::TaskDescription& task = *message.mutable_leases(0)->mutable_description();
  task.set_stage("prune");
  task.mutable_settings()->mutable_pretrain()->set_batch(1);
  task.mutable_data()->clear_side();
  EXPECT_EQ(ErrorsOf(message),
            "leases[0].description.stage: found \"prune\"; allowed: pretrain, linearize, "
            "fine-tune\n"
            "leases[0].description.data.side: found nothing; allowed: 8 to 256\n"
            "leases[0].description.settings.pretrain.batch: found 1; allowed: 2 to 65536");

  message = FullResponse();
  message.mutable_leases(0)->mutable_description()->clear_teacher();
  EXPECT_EQ(ErrorsOf(message),
            "leases[0].description.teacher: found nothing; allowed: an artifact exactly where "
            "teacher_network is set");
  message = FullResponse();
  message.mutable_leases(0)->mutable_description()->clear_pretrained_file();
  EXPECT_EQ(ErrorsOf(message),
            "leases[0].description.pretrained: found an artifact without its file name; allowed: "
            "an artifact exactly where pretrained_file is set");
}

}  // namespace
}  // namespace reluscape
