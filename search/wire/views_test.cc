#include "search/wire/views.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

using nlohmann::json;

json Document(const google::protobuf::Message& message) {
  return json::parse(MessageToJson(message));
}

EpochReport SomeEpoch() { return {4, 0.5, 0.6, 0.7, 0.8, 0.9, 10, 11}; }
const char kSomeEpoch[] = R"({"epoch": 4, "loss": 0.5, "train_accuracy": 0.6,
    "validation_accuracy": 0.7, "learning_rate": 0.8, "lambda": 0.9, "relus": 10, "seconds": 11})";

JobView SomeJob() {
  JobView job;
  job.id = JobId{1};
  job.name = "n";
  job.state = JobState::kFinished;
  job.created_at = TimeFromUnixMs(2);
  job.finished_at = TimeFromUnixMs(3);
  job.unsealed_at = TimeFromUnixMs(4);
  job.data_set = "d";
  job.recipe = "r";
  job.spec_json = "{}";
  job.candidates = 5;
  job.results = 6;
  job.tasks = {{"QUEUED", 7}};
  job.message = "m";
  job.objectives = {"relus"};
  job.kind = JobKind::kCriticality;
  job.obstacles = {"worker w: o"};
  job.data_hash = "h";
  job.data_copies = {{"h", {"w"}, 8}};
  return job;
}
const char kSomeJob[] = R"({"job": 1, "name": "n", "state": "FINISHED", "created_at_ms": 2,
    "finished_at_ms": 3, "unsealed_at_ms": 4, "data_set": "d", "recipe": "r", "candidates": 5,
    "results": 6, "tasks": {"QUEUED": 7}, "message": "m", "objectives": ["relus"],
    "kind": "criticality", "obstacles": ["worker w: o"], "data_hash": "h",
    "data_copies": [{"data_hash": "h", "workers": ["w"], "candidates": 8}]})";

CandidateView SomeCandidate() {
  CandidateView candidate = {CandidateId{1},
                             JobId{2},
                             "n",
                             "net",
                             "h",
                             3,
                             4,
                             5,
                             6,
                             7,
                             {9, 8},
                             {},
                             CandidateRole::kStage,
                             12,
                             CandidateId{13},
                             "o",
                             "teacher.safetensors",
                             {"brought", 14}};
  TaskView task = {TaskId{10},
                   CandidateId{1},
                   Stage::kFineTune,
                   9,
                   TaskState::kLeased,
                   2,
                   "w",
                   3,
                   20,
                   SomeEpoch(),
                   1.5,
                   TimeFromUnixMs(11),
                   TimeFromUnixMs(12),
                   "why"};
  candidate.tasks.push_back(task);
  candidate.tasks.push_back(TaskView{});
  return candidate;
}

json ExpectedCandidate() {
  json candidate = json::parse(R"({"candidate": 1, "job": 2, "name": "n", "network": "net",
      "network_hash": "h", "replicate": 3, "relus": 4, "relus_with_stem": 5, "macs": 6,
      "parameters": 7, "budgets": [9, 8], "tasks": [
        {"task": 10, "candidate": 1, "stage": "fine-tune", "budget": 9, "state": "LEASED",
         "attempt": 2, "worker": "w", "epochs_done": 3, "epochs_planned": 20, "last_epoch": null,
         "device_seconds": 1.5, "started_at_ms": 11, "finished_at_ms": 12, "message": "why"},
        {"task": 0, "candidate": 0, "stage": "pretrain", "budget": null, "state": "BLOCKED",
         "attempt": 0, "worker": "", "epochs_done": 0, "epochs_planned": 0, "last_epoch": null,
         "device_seconds": 0, "started_at_ms": null, "finished_at_ms": null, "message": ""}],
      "role": "stage", "measured_stage": 12, "teacher": 13, "origin": "o",
      "pretrained_file": "teacher.safetensors", "pretrained_sha256": "brought"})");
  candidate["tasks"][0]["last_epoch"] = json::parse(kSomeEpoch);
  return candidate;
}

ResultView SomeResult() {
  ResultView result;
  result.id = ResultId{1};
  result.job = JobId{2};
  result.candidate = CandidateId{3};
  result.name = "n";
  result.network = "net";
  result.network_hash = "h";
  result.budget = 4;
  result.relus = 5;
  result.relus_with_stem = 6;
  result.polynomials = 22;
  result.macs = 7;
  result.parameters = 8;
  result.accuracy_soft = 0.1;
  result.accuracy_trimmed = 0.2;
  result.accuracy_validation = 0.3;
  result.accuracy_test = 0.4;
  result.latency = {{"delphi_online", 0.5}};
  result.on_front = true;
  result.seed_pretrain = 9;
  result.seed_linearize = 10;
  result.seed_fine_tune = 11;
  result.seed_split = 12;
  result.recipe = "r";
  result.measurement = {"c", "t", "dev", "float32", 13, "dh", "sh", 14, 15, 16};
  result.seconds_pretrain = 1.5;
  result.seconds_linearize = 2.5;
  result.seconds_fine_tune = 3.5;
  result.worker = "w";
  result.attempt = 17;
  result.created_at = TimeFromUnixMs(18);
  result.layers = {{"l", 20, 17, 3, -1.5}};
  result.classes = {{"cat \xff", 4, 3}};
  result.artifact = {"sha", 21};
  result.origin = "o";
  result.costs = {{"cheetah.online_s@wan", {2.5, true}}};
  result.off_front = "dominated";
  return result;
}
const char kSomeResult[] = R"({"result": 1, "job": 2, "candidate": 3, "name": "n",
    "network": "net", "network_hash": "h", "budget": 4, "relus": 5, "relus_with_stem": 6,
    "polynomials": 22, "macs": 7, "parameters": 8, "accuracy_soft": 0.1, "accuracy_trimmed": 0.2,
    "accuracy_validation": 0.3, "accuracy_test": 0.4, "latency": {"delphi_online": 0.5},
    "on_front": true,
    "seeds": {"pretrain": 9, "linearize": 10, "fine_tune": 11, "split": 12}, "recipe": "r",
    "measurement": {"build_commit": "c", "torch_version": "t", "device": "dev",
      "precision": "float32", "threads": 13, "data_hash": "dh", "split_hash": "sh",
      "train_images": 14, "validation_images": 15, "test_images": 16},
    "seconds": {"pretrain": 1.5, "linearize": 2.5, "fine_tune": 3.5}, "worker": "w",
    "attempt": 17, "created_at_ms": 18, "layers": [{"layer": "l", "units": 20, "kept": 17,
      "polynomials": 3, "input_min": -1.5, "input_max": null}],
    "classes": [{"name": "cat ?", "images": 4, "correct": 3}],
    "artifact_sha256": "sha", "artifact_bytes": 21, "origin": "o",
    "costs": {"cheetah.online_s@wan": {"value": 2.5, "lower_bound": true}},
    "off_front": "dominated"})";

TEST(ViewsTest, Job) {
  EXPECT_EQ(Document(ToProto(SomeJob())), json::parse(kSomeJob));
  EXPECT_EQ(Document(ToProto(std::vector<JobView>{SomeJob()})),
            json({{"jobs", {json::parse(kSomeJob)}}}));
  JobView running = SomeJob();
  running.finished_at = running.unsealed_at = std::nullopt;
  running.data_hash.clear();
  const json document = Document(ToProto(running));
  EXPECT_TRUE(document["finished_at_ms"].is_null());
  EXPECT_TRUE(document["unsealed_at_ms"].is_null());
  EXPECT_TRUE(document["data_hash"].is_null());
}

TEST(ViewsTest, CandidateWithTasks) {
  EXPECT_EQ(Document(ToProto(SomeCandidate())), ExpectedCandidate());
  const JobDetailView detail = {SomeJob(), {SomeCandidate()}, {}};
  EXPECT_EQ(Document(ToProto(detail)), json({{"job", json::parse(kSomeJob)},
                                             {"spec_json", "{}"},
                                             {"candidates", json::array({ExpectedCandidate()})},
                                             {"criticality", json::array()}}));
  const json plain = Document(ToProto(CandidateView{}));
  EXPECT_EQ(plain["role"], "search");
  EXPECT_TRUE(plain["measured_stage"].is_null());
  EXPECT_TRUE(plain["teacher"].is_null());
}

TEST(ViewsTest, CriticalityIsInTheOrderOfTheStagesAndSaysTheirOrder) {
  JobDetailView detail;
  detail.criticality = {
      {CandidateId{1},
       "n",
       "net",
       "h",
       {0.5, CriticalityBaseline::kNone},
       {{1, 400, 0.5, 0.25, 0.75, 2, 0.025, 2}, {2, 100, 0.5, 0.5, 0.5, 2, 0.05, 1}}}};
  EXPECT_EQ(Document(ToProto(detail))["criticality"], json::parse(R"([
      {"candidate": 1, "name": "n", "network": "net", "network_hash": "h", "order": [2, 1],
       "exponent": 0.5, "baseline": "none", "stages": [
         {"stage": 1, "relus": 400, "accuracy": 0.5, "accuracy_lowest": 0.25,
          "accuracy_highest": 0.75, "replicates": 2, "score": 0.025, "rank": 2},
         {"stage": 2, "relus": 100, "accuracy": 0.5, "accuracy_lowest": 0.5,
          "accuracy_highest": 0.5, "replicates": 2, "score": 0.05, "rank": 1}]}])"));
}

TEST(ViewsTest, ResultAndFront) {
  EXPECT_EQ(Document(ToProto(SomeResult())), json::parse(kSomeResult));
  ResultView sealed = SomeResult();
  sealed.accuracy_test = std::nullopt;
  EXPECT_TRUE(Document(ToProto(sealed))["accuracy_test"].is_null());
  ResultView whole = SomeResult();
  whole.seed_linearize = whole.seed_fine_tune = std::nullopt;
  EXPECT_TRUE(Document(ToProto(whole))["seeds"]["linearize"].is_null());
  EXPECT_TRUE(Document(ToProto(whole))["seeds"]["fine_tune"].is_null());
  const FrontView front = {
      JobId{2}, {"relus", "macs"}, {{"cheetah.online_s@wan", 2}}, {SomeResult()}};
  EXPECT_EQ(Document(ToProto(front)), json({{"job", 2},
                                            {"objectives", {"relus", "macs"}},
                                            {"cost_limits", {"cheetah.online_s@wan <= 2"}},
                                            {"results", json::array({json::parse(kSomeResult)})}}));
}

TEST(ViewsTest, CandidateDetail) {
  CandidateDetailView detail;
  detail.candidate = SomeCandidate();
  detail.curves = {{TaskId{1}, Stage::kFineTune, 2, 3, TimeFromUnixMs(4), SomeEpoch()},
                   {TaskId{5}, Stage::kLinearize, 0, 6, TimeFromUnixMs(7), SomeEpoch()}};
  detail.results = {SomeResult()};
  const json document = Document(ToProto(detail));
  EXPECT_EQ(document["candidate"], ExpectedCandidate());
  json curves = json::parse(R"([
      {"task": 1, "stage": "fine-tune", "budget": 2, "attempt": 3, "at_ms": 4},
      {"task": 5, "stage": "linearize", "budget": null, "attempt": 6, "at_ms": 7}])");
  for (json& point : curves) point["epoch"] = json::parse(kSomeEpoch);
  EXPECT_EQ(document["curves"], curves);
  EXPECT_EQ(document["results"], json::array({json::parse(kSomeResult)}));
}

TEST(ViewsTest, WorkersEventsAndPreview) {
  WorkerView worker;
  worker.info = {"w", "i", "h", 1, "cpu", "t", "c", {"synthetic"}, 1, 10, 11, {}, "p"};
  DataState opened;
  opened.request.data.set = "d";
  opened.request.data.train_images = 12;
  opened.request.data.validation_images = 13;
  opened.request.data.test_images = 14;
  opened.request.split_seed = 15;
  opened.data_hash = "dh";
  DataState broken;
  broken.request.data.set = "e";
  broken.problem = "cut short";
  worker.info.data = {opened, broken};
  worker.last_seen = TimeFromUnixMs(2);
  worker.connected = true;
  worker.tasks = {TaskId{3}};
  EXPECT_EQ(Document(ToProto(std::vector<WorkerView>{worker})), json::parse(R"({"workers": [
      {"worker": "w", "host": "h", "pid": 1, "device": "cpu", "torch_version": "t",
       "build_commit": "c", "data_sets": ["synthetic"], "last_seen_ms": 2, "connected": true,
       "tasks": [3], "protocol": 10, "behaviour": 11, "problem": "p", "quarantined": false,
       "data": [{"data_set": "d", "train_images": 12, "validation_images": 13, "test_images": 14,
                 "split_seed": 15, "data_hash": "dh", "problem": ""},
                {"data_set": "e", "train_images": 0, "validation_images": 0, "test_images": 0,
                 "split_seed": 0, "data_hash": "", "problem": "cut short"}]}]})"));
  worker.quarantine = "q";
  const json kept_out = Document(ToProto(std::vector<WorkerView>{worker}))["workers"][0];
  EXPECT_EQ(kept_out["problem"], "q");  // rather than what it says of itself
  EXPECT_TRUE(kept_out["quarantined"].get<bool>());
  const EventView event = {1,         TimeFromUnixMs(2), "k", JobId{3}, CandidateId{4},
                           TaskId{5}, ResultId{6},       "w", "d"};
  EXPECT_EQ(Document(ToProto(std::vector<EventView>{event})), json::parse(R"({"events": [
      {"event": 1, "at_ms": 2, "kind": "k", "job": 3, "candidate": 4, "task": 5, "result": 6,
       "worker": "w", "detail": "d"}]})"));
  const Preview preview = {{{"n", "net", 1, 2, 3, 4, 5, {7, 6}, CandidateRole::kWhole, "o"}},
                           8,
                           {{"pretrain", 9}},
                           "r",
                           {"x"}};
  EXPECT_EQ(Document(ToProto(preview)), json::parse(R"({"networks": [
      {"name": "n", "network": "net", "replicates": 1, "relus": 2, "relus_with_stem": 3,
       "macs": 4, "parameters": 5, "budgets": [7, 6], "role": "whole", "origin": "o"}],
      "candidates": 8, "tasks": {"pretrain": 9}, "recipe": "r", "notes": ["x"]})"));
}

}  // namespace
}  // namespace reluscape
