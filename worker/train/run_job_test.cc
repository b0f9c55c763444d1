#include "worker/train/run_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/sha256.h"
#include "tests/fakes/fake_trainer.h"
#include "worker/train/direct_link.h"
#include "worker/train/job_choice.h"

namespace reluscape {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Property;
using ::testing::SizeIs;

// Two networks and two Budgets: 8 Tasks. `more` stands before the closing brace.
std::string SmallJob(const std::string& fractions = "0.5, 0.1", const std::string& more = "") {
  return R"({"name": "small", "data": {"set": "synthetic"},
             "candidates": {"networks": ["resnet18@2", "resnet20@2"]},
             "budgets": {"fractions": [)" +
         fractions + R"(]}, "stages": {"pretrain": {"epochs": 3}, "fine_tune": {"epochs": 2}})" +
         more + "}";
}

// Requests a stop in an epoch of choice as Ctrl-C would; remembers the Tasks.
class StoppingTrainer final : public Trainer {
 public:
  StoppingTrainer(Trainer& inner, std::stop_source& stop, int64_t stop_after_epochs)
      : inner_(inner), stop_(stop), epochs_left_(stop_after_epochs) {}

  void Describe(v1::WorkerInfo& info) const override { inner_.Describe(info); }
  v1::DataState OpenData(const v1::DataRequest& request, std::stop_token stop) override {
    return inner_.OpenData(request, std::move(stop));
  }
  TaskOutcome Run(const v1::TaskDescription& task, TaskListener& listener,
                  std::stop_token stop) override {
    tasks.push_back(task);
    Listener counted(*this, listener);
    return inner_.Run(task, counted, stop);
  }

  std::vector<v1::TaskDescription> tasks;

 private:
  class Listener final : public TaskListener {
   public:
    Listener(StoppingTrainer& trainer, TaskListener& inner) : trainer_(trainer), inner_(inner) {}
    void OnProvenance(const v1::Provenance& provenance, int64_t epochs) override {
      inner_.OnProvenance(provenance, epochs);
    }
    void OnEpoch(const v1::Epoch& epoch) override {
      inner_.OnEpoch(epoch);
      if (--trainer_.epochs_left_ == 0) trainer_.stop_.request_stop();
    }
    void OnCheckpoint(const v1::Artifact& artifact, double seconds) override {
      inner_.OnCheckpoint(artifact, seconds);
    }
    void OnSnapshot(const v1::Snapshot& snapshot) override { inner_.OnSnapshot(snapshot); }

   private:
    StoppingTrainer& trainer_;
    TaskListener& inner_;
  };

  Trainer& inner_;
  std::stop_source& stop_;
  int64_t epochs_left_;
};

// An empty folder's path; the folder is not there yet.
std::filesystem::path FreshFolder(const std::string& name = "") {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::filesystem::path path = std::filesystem::path(::testing::TempDir()) /
                               (std::string("run_job_test.") + test->name() + name);
  std::filesystem::remove_all(path);
  return path;
}

class RunJobTest : public ::testing::Test {
 protected:
  RunJobTest() {
    options_.epoch_time = Milliseconds(0);
    options_.checkpoint_interval = Milliseconds(0);
  }

  std::unique_ptr<DataFolder> Open(const std::filesystem::path& path) {
    auto folder = DataFolder::Open(path, clock_);
    EXPECT_TRUE(folder.ok()) << folder.status();
    return *std::move(folder);
  }
  static JobFile File(const std::string& text) {
    const std::filesystem::path path = FreshFolder(".json");
    EXPECT_TRUE(WriteFileAtomically(path, text).ok());
    auto job = ReadJobFile(path);
    EXPECT_TRUE(job.ok()) << job.status();
    return *std::move(job);
  }
  static JobId Choose(const std::string& text, DataFolder& folder) {
    const auto job = ChooseJob(File(text), folder);
    EXPECT_TRUE(job.ok()) << job.status();
    return job.ok() ? *job : JobId();
  }

  // One process's work on `job` in `path`; stopped after so many epochs, or not at all.
  absl::StatusOr<JobState> Run(const std::filesystem::path& path, int64_t stop_after_epochs = -1,
                               const std::string& job = SmallJob(), size_t workers = 1) {
    const std::unique_ptr<DataFolder> folder = Open(path);
    const JobId id = Choose(job, *folder);
    EXPECT_TRUE(RetryFailures(id, *folder).ok());
    std::deque<FakeTrainer> fakes;
    std::stop_source stop;
    std::vector<std::unique_ptr<Trainer>> trainers;
    while (trainers.size() < workers) {
      fakes.emplace_back(options_, folder->artifacts());
      trainers.push_back(std::make_unique<StoppingTrainer>(fakes.back(), stop, stop_after_epochs));
    }
    const absl::StatusOr<JobState> state =
        RunJob(id, *folder, trainers, RunJobOptions(), stop.get_token());
    tasks_.clear();
    for (const auto& trainer : trainers) {
      const auto& tasks = static_cast<const StoppingTrainer&>(*trainer).tasks;
      tasks_.insert(tasks_.end(), tasks.begin(), tasks.end());
    }
    detail_ = *folder->reader().GetJob(id);
    front_ = *folder->reader().ListResults(id);
    return state;
  }
  absl::StatusOr<JobState> Run() { return Run(path_); }

  // What must not depend on how often the work was interrupted.
  std::vector<std::string> Essence() const {
    std::vector<std::string> essence;
    for (const v1::Result& result : front_.results()) {
      const v1::ResultReport& report = result.report();
      essence.push_back(absl::StrCat(result.name(), " ", report.budget(), " ", report.relus(), " ",
                                     report.accuracy_validation(), " ",
                                     report.artifact().sha256()));
    }
    return essence;
  }
  const v1::Task& Task(int candidate, int task) const {
    return detail_.candidates(candidate).tasks(task);
  }
  static int64_t Lines(const std::filesystem::path& path) {
    const std::string text = *ReadFile(path, 1 << 24);
    return std::count(text.begin(), text.end(), '\n');
  }

  const SystemClock clock_;
  FakeTrainerOptions options_;
  const std::filesystem::path path_ = FreshFolder();
  std::vector<v1::TaskDescription> tasks_;
  v1::JobDetail detail_;
  v1::ResultList front_;
};

TEST_F(RunJobTest, AJobIsWorkedOnToItsEndAndExported) {
  const auto state = Run();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFinished);
  EXPECT_THAT(tasks_, SizeIs(8));
  EXPECT_THAT(tasks_, Each(Property(&v1::TaskDescription::attempt, 1)));
  ASSERT_THAT(front_.results(), SizeIs(4));
  EXPECT_EQ(front_.results(0).worker(), kTrainWorker);

  const v1::Result& result = front_.results(0);
  const std::string suffix = absl::StrCat("-", result.name(), "-r0-", result.report().budget());
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_ / "results")) {
    if (!entry.path().string().ends_with(suffix)) continue;
    ++found;
    EXPECT_EQ(*ReadFile(entry.path() / "weights.safetensors", 1 << 24),
              *ArtifactFolder(path_ / "artifacts").Get(result.report().artifact()));
    EXPECT_THAT(*ReadFile(entry.path() / "architecture.json", 1 << 20),
                HasSubstr("\"operations\""));
    EXPECT_THAT(*ReadFile(entry.path() / "result.json", 1 << 20),
                HasSubstr("\"accuracy_test\": null"));
  }
  EXPECT_EQ(found, 1);
  EXPECT_THAT(*ReadFile(path_ / "results-1.json", 1 << 24),
              HasSubstr(result.report().artifact().sha256()));
  EXPECT_THAT(*ReadFile(path_ / "job-1.json", 1 << 24), HasSubstr("\"FINISHED\""));
  EXPECT_THAT(*ReadFile(path_ / "epochs.csv", 1 << 24), HasSubstr(",resnet18@2\r\n1,1,1,"));
}

TEST_F(RunJobTest, StoppedAtEveryEpochItEndsWithTheSameResults) {
  const auto undisturbed = FreshFolder("-undisturbed");
  ASSERT_TRUE(Run(undisturbed).ok());
  const std::vector<std::string> expected = Essence();

  absl::StatusOr<JobState> state = JobState::kRunning;
  int starts = 0;
  for (; state.ok() && *state == JobState::kRunning && starts < 100; ++starts) {
    state = Run(path_, /*stop_after_epochs=*/1);
  }
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFinished);
  EXPECT_GT(starts, 10);
  EXPECT_EQ(Essence(), expected);
  // Every epoch once.
  EXPECT_EQ(Lines(path_ / "epochs.csv"), Lines(undisturbed / "epochs.csv"));
}

TEST_F(RunJobTest, SeveralWorkersComeToTheSame) {
  const auto by_one = FreshFolder("-one");
  ASSERT_TRUE(Run(by_one).ok());
  const std::vector<std::string> expected = Essence();
  const auto state = Run(path_, /*stop_after_epochs=*/-1, SmallJob(), /*workers=*/3);
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFinished);
  EXPECT_EQ(Essence(), expected);
  EXPECT_THAT(tasks_, SizeIs(8));
}

TEST_F(RunJobTest, WithSeveralWorkersStoppedAtEveryEpochItEndsWithTheSameResults) {
  ASSERT_TRUE(Run(FreshFolder("-one")).ok());
  const std::vector<std::string> expected = Essence();
  absl::StatusOr<JobState> state = JobState::kRunning;
  for (int starts = 0; state.ok() && *state == JobState::kRunning && starts < 100; ++starts) {
    state = Run(path_, /*stop_after_epochs=*/1, SmallJob(), /*workers=*/2);
  }
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFinished);
  EXPECT_EQ(Essence(), expected);
}

TEST_F(RunJobTest, ThreadsThatWereChosenAreThoseOfTheSameJobFile) {
  ASSERT_TRUE(Run(path_, /*stop_after_epochs=*/1).ok());
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(detail_.job().job(), 1);
  EXPECT_EQ(detail_.job().threads(), 1);
  ASSERT_TRUE(Run(path_, -1, SmallJob("0.5, 0.1", R"(, "threads": 2)")).ok());
  EXPECT_EQ(detail_.job().job(), 2) << "other threads are another job";
}

TEST_F(RunJobTest, WhatADeadProcessHadBegunToWriteIsRemoved) {
  ASSERT_TRUE(Run().ok());
  const std::filesystem::path result =
      std::filesystem::directory_iterator(path_ / "results")->path();
  const std::vector<std::filesystem::path> unfinished = {
      path_ / "results-1.json.part-8KZ0ys", path_ / "job-1.json.part-AbCdEf",
      path_ / "epochs.csv.part-AbCdEf", result / "result.json.part-AbCdEf",
      result / "weights.safetensors.part-linked"};
  const std::vector<std::filesystem::path> kept = {path_ / "mine.txt.part-AbCdEf",
                                                   path_ / "job-1.json", result / "result.json"};
  for (const auto& path : unfinished) ASSERT_TRUE(WriteFileAtomically(path, "x").ok());
  ASSERT_TRUE(WriteFileAtomically(kept[0], "x").ok());
  ASSERT_TRUE(Run().ok());
  for (const auto& path : unfinished) EXPECT_FALSE(std::filesystem::exists(path)) << path;
  for (const auto& path : kept) EXPECT_TRUE(std::filesystem::exists(path)) << path;
}

TEST_F(RunJobTest, WhatADeadProcessHadLeasedIsFreeAtOnce) {
  std::string folder_id;
  {
    const std::unique_ptr<DataFolder> folder = Open(path_);
    folder->coordinator().WorkOn(Choose(SmallJob(), *folder));
    v1::SynchronizeRequest request;
    request.mutable_worker()->set_id(kTrainWorker);
    request.mutable_worker()->set_incarnation("dead");
    request.mutable_worker()->set_protocol(kProtocolNumber);
    request.mutable_worker()->set_behaviour(kBehaviourNumber);
    request.mutable_worker()->add_data_sets("synthetic");
    request.set_accepts_work(true);
    request.set_artifact_folder_id(*folder->artifacts().ReadId());
    DirectLink link(folder->coordinator(), [](bool) {});
    const auto wanted = link.Synchronize(request, Milliseconds(0), {});
    ASSERT_TRUE(wanted.ok()) << wanted.status();
    ASSERT_THAT(wanted->open(), SizeIs(1));
    FakeTrainer fake(options_, folder->artifacts());
    *request.mutable_worker()->add_data() = fake.OpenData(wanted->open(0), {});
    ASSERT_THAT(link.Synchronize(request, Milliseconds(0), {})->leases(), SizeIs(1));
    // What it stored and could not report any more.
    ASSERT_TRUE(folder->artifacts().Put("unreported").ok());
  }
  const auto state = Run();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFinished);
  EXPECT_EQ(tasks_.at(0).attempt(), 2);
  const std::unique_ptr<DataFolder> folder = Open(path_);
  const v1::EventList list = *folder->reader().ListEvents(JobId(), 0, 10'000);
  EXPECT_THAT(list.events(), Each(Property(&v1::Event::kind, Not("lease.expired"))));
  EXPECT_THAT(list.events(), Each(Property(&v1::Event::kind, Not("task.retried"))));
  EXPECT_FALSE(folder->artifacts().Has(MakeArtifact(Sha256Hex("unreported"), 10)));
}

TEST_F(RunJobTest, AFailedTaskIsReportedAndTheOthersGoOn) {
  options_.fail_stage = Stage::kLinearize;
  options_.fail_epoch = 5;  // behind the snapshot of the larger Budget
  options_.fail_kind = v1::Failure::INFEASIBLE;
  const auto state = Run();
  ASSERT_TRUE(state.ok()) << state.status();
  EXPECT_EQ(*state, JobState::kFailed);
  EXPECT_THAT(front_.results(), SizeIs(2));  // the larger Budget of both
  EXPECT_EQ(Task(0, 1).state(), "FAILED");
  EXPECT_EQ(Task(0, 2).state(), "SUCCEEDED");
  EXPECT_EQ(Task(0, 3).state(), "CANCELLED");
  EXPECT_THAT(detail_.job().message(), HasSubstr("2 tasks failed; the first: linearize of resnet"));
  // The same again would come to the same: nothing is tried.
  EXPECT_EQ(*Run(), JobState::kFailed);
  EXPECT_THAT(tasks_, IsEmpty());
}

TEST_F(RunJobTest, WhatWasRefusedIsTriedAgainByTheNextStart) {
  options_.fail_stage = Stage::kLinearize;
  options_.fail_kind = v1::Failure::REFUSED;
  EXPECT_EQ(*Run(), JobState::kFailed);
  options_.fail_stage.reset();
  EXPECT_EQ(*Run(), JobState::kFinished);
  EXPECT_THAT(front_.results(), SizeIs(4));
}

TEST_F(RunJobTest, FailuresInARowEndTheStartAndTheNextOneGoesOn) {
  options_.fail_stage = Stage::kPretrain;
  options_.fail_epoch = 1;
  options_.fail_kind = v1::Failure::TRANSIENT;
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("3 tasks in a row failed here; the last: "));
  EXPECT_THAT(std::string(status.message()), HasSubstr("scripted failure; the same command"));
  options_.fail_stage.reset();
  ASSERT_EQ(*Run(), JobState::kFinished);
  EXPECT_TRUE(tasks_[0].has_checkpoint());
}

TEST_F(RunJobTest, WhatIsWrongHereEndsTheStartAndCostsNoAttempt) {
  for (const v1::Failure::Kind kind : {v1::Failure::DATA, v1::Failure::STORAGE}) {
    options_.fail_stage = Stage::kLinearize;
    options_.fail_kind = kind;
    const absl::Status status = Run().status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr("scripted failure; the same command"));
    EXPECT_EQ(Task(1, 1).state(), "QUEUED");
  }
  options_.fail_stage.reset();
  EXPECT_EQ(*Run(), JobState::kFinished);
  const std::unique_ptr<DataFolder> folder = Open(path_);
  EXPECT_THAT(folder->reader().ListEvents(JobId(), 0, 10'000)->events(),
              Each(Property(&v1::Event::kind, Not("task.retried"))));
}

TEST_F(RunJobTest, ImagesThatCannotBeOpenedEndTheStart) {
  options_.data_problem = "the disk is gone";
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("worker reluscape-train: it cannot use data set synthetic: "));
  EXPECT_THAT(tasks_, IsEmpty());
}

TEST_F(RunJobTest, AnotherCopyOfTheImagesIsForTheUserToChoose) {
  ASSERT_EQ(*Run(path_, /*stop_after_epochs=*/4), JobState::kRunning);
  options_.data_salt = "other";
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("there are 2 copies of data set synthetic that differ"));
  options_.data_salt.clear();
  EXPECT_EQ(*Run(), JobState::kFinished);
}

TEST_F(RunJobTest, AJobOfTheFolderIsKnownByItsSpec) {
  const std::unique_ptr<DataFolder> folder = Open(path_);
  EXPECT_EQ(Choose(SmallJob(), *folder), JobId{1});
  EXPECT_EQ(Choose(SmallJob("0.5, 0.1", R"(, "seed": 1)"), *folder), JobId{1});  // a default
  EXPECT_EQ(Choose(SmallJob("0.5, 0.1", R"(, "seed": 2)"), *folder), JobId{2});
  EXPECT_EQ(Choose(SmallJob("0.5"), *folder), JobId{3});  // fewer Budgets are another Job
  EXPECT_EQ(Choose(SmallJob(), *folder), JobId{1});
  ASSERT_TRUE(folder->coordinator().Cancel(JobId{1}).ok());
  EXPECT_EQ(Choose(SmallJob("0.5, 0.1", R"(, "seed": 2)"), *folder), JobId{2});
  EXPECT_THAT(folder->reader().ListJobs()->jobs(), SizeIs(3));
}

TEST_F(RunJobTest, MoreBudgetsGoToTheJobThatHasTheOthers) {
  ASSERT_EQ(*Run(path_, -1, SmallJob("0.5")), JobState::kFinished);
  ASSERT_EQ(*Run(path_, -1, SmallJob("0.5, 0.1")), JobState::kFinished);
  EXPECT_EQ(detail_.job().job(), 1);
  EXPECT_THAT(tasks_, SizeIs(4));  // a linearize and a fine-tune of each network
  EXPECT_THAT(front_.results(), SizeIs(4));
  const std::unique_ptr<DataFolder> folder = Open(path_);
  const absl::Status passed = ChooseJob(File(SmallJob("0.5, 0.1, 0.3")), *folder).status();
  EXPECT_EQ(passed.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(passed.message()), HasSubstr("has passed its smallest budget"));
}

TEST_F(RunJobTest, OtherJobsOfTheFolderWaitForTheirOwnCommand) {
  ASSERT_EQ(*Run(path_, /*stop_after_epochs=*/1), JobState::kRunning);
  ASSERT_EQ(*Run(path_, -1, SmallJob("0.5")), JobState::kFinished);
  EXPECT_EQ(detail_.job().job(), 2);
  EXPECT_THAT(tasks_, SizeIs(6));
  const std::unique_ptr<DataFolder> folder = Open(path_);
  EXPECT_EQ(folder->reader().GetJob(JobId{1})->job().state(), "RUNNING");
  EXPECT_THAT(*ReadFile(path_ / "epochs.csv", 1 << 24), HasSubstr("\r\n1,5,0,"));
}

TEST_F(RunJobTest, TwoProcessesDoNotShareAFolder) {
  const std::unique_ptr<DataFolder> folder = Open(path_);
  const absl::Status status = DataFolder::Open(path_, clock_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("another coordinator uses this database"));
}

TEST_F(RunJobTest, AFolderOfSomethingElseIsLeftAlone) {
  std::filesystem::create_directories(path_);
  std::ofstream(path_ / "thesis.tex") << "x";
  const absl::Status status = DataFolder::Open(path_, clock_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("thesis.tex"));
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(names, ElementsAre("thesis.tex"));
}

TEST_F(RunJobTest, AFirstStartThatWasKilledAtOnceLeavesAUsableFolder) {
  std::filesystem::create_directories(path_);
  std::ofstream(path_ / "reluscape.db.lock") << "1";
  EXPECT_TRUE(DataFolder::Open(path_, clock_).ok());
}

TEST_F(RunJobTest, ADamagedResultIsNotHandedOn) {
  ASSERT_EQ(*Run(), JobState::kFinished);
  const v1::Artifact artifact = front_.results(0).report().artifact();
  std::filesystem::remove_all(path_ / "results");
  std::ofstream(ArtifactFolder(path_ / "artifacts").PathOf(artifact), std::ios::trunc) << "x";
  const absl::Status status = Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr(artifact.sha256()));
}

}  // namespace
}  // namespace reluscape
