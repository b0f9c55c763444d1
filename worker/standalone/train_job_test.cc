#include "worker/standalone/train_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/field_errors.h"
#include "base/files.h"
#include "search/vocabulary/json.h"
#include "tests/fakes/fake_clock.h"
#include "tests/fakes/fake_trainer.h"
#include "worker/standalone/documents.h"
#include "worker/standalone/train_test_util.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// Plays curves, and requests a stop in an epoch of choice as Ctrl-C would.
class StoppingTrainer final : public Trainer {
 public:
  StoppingTrainer(Trainer& inner, std::stop_source& stop, int64_t stop_after_epochs)
      : inner_(inner), stop_(stop), epochs_left_(stop_after_epochs) {}

  void Describe(WorkerInfo& info) const override { inner_.Describe(info); }
  DataState OpenData(const DataRequest& request, std::stop_token stop) override {
    return inner_.OpenData(request, std::move(stop));
  }
  TaskOutcome Run(const TaskDescription& task, TaskListener& listener,
                  std::stop_token stop) override {
    tasks.push_back(task);
    Listener counted(*this, listener);
    return inner_.Run(task, counted, stop);
  }

  std::vector<TaskDescription> tasks;

 private:
  class Listener final : public TaskListener {
   public:
    Listener(StoppingTrainer& trainer, TaskListener& inner) : trainer_(trainer), inner_(inner) {}
    void OnMeasurement(const Measurement& measurement, int64_t epochs) override {
      inner_.OnMeasurement(measurement, epochs);
    }
    void OnEpoch(const EpochReport& epoch) override {
      inner_.OnEpoch(epoch);
      if (--trainer_.epochs_left_ == 0) trainer_.stop_.request_stop();
    }
    void OnCheckpoint(const ArtifactRef& artifact, double seconds) override {
      inner_.OnCheckpoint(artifact, seconds);
    }
    void OnSnapshot(const SnapshotReport& snapshot) override { inner_.OnSnapshot(snapshot); }

   private:
    StoppingTrainer& trainer_;
    TaskListener& inner_;
  };

  Trainer& inner_;
  std::stop_source& stop_;
  int64_t epochs_left_;
};

class TrainJobTest : public ::testing::Test {
 protected:
  TrainJobTest() {
    options_.epoch_time = Milliseconds(0);
    options_.checkpoint_interval = Milliseconds(0);
  }

  // One process's work in `path`; stopped after so many epochs, or not at all.
  absl::StatusOr<JobState> Run(const std::filesystem::path& path, int64_t stop_after_epochs = -1) {
    const ArtifactFolder artifacts(path / "artifacts");
    FakeTrainer fake(options_, artifacts);
    std::stop_source stop;
    StoppingTrainer trainer(fake, stop, stop_after_epochs);
    auto folder = TrainFolder::Open(path, plan_, {"scripted", 1, "none", "abc"}, clock_);
    if (!folder.ok()) return folder.status();
    if (unseal_) (*folder)->state().unsealed_at = clock_.Now();
    TrainJob job(plan_, **folder, artifacts, trainer, clock_);
    absl::StatusOr<JobState> state = job.Run(stop.get_token());
    tasks_ = trainer.tasks;
    return state;
  }

  static v1::TrainResults ResultsIn(const std::filesystem::path& path) {
    v1::TrainResults document;
    FieldErrors errors;
    JsonToMessage(*ReadFile(path / "results.json", 1 << 24), document, errors);
    EXPECT_TRUE(errors.empty()) << errors.ToStatus();
    return document;
  }

  // What must not depend on how often the work was interrupted.
  static std::string Essence(v1::TrainResults document) {
    document.clear_candidates();
    document.clear_summary();
    for (v1::Result& result : *document.mutable_results()) {
      result.clear_seconds();
      result.clear_attempt();
    }
    return MessageToJson(document);
  }

  // Of the stage of Candidate 1, in the order above; "" where it cannot be found.
  static std::string StateOfTask(const v1::TrainResults& document, int candidate, int task) {
    return document.candidates(candidate).tasks(task).state();
  }

  FakeClock clock_;
  FakeTrainerOptions options_;
  bool unseal_ = false;
  TrainPlan plan_ = PlanOf(SmallJob());
  const std::filesystem::path path_ = FreshFolder();
  std::vector<TaskDescription> tasks_;
};

TEST_F(TrainJobTest, EveryTaskIsWorkedOnAsALeaseWouldDescribeIt) {
  const auto state = Run(path_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFinished);
  ASSERT_THAT(tasks_, SizeIs(8));
  EXPECT_EQ(tasks_[0].stage, Stage::kPretrain);
  EXPECT_TRUE(tasks_[0].budgets.empty());
  EXPECT_EQ(tasks_[1].stage, Stage::kLinearize);
  EXPECT_EQ(tasks_[1].budgets, plan_.candidates[0].budgets);
  EXPECT_EQ(tasks_[2].stage, Stage::kFineTune);
  EXPECT_EQ(tasks_[2].budgets, std::vector<int64_t>{plan_.candidates[0].budgets[0]});
  for (int i = 0; i < 8; ++i) {
    const TaskDescription& task = tasks_[static_cast<size_t>(i)];
    EXPECT_EQ(task.seed, plan_.tasks[static_cast<size_t>(i)].seed);
    EXPECT_EQ(task.split_seed, plan_.split_seed);
    EXPECT_EQ(task.attempt, 1);
    EXPECT_EQ(static_cast<bool>(task.weights), task.stage != Stage::kPretrain);
    EXPECT_EQ(static_cast<bool>(task.snapshot), task.stage == Stage::kFineTune);
  }
  EXPECT_NE(tasks_[2].snapshot, tasks_[3].snapshot);
}

TEST_F(TrainJobTest, ResultsAreThoseOfAFrontWithTheTestAccuracySealed) {
  ASSERT_TRUE(Run(path_).ok());
  const std::string text = *ReadFile(path_ / "results.json", 1 << 24);
  EXPECT_THAT(text, HasSubstr("\"accuracy_test\": null"));
  const v1::TrainResults document = ResultsIn(path_);
  ASSERT_EQ(document.results_size(), 4);
  EXPECT_EQ(document.summary().state(), "FINISHED");
  EXPECT_EQ(document.summary().results(), 4);
  int on_front = 0;
  for (const v1::Result& result : document.results()) {
    on_front += result.on_front();
    EXPECT_EQ(result.recipe(), plan_.recipe.substr(0, 12));
    EXPECT_EQ(result.seeds().split(), static_cast<int64_t>(plan_.split_seed));
    EXPECT_FALSE(result.has_accuracy_test());
    EXPECT_GT(result.layers_size(), 0);
    EXPECT_GT(result.latency().at("delphi_online"), 0);
    EXPECT_FALSE(result.measurement().data_hash().empty());
  }
  EXPECT_GE(on_front, 1);

  const auto folder =
      path_ / "results" / ("001-resnet18@2-r0-" + std::to_string(plan_.candidates[0].budgets[0]));
  const v1::Result* first = nullptr;
  for (const v1::Result& result : document.results()) {
    if (result.result() == 1) first = &result;
  }
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(*ReadFile(folder / "result.json", 1 << 20), MessageToJson(*first) + "\n");
  EXPECT_EQ(*ReadFile(folder / "weights.safetensors", 1 << 24),
            *ArtifactFolder(path_ / "artifacts")
                 .Get({first->artifact_sha256(), first->artifact_bytes()}));
  EXPECT_THAT(*ReadFile(folder / "architecture.json", 1 << 20), HasSubstr("\"operations\""));
}

TEST_F(TrainJobTest, UnsealedResultsShowTheTestAccuracyAndSinceWhen) {
  ASSERT_TRUE(Run(path_).ok());
  unseal_ = true;
  const auto state = Run(path_);  // nothing is left to train
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_TRUE(tasks_.empty());
  const v1::TrainResults document = ResultsIn(path_);
  EXPECT_EQ(document.summary().unsealed_at_ms(), ToUnixMs(clock_.Now()));
  for (const v1::Result& result : document.results()) {
    EXPECT_NEAR(result.accuracy_test(), result.accuracy_validation() - 0.01, 1e-12);
  }
}

TEST_F(TrainJobTest, StoppedAtEveryEpochItEndsWithTheSameResults) {
  const auto undisturbed = FreshFolder().string() + "-undisturbed";
  std::filesystem::remove_all(undisturbed);
  ASSERT_TRUE(Run(undisturbed).ok());
  const std::string curves = *ReadFile(undisturbed + "/epochs.csv", 1 << 20);

  absl::StatusOr<JobState> state = JobState::kRunning;
  int starts = 0;
  for (; state.ok() && *state == JobState::kRunning && starts < 100; ++starts) {
    state = Run(path_, /*stop_after_epochs=*/1);
  }
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFinished);
  EXPECT_GT(starts, 10);
  EXPECT_EQ(Essence(ResultsIn(path_)), Essence(ResultsIn(undisturbed)));
  // Every epoch once.
  const std::string disturbed = *ReadFile(path_ / "epochs.csv", 1 << 20);
  EXPECT_EQ(std::count(disturbed.begin(), disturbed.end(), '\n'),
            std::count(curves.begin(), curves.end(), '\n'));
}

TEST_F(TrainJobTest, AStopBeforeTheFirstCheckpointStartsTheTaskAnew) {
  options_.checkpoint_interval = Milliseconds(1'000'000);
  ASSERT_EQ(*Run(path_, /*stop_after_epochs=*/2), JobState::kRunning);
  EXPECT_EQ(StateOfTask(ResultsIn(path_), 0, 0), "QUEUED");
  ASSERT_EQ(*Run(path_), JobState::kFinished);
  EXPECT_FALSE(tasks_[0].checkpoint);
  EXPECT_EQ(tasks_[0].attempt, 2);
}

TEST_F(TrainJobTest, AFailedTaskIsReportedAndTheOthersGoOn) {
  options_.fail_stage = Stage::kLinearize;
  options_.fail_epoch = 5;  // behind the snapshot of the larger Budget
  options_.fail_kind = FailureKind::kInfeasible;
  const auto state = Run(path_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFailed);
  const v1::TrainResults document = ResultsIn(path_);
  EXPECT_EQ(document.results_size(), 2);  // the larger Budget of both
  EXPECT_EQ(StateOfTask(document, 0, 1), "FAILED");
  EXPECT_EQ(StateOfTask(document, 0, 2), "SUCCEEDED");
  EXPECT_EQ(StateOfTask(document, 0, 3), "CANCELLED");
  EXPECT_EQ(document.candidates(0).tasks(1).message(), "INFEASIBLE: scripted failure");
  EXPECT_THAT(document.candidates(0).tasks(3).message(), HasSubstr("task 2 failed"));
  EXPECT_EQ(document.summary().state(), "FAILED");
  EXPECT_THAT(document.summary().message(), HasSubstr("2 tasks failed; the first: linearize of "
                                                      "resnet18@2 (task 2): INFEASIBLE"));
  // The same again would come to the same: nothing is tried.
  EXPECT_EQ(*Run(path_), JobState::kFailed);
  EXPECT_TRUE(tasks_.empty());
}

constexpr char kWholeJob[] = R"({"data": {"set": "synthetic"},
  "candidates": {"deepreduce": [{"backbone": "resnet18@2", "max_culled": 1,
                                 "channel_scales": [1]}]},
  "stages": {"pretrain": {"epochs": 2}}})";

TEST_F(TrainJobTest, NetworksThatAreTrainedWholeLearnFromTheirTeacher) {
  plan_ = PlanOf(kWholeJob);
  const auto state = Run(path_);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFinished);
  ASSERT_GE(tasks_.size(), 2u);
  EXPECT_TRUE(tasks_[0].teacher_network.empty());
  EXPECT_EQ(tasks_[1].teacher_network, plan_.candidates[0].network);
  EXPECT_TRUE(tasks_[1].teacher);
  EXPECT_EQ(tasks_[1].budgets, std::vector<int64_t>{plan_.candidates[1].relus});
  const v1::TrainResults document = ResultsIn(path_);
  EXPECT_EQ(document.results_size(), static_cast<int>(tasks_.size()) - 1);
  for (const v1::Result& result : document.results()) {
    EXPECT_EQ(result.relus(), result.budget());
    EXPECT_FALSE(result.seeds().has_linearize());
  }
  EXPECT_EQ(document.candidates(1).role(), "whole");
  EXPECT_EQ(document.candidates(1).teacher(), 1);
}

TEST_F(TrainJobTest, WithoutItsTeacherNothingLearns) {
  plan_ = PlanOf(kWholeJob);
  options_.fail_stage = Stage::kPretrain;
  options_.fail_kind = FailureKind::kDiverged;
  EXPECT_EQ(*Run(path_), JobState::kFailed);
  EXPECT_THAT(tasks_, SizeIs(1));
  EXPECT_EQ(StateOfTask(ResultsIn(path_), 1, 0), "CANCELLED");
}

TEST_F(TrainJobTest, ErrorsThatMayPassAreTriedAsOftenAsTheJobAllows) {
  options_.fail_stage = Stage::kPretrain;
  options_.fail_epoch = 1;
  options_.fail_kind = FailureKind::kTransient;
  ASSERT_EQ(*Run(path_), JobState::kFailed);
  ASSERT_THAT(tasks_, SizeIs(6));  // limits.max_attempts of 3, two pretrains
  EXPECT_EQ(tasks_[2].attempt, 3);
  EXPECT_TRUE(tasks_[2].checkpoint);
  EXPECT_THAT(ResultsIn(path_).candidates(0).tasks(0).message(),
              HasSubstr("3 of 3 allowed attempts were lost; limits.max_attempts"));
  // Another start tries again, from the checkpoint.
  options_.fail_stage.reset();
  ASSERT_EQ(*Run(path_), JobState::kFinished);
  EXPECT_TRUE(tasks_[0].checkpoint);
}

TEST_F(TrainJobTest, WhatIsWrongHereEndsTheStartAndCostsNoAttempt) {
  // What only another Worker, or its producer, could cure cannot be cured here but by the user.
  for (const FailureKind kind :
       {FailureKind::kData, FailureKind::kStorage, FailureKind::kArtifact}) {
    options_.fail_stage = Stage::kLinearize;
    options_.fail_kind = kind;
    const absl::Status status = Run(path_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(FailureKindName(kind)));
    EXPECT_THAT(std::string(status.message()), HasSubstr("scripted failure; the same command"));
  }
  EXPECT_EQ(StateOfTask(ResultsIn(path_), 0, 1), "QUEUED");
  options_.fail_stage.reset();
  EXPECT_EQ(*Run(path_), JobState::kFinished);
  EXPECT_EQ(tasks_[0].attempt, 4);
}

// Says of its data what it is told to.
class OtherMeasurement final : public Trainer {
 public:
  OtherMeasurement(Trainer& inner, Measurement other) : inner_(inner), other_(std::move(other)) {}
  void Describe(WorkerInfo& info) const override { inner_.Describe(info); }
  DataState OpenData(const DataRequest& request, std::stop_token stop) override {
    return inner_.OpenData(request, std::move(stop));
  }
  TaskOutcome Run(const TaskDescription& /*task*/, TaskListener& listener,
                  std::stop_token stop) override {
    listener.OnMeasurement(other_, 1);
    TaskOutcome outcome;
    outcome.stopped = stop.stop_requested();
    return outcome;
  }

 private:
  Trainer& inner_;
  Measurement other_;
};

TEST_F(TrainJobTest, OtherDataEndTheStartAndHarmNothing) {
  ASSERT_EQ(*Run(path_, /*stop_after_epochs=*/4), JobState::kRunning);
  const ArtifactFolder artifacts(path_ / "artifacts");
  FakeTrainer fake(options_, artifacts);
  {
    auto folder = TrainFolder::Open(path_, plan_, {"scripted", 1, "none", "abc"}, clock_);
    ASSERT_TRUE(folder.ok());
    Measurement other = *(*folder)->state().Find(TaskId{1})->report.measurement;
    other.data_hash = std::string(64, 'f');
    OtherMeasurement trainer(fake, other);
    TrainJob job(plan_, **folder, artifacts, trainer, clock_);
    const absl::Status status = job.Run({}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("was begun with data hash"));
  }
  EXPECT_EQ(*Run(path_), JobState::kFinished);
}

}  // namespace
}  // namespace reluscape
