#include "search/wire/sync.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "search/wire/job.h"

namespace reluscape {
namespace {

using google::protobuf::util::MessageDifferencer;

const std::string kHash(64, 'a');

const DataRequest kRequest = {{"flowers", 17, 64, 1000, 200, 300}, 6};

// Every field of every part is set, none to its default.
SyncRequest FullRequest() {
  SyncRequest request;
  request.worker = {"w",
                    "i",
                    "host",
                    12,
                    "cpu",
                    "2.13",
                    "abc",
                    {"synthetic", "flowers"},
                    2,
                    kProtocolNumber,
                    9,
                    {{kRequest, kHash, kHash, ""}, {kRequest, "", "", "no folder"}},
                    "its disk is full"};
  request.artifact_folder_id = "folder";
  request.accepts_work = true;
  TaskReport report;
  report.task = TaskId{3};
  report.attempt = 2;
  report.state = ReportState::kSucceeded;
  report.epochs = {{0, 2.5, 0.1, 0.2, 0.01, 1e-5, 700, 1.5}, {1, 2.25, 0.3, 0.4, 0.02, {}, 600, 2}};
  report.epochs_planned = 9;
  report.checkpoint = {kHash, 10};
  report.snapshots = {{500, {kHash, 11}, 505, 4, 6.5}};
  report.weights = {kHash, 12};
  report.result = ResultReport{
      500, 499, {{"relu1", 300, 200, 100, -1.5, 2.5}}, 0.5, 0.25, 0.75, 0.625, {kHash, 13}, {}};
  report.result->classes = {{"cat", 5, 5}, {"dog", 7, 0}};
  report.measurement = Measurement{"abc", "2.13", "cpu", "float32", 2, kHash, kHash, 100, 20, 30};
  report.device_seconds = 7.5;
  request.reports.push_back(report);
  TaskReport failed;
  failed.task = TaskId{4};
  failed.attempt = 1;
  failed.state = ReportState::kFailed;
  failed.failure = Failure{FailureKind::kArtifact, "why", 3, {kHash, 14}};
  request.reports.push_back(failed);
  return request;
}

SyncResponse FullResponse() {
  SyncResponse response;
  Lease lease;
  TaskDescription& task = lease.description;
  task.task = TaskId{1};
  task.attempt = 2;
  task.job = JobId{3};
  task.candidate = CandidateId{4};
  task.stage = Stage::kFineTune;
  task.network = "text";
  task.data = {"flowers", 17, 64, 1000, 200, 300};
  task.settings.linearize.lambda = 0.5;
  task.budgets = {9, 8};
  task.seed = 5;
  task.split_seed = 6;
  task.data.hash = kHash;
  task.recipe = kHash;
  task.data_hash = task.split_hash = kHash;
  task.weights = {kHash, 1};
  task.snapshot = {kHash, 2};
  task.checkpoint = {kHash, 3};
  task.teacher_network = "teacher's text";
  task.teacher = {kHash, 4};
  task.pretrained = {kHash, 5};
  task.pretrained_file = "teacher.safetensors";
  lease.epochs_received = 7;
  lease.time_left = Milliseconds(8);
  response.leases.push_back(lease);
  response.next_call = Milliseconds(900);
  response.open = {kRequest};
  return response;
}

// Structs without == are compared through their messages, in which every field is written; the
// first direction is checked field by field below.
TEST(SyncTest, RequestSurvives) {
  const SyncRequest request = FullRequest();
  const absl::StatusOr<SyncRequest> read = FromProto(ToProto(request));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(*read), ToProto(request)));
  EXPECT_EQ(read->worker.id, "w");
  EXPECT_EQ(read->worker.incarnation, "i");
  EXPECT_EQ(read->worker.host, "host");
  EXPECT_EQ(read->worker.pid, 12);
  EXPECT_EQ(read->worker.device, "cpu");
  EXPECT_EQ(read->worker.torch_version, "2.13");
  EXPECT_EQ(read->worker.build_commit, "abc");
  EXPECT_EQ(read->worker.data_sets, request.worker.data_sets);
  EXPECT_EQ(read->worker.slots, 2);
  EXPECT_EQ(read->worker.behaviour, 9);
  EXPECT_EQ(read->worker.data, request.worker.data);
  EXPECT_EQ(read->worker.problem, "its disk is full");
  EXPECT_EQ(read->artifact_folder_id, "folder");
  EXPECT_TRUE(read->accepts_work);
  ASSERT_EQ(read->reports.size(), 2u);
  const TaskReport& report = read->reports[0];
  const TaskReport& sent = request.reports[0];
  EXPECT_EQ(report.task, sent.task);
  EXPECT_EQ(report.attempt, sent.attempt);
  EXPECT_EQ(report.state, sent.state);
  EXPECT_EQ(report.epochs, sent.epochs);
  EXPECT_EQ(report.epochs_planned, sent.epochs_planned);
  EXPECT_EQ(report.checkpoint, sent.checkpoint);
  EXPECT_EQ(report.snapshots, sent.snapshots);
  EXPECT_EQ(report.weights, sent.weights);
  EXPECT_EQ(report.result, sent.result);
  EXPECT_EQ(report.failure, sent.failure);
  EXPECT_EQ(report.measurement, sent.measurement);
  EXPECT_EQ(report.device_seconds, sent.device_seconds);
  EXPECT_EQ(read->reports[1].failure, request.reports[1].failure);
}

// What follows the numbers might mean something else there.
TEST(SyncTest, OfAWorkerOfAnotherProtocolOnlyItsNameIsRead) {
  SyncRequest request = FullRequest();
  request.worker.protocol = kProtocolNumber + 1;
  v1::SynchronizeRequest message = ToProto(request);
  message.mutable_reports(0)->set_task(-1);
  const absl::StatusOr<SyncRequest> read = FromProto(message);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->worker.id, "w");
  EXPECT_EQ(read->worker.protocol, kProtocolNumber + 1);
  EXPECT_TRUE(read->worker.data.empty());
  EXPECT_TRUE(read->reports.empty());
}

TEST(SyncTest, ResponseSurvives) {
  const SyncResponse response = FullResponse();
  const absl::StatusOr<SyncResponse> read = FromProto(ToProto(response));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(MessageDifferencer::Equals(ToProto(*read), ToProto(response)));
  EXPECT_EQ(read->next_call, response.next_call);
  EXPECT_EQ(read->open, response.open);
  ASSERT_EQ(read->leases.size(), 1u);
  const TaskDescription& task = read->leases[0].description;
  const TaskDescription& sent = response.leases[0].description;
  EXPECT_EQ(read->leases[0].epochs_received, 7);
  EXPECT_EQ(read->leases[0].time_left, Milliseconds(8));
  EXPECT_EQ(task.task, sent.task);
  EXPECT_EQ(task.attempt, sent.attempt);
  EXPECT_EQ(task.job, sent.job);
  EXPECT_EQ(task.candidate, sent.candidate);
  EXPECT_EQ(task.stage, sent.stage);
  EXPECT_EQ(task.network, sent.network);
  EXPECT_EQ(task.data, sent.data);
  EXPECT_EQ(task.settings, sent.settings);
  EXPECT_EQ(task.budgets, sent.budgets);
  EXPECT_EQ(task.seed, sent.seed);
  EXPECT_EQ(task.split_seed, sent.split_seed);
  EXPECT_EQ(task.recipe, sent.recipe);
  EXPECT_EQ(task.recipe_understood, RecipeHash(sent.settings));
  EXPECT_EQ(task.data_hash, sent.data_hash);
  EXPECT_EQ(task.split_hash, sent.split_hash);
  EXPECT_EQ(task.weights, sent.weights);
  EXPECT_EQ(task.snapshot, sent.snapshot);
  EXPECT_EQ(task.checkpoint, sent.checkpoint);
}

struct BadRequest {
  const char* name;
  std::function<void(v1::SynchronizeRequest&)> spoil;
  std::string error;
};

void PrintTo(const BadRequest& bad, std::ostream* out) { *out << bad.name; }

class BadRequestTest : public testing::TestWithParam<BadRequest> {};

TEST_P(BadRequestTest, IsRefusedWithTheField) {
  v1::SynchronizeRequest message = ToProto(FullRequest());
  GetParam().spoil(message);
  const absl::StatusOr<SyncRequest> read = FromProto(message);
  EXPECT_EQ(read.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(read.status().message(), GetParam().error);
}

v1::TaskReport& First(v1::SynchronizeRequest& request) { return *request.mutable_reports(0); }

INSTANTIATE_TEST_SUITE_P(
    All, BadRequestTest,
    testing::Values(
        BadRequest{"NoId", [](auto& r) { r.mutable_worker()->clear_id(); },
                   "worker.id: found 0 characters; allowed: 1 to 200 characters"},
        BadRequest{"NoSlots", [](auto& r) { r.mutable_worker()->set_slots(0); },
                   "worker.slots: found 0; allowed: 1 or more"},
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
        BadRequest{"AccuracyInPercent",
                   [](auto& r) { First(r).mutable_result()->set_accuracy_test(75); },
                   "reports[0].result.accuracy_test: found 75; allowed: a number from 0 to 1"},
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

TEST(SyncTest, AResponseThatIsNotCompleteIsRefused) {
  v1::SynchronizeResponse message = ToProto(FullResponse());
  v1::TaskDescription& task = *message.mutable_leases(0)->mutable_description();
  task.set_stage("prune");
  task.mutable_settings()->mutable_pretrain()->clear_batch();
  const absl::StatusOr<SyncResponse> read = FromProto(message);
  EXPECT_EQ(read.status().message(),
            "leases[0].description.stage: found \"prune\"; allowed: pretrain, linearize, "
            "fine-tune\n"
            "leases[0].description.settings.pretrain.batch: found nothing; allowed: a value");

  message = ToProto(FullResponse());
  message.mutable_leases(0)->mutable_description()->clear_teacher();
  EXPECT_EQ(FromProto(message).status().message(),
            "leases[0].description.teacher: found nothing; allowed: an artifact exactly where "
            "teacher_network is set");
  message = ToProto(FullResponse());
  message.mutable_leases(0)->mutable_description()->clear_pretrained_file();
  EXPECT_EQ(FromProto(message).status().message(),
            "leases[0].description.pretrained: found an artifact without its file name; allowed: "
            "an artifact exactly where pretrained_file is set");
}

TEST(SyncTest, AFailureOfAnyLengthAndEncodingCanBeReported) {
  SyncRequest request = FullRequest();
  request.reports[1].failure->message = "cannot read \xe9.png " + std::string(20'000, 'x');
  const v1::SynchronizeRequest message = ToProto(request);
  v1::SynchronizeRequest parsed;
  ASSERT_TRUE(parsed.ParseFromString(message.SerializeAsString()));
  const absl::StatusOr<SyncRequest> read = FromProto(parsed);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->reports[1].failure->message.substr(0, 20), "cannot read ?.png xx");
}

}  // namespace
}  // namespace reluscape
