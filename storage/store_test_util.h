#pragma once

// Rows for tests that have no coordinator to make them.

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/vocabulary/artifact.h"
#include "search/vocabulary/job.h"
#include "search/vocabulary/json.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"
#include "storage/store.h"

namespace reluscape {

// A folder of its own for the running test, removed at the end.
class TestFolder {
 public:
  TestFolder() {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::path(::testing::TempDir()) /
            absl::StrCat("reluscape_", info->test_suite_name(), "_", info->name());
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TestFolder() { std::filesystem::remove_all(path_); }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline JobRow TestJob(const std::string& name = "job") {
  JobRow job;
  job.recipe = Sha256Hex("recipe");
  job.spec = BareFromJson<v1::JobSpec>(R"({"data": {"set": "toy", "classes": 10, "side": 32},
                                           "candidates": {}, "budgets": {}, "seed": 7})");
  job.spec.set_name(name);
  FillJobDefaults(job.spec);
  job.split_seed = 8;
  job.created_at = TimeFromUnixMs(1000);
  return job;
}

// What a Worker says that has opened the images of `job`.
inline v1::DataState Opened(const JobRow& job) {
  v1::DataState state;
  *state.mutable_request()->mutable_data() = job.spec.data();
  state.mutable_request()->set_split_seed(static_cast<int64_t>(job.split_seed));
  state.set_data_hash("data");
  state.set_split_hash("split");
  return state;
}

inline CandidateRow TestCandidate(JobId job, const std::string& name = "net") {
  CandidateRow c;
  c.job = job;
  c.name = name;
  c.network = "text of " + name;
  c.network_hash = Sha256Hex(name);
  c.relus = 1000;
  c.relus_with_stem = 1200;
  c.macs = 50'000;
  c.parameters = 600;
  c.budgets = {500, 100};
  return c;
}

inline TaskRow TestTask(const CandidateRow& candidate, Stage stage, int64_t budget = 0) {
  TaskRow task;
  task.job = candidate.job;
  task.candidate = candidate.id;
  task.stage = stage;
  task.budget = budget;
  task.seed = 11;
  task.state = TaskState::kQueued;
  return task;
}

inline ResultRow TestResult(const TaskRow& fine_tune, int64_t relus, double accuracy) {
  ResultRow r;
  r.job = fine_tune.job;
  r.candidate = fine_tune.candidate;
  r.task = fine_tune.id;
  r.attempt = 1;
  r.worker = "a";
  FieldErrors errors;
  JsonToMessage(R"({"accuracy_soft": 0.3, "accuracy_trimmed": 0.2,
      "layers": [{"layer": "conv1", "units": 600},
                 {"layer": "conv2", "units": 400, "polynomials": 300,
                  "input_min": -1.5, "input_max": 2.25}],
      "classes": [{"name": "cat", "images": 4, "correct": 1}, {"name": "dog"}]})",
                r.report, errors);
  r.report.set_budget(fine_tune.budget);
  r.report.set_relus(relus);
  r.report.mutable_layers(0)->set_kept(relus);
  r.report.set_accuracy_validation(accuracy);
  *r.report.mutable_artifact() =
      MakeArtifact(Sha256Hex(absl::StrCat("artifact ", fine_tune.id.value)), 10);
  r.accuracy_test = 0.125;
  r.data_hash = "data";
  r.split_hash = "split";
  r.seconds_pretrain = 1;
  r.seconds_linearize = 2;
  r.seconds_fine_tune = 3;
  r.created_at = TimeFromUnixMs(2000);
  return r;
}

// Without a value it has a note that says so.
inline CostRow TestCost(const std::string& metric, std::optional<double> value, bool lower = false,
                        const std::string& version = "1") {
  CostRow row;
  row.origin = std::make_shared<CostOrigin>(CostOrigin{.metric = metric,
                                                       .model_version = version,
                                                       .profile = "link wan, sha256 0123",
                                                       .note = value ? "" : "nobody knows"});
  row.value = value;
  row.is_lower_bound = lower;
  return row;
}

inline v1::Provenance TestProvenance() {
  v1::Provenance m;
  m.set_build_commit("abc");
  m.set_torch_version("2.13.0");
  m.set_device("cpu");
  m.set_precision("float32");
  m.set_threads(2);
  m.set_data_hash("data");
  m.set_split_hash("split");
  m.set_train_images(100);
  m.set_validation_images(10);
  m.set_test_images(20);
  return m;
}

// A Candidate with pretrain, linearize and one fine-tune per Budget, all QUEUED.
struct TestTasks {
  CandidateRow candidate;
  TaskRow pretrain;
  TaskRow linearize;
  std::vector<TaskRow> fine_tunes;
};

inline TestTasks InsertTestTasks(Transaction& t, JobId job, const std::string& name = "net",
                                 int64_t more_macs = 0) {
  TestTasks tasks;
  tasks.candidate = TestCandidate(job, name);
  tasks.candidate.macs += more_macs;
  tasks.candidate.id = t.InsertCandidate(tasks.candidate).value();
  tasks.pretrain = TestTask(tasks.candidate, Stage::kPretrain);
  tasks.pretrain.id = t.InsertTask(tasks.pretrain).value();
  tasks.linearize = TestTask(tasks.candidate, Stage::kLinearize);
  tasks.linearize.id = t.InsertTask(tasks.linearize).value();
  for (const int64_t budget : tasks.candidate.budgets) {
    tasks.fine_tunes.push_back(TestTask(tasks.candidate, Stage::kFineTune, budget));
    tasks.fine_tunes.back().id = t.InsertTask(tasks.fine_tunes.back()).value();
  }
  return tasks;
}

}  // namespace reluscape
