#include "storage/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "storage/migrations.h"
#include "storage/settings_rows.h"
#include "storage/store_test_util.h"

namespace reluscape {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Message(const absl::Status& status) { return std::string(status.message()); }

// A store at ":memory:" and a small language to run units of work.
constexpr Time kNow = Time(Milliseconds(1'000'000));

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : store_(Store::Open(":memory:").value()) {}

  // Runs a unit of work that is expected to succeed.
  void Do(const std::function<void(Transaction&)>& work) {
    const absl::Status status = store_->Transact([&](Transaction& t) {
      work(t);
      return absl::OkStatus();
    });
    ASSERT_TRUE(status.ok()) << status;
  }

  std::unique_ptr<Store> store_;
};

TEST(StoreFileTest, SecondCoordinatorIsRefused) {
  const TestFolder folder;
  auto first = Store::Open(folder / "a.db");
  ASSERT_TRUE(first.ok()) << first.status();
  const auto second = Store::Open(folder / "a.db");
  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(second.status()), HasSubstr("another coordinator"));
  EXPECT_THAT(Message(second.status()), HasSubstr(absl::StrCat("process ", ::getpid())));
  first->reset();
  EXPECT_TRUE(Store::Open(folder / "a.db").ok());
}

TEST(StoreFileTest, NewerDatabaseIsRefusedAndLeftAlone) {
  const TestFolder folder;
  ASSERT_TRUE(Store::Open(folder / "a.db").ok());
  SQLite::Database((folder / "a.db").string(), SQLite::OPEN_READWRITE)
      .exec("PRAGMA user_version = 99");
  const auto store = Store::Open(folder / "a.db");
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(store.status()), HasSubstr("schema version 99"));
  EXPECT_THAT(Message(store.status()), HasSubstr((folder / "a.db").string()));
}

TEST(StoreFileTest, ForeignDatabaseIsRefusedAndLeftAlone) {
  const TestFolder folder;
  {
    SQLite::Database foreign((folder / "a.db").string(),
                             SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    foreign.exec("CREATE TABLE notes (text TEXT)");
  }
  const auto store = Store::Open(folder / "a.db");
  EXPECT_EQ(store.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(Message(store.status()), HasSubstr("is not one of Reluscape's"));
  SQLite::Database foreign((folder / "a.db").string(), SQLite::OPEN_READONLY);
  EXPECT_EQ(foreign.execAndGet("SELECT count(*) FROM sqlite_master").getInt(), 1);
  EXPECT_STREQ(foreign.execAndGet("PRAGMA journal_mode").getText(), "delete");
}

TEST(StoreFileTest, FileThatIsNoDatabaseIsRefused) {
  const TestFolder folder;
  std::ofstream(folder / "a.db") << std::string(10'000, 'x');
  EXPECT_EQ(Store::Open(folder / "a.db").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_FALSE(Store::Open(folder / "missing" / "a.db").ok());
}

TEST(StoreFileTest, CommittedWorkSurvivesAndIsDurable) {
  const TestFolder folder;
  {
    auto store = Store::Open(folder / "a.db").value();
    ASSERT_TRUE(
        store->Transact([](Transaction& t) { return t.InsertJob(TestJob()).status(); }).ok());
  }
  auto store = Store::Open(folder / "a.db").value();
  ASSERT_TRUE(store
                  ->Transact([](Transaction& t) {
                    EXPECT_EQ(t.CountJobs().value(), 1);
                    return absl::OkStatus();
                  })
                  .ok());
  SQLite::Database db((folder / "a.db").string(), SQLite::OPEN_READONLY);
  EXPECT_STREQ(db.execAndGet("PRAGMA journal_mode").getText(), "wal");
  EXPECT_EQ(db.execAndGet("PRAGMA user_version").getInt(), static_cast<int>(Migrations().size()));
  // Every table of ours checks the types of its columns.
  EXPECT_EQ(db.execAndGet("SELECT count(*) FROM sqlite_master WHERE type = 'table'"
                          " AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE '%STRICT%'")
                .getInt(),
            0);
}

TEST_F(StoreTest, ErrorRollsEverythingBack) {
  const absl::Status status = store_->Transact([](Transaction& t) -> absl::Status {
    EXPECT_TRUE(t.InsertJob(TestJob()).ok());
    return absl::AbortedError("no");
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  Do([](Transaction& t) { EXPECT_EQ(t.CountJobs().value(), 0); });
}

TEST_F(StoreTest, RowsThatReferToNothingAreRefused) {
  const absl::Status status = store_->Transact(
      [](Transaction& t) { return t.InsertCandidate(TestCandidate(JobId{99})).status(); });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal) << status;
}

StageSettings UnusualSettings() {
  StageSettings s;
  s.pretrain = {.epochs = 3,
                .batch = 5,
                .learning_rate = 0.1234567890123456,
                .momentum = 0.8,
                .nesterov = true,
                .weight_decay = 1e-7,
                .decay_one_dimensional = false,
                .schedule = Schedule::kOneCycle,
                .warmup_fraction = 0.3,
                .step_epochs = {1, 2, 30},
                .step_factor = 0.5};
  s.linearize = {.max_epochs = 7,
                 .batch = 9,
                 .weight_learning_rate = 2e-3,
                 .mask_learning_rate = 3e-3,
                 .lambda = 4e-5,
                 .lambda_growth = 1.25,
                 .lambda_patience = 2,
                 .lambda_growth_per_epoch = 1.5,
                 .threshold = 0.25,
                 .check_interval_steps = 4,
                 .method = LinearizeMethod::kLayerUniform,
                 .mask_shape = MaskShape::kChannel,
                 .clamp_masks = true,
                 .adam_beta1 = 0.5,
                 .adam_beta2 = 0.75,
                 .lambda_schedule = LambdaSchedule::kPlanned,
                 .lambda_growth_per_step = 1.125,
                 .planned_epochs = 12,
                 .feedback_interval_steps = 13,
                 .feedback_factor = 1.375,
                 .early_cut = 1.625,
                 .score_batches = 14,
                 .hysteresis = 0.01,
                 .density_weight = 15,
                 .replacement = Replacement::kPolynomial,
                 .range_penalty = 0.03125,
                 .range_limit = 2.5,
                 .layer_shares = {0.1, 2.0 / 3, 0}};
  s.fine_tune.epochs = 11;
  s.fine_tune.schedule = Schedule::kConstant;
  s.fine_tune.step_epochs = {};
  s.distillation = {.temperature = 2, .weight = 3, .cross_entropy_weight = 0.5};
  s.augmentation = {
      .crop_padding = 2, .flip = false, .alternating_flip = true, .cutout = 3, .mixup = 0.25};
  s.precision = Precision::kBfloat16;
  s.deterministic = true;
  s.cache_teacher_logits = true;
  return s;
}

TEST_F(StoreTest, JobIsReadBackAsWritten) {
  JobRow job = TestJob();
  job.request_id = "r1";
  job.stages = UnusualSettings();
  job.data = {.set = "cifar10",
              .classes = 10,
              .side = 32,
              .train_images = 5000,
              .validation_images = 500,
              .test_images = 1000};
  job.objectives = {"latency.delphi_online", "relus"};
  job.seed = (uint64_t{1} << 62) + 3;
  Do([&](Transaction& t) {
    job.id = t.InsertJob(job).value();
    job.state = JobState::kFailed;
    job.finished_at = TimeFromUnixMs(5);
    job.unsealed_at = TimeFromUnixMs(6);
    ASSERT_TRUE(t.UpdateJob(job).ok());
  });
  Do([&](Transaction& t) {
    const JobRow read = t.GetJob(job.id).value();
    EXPECT_EQ(read.name, job.name);
    EXPECT_EQ(read.request_id, "r1");
    EXPECT_EQ(read.state, JobState::kFailed);
    EXPECT_EQ(read.recipe, job.recipe);
    EXPECT_EQ(read.data, job.data);
    EXPECT_EQ(read.stages, job.stages);
    EXPECT_EQ(read.objectives, job.objectives);
    EXPECT_EQ(read.max_attempts, 3);
    EXPECT_EQ(read.seed, job.seed);
    EXPECT_EQ(read.split_seed, job.split_seed);
    EXPECT_EQ(read.spec_json, "{}");
    EXPECT_EQ(read.created_at, job.created_at);
    EXPECT_EQ(read.finished_at, job.finished_at);
    EXPECT_EQ(read.unsealed_at, job.unsealed_at);
    EXPECT_EQ(t.FindJobByRequest("r1").value(), job.id);
    EXPECT_EQ(t.FindJobByRequest("r2").value(), std::nullopt);
    EXPECT_EQ(t.GetJob(JobId{99}).status().code(), absl::StatusCode::kNotFound);
  });
}

TEST(SettingsRowsTest, EverySettingHasARowAndMissingOnesTakeTheirDefault) {
  std::vector<SettingRow> rows = SettingsToRows(UnusualSettings());
  EXPECT_THAT(rows, SizeIs(61));
  EXPECT_EQ(SettingsFromRows(rows).value(), UnusualSettings());
  EXPECT_EQ(SettingsFromRows({}).value(), StageSettings());
  EXPECT_EQ(SettingsFromRows({{"pretrain.epochs", int64_t{5}}})->pretrain.epochs, 5);
}

TEST(SettingsRowsTest, UnreadableSettingIsNamed) {
  for (const SettingRow& row : {SettingRow{"pretrain.epochs", std::string("many")},
                                SettingRow{"fine_tune.schedule", std::string("zigzag")},
                                SettingRow{"pretrain.step_epochs", std::string("1,x")}}) {
    const auto settings = SettingsFromRows({row});
    EXPECT_EQ(settings.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_THAT(Message(settings.status()), HasSubstr(row.name));
  }
}

TEST_F(StoreTest, TaskIsReadBackAsWritten) {
  Do([](Transaction& t) {
    const JobId job = t.InsertJob(TestJob()).value();
    TaskRow task = InsertTestTasks(t, job).linearize;
    task.state = TaskState::kLeased;
    task.attempt = 2;
    task.not_before = TimeFromUnixMs(66);
    ASSERT_TRUE(t.PutLostAttempt({task.id, 1, "b", true, "", TimeFromUnixMs(60), "silent"}).ok());
    ASSERT_TRUE(t.PutLostAttempt({task.id, 1, "b", true, "", TimeFromUnixMs(60), "silent"}).ok());
    task.worker = "a";
    task.lease_until = TimeFromUnixMs(77);
    task.epochs_planned = 12;
    task.device_seconds = 1.5;
    task.checkpoint = {Sha256Hex("checkpoint"), 123};
    task.checkpoint_epochs = 4;
    task.started_at = TimeFromUnixMs(70);
    task.message = "hm";
    ASSERT_TRUE(t.UpdateTask(task).ok());
    const TaskRow read = t.GetTask(task.id).value();
    EXPECT_EQ(read.stage, Stage::kLinearize);
    EXPECT_EQ(read.state, TaskState::kLeased);
    EXPECT_EQ(read.attempt, 2);
    EXPECT_EQ(read.attempts_lost, 1);
    EXPECT_EQ(read.worker, "a");
    EXPECT_EQ(read.lease_until, task.lease_until);
    EXPECT_EQ(read.not_before, task.not_before);
    EXPECT_EQ(t.ListLostAttempts(task.id).value().at(0).reason, "silent");
    EXPECT_EQ(read.epochs_planned, 12);
    EXPECT_EQ(read.device_seconds, 1.5);
    EXPECT_EQ(read.checkpoint, task.checkpoint);
    EXPECT_EQ(read.checkpoint_epochs, 4);
    EXPECT_FALSE(read.weights);
    EXPECT_EQ(read.started_at, task.started_at);
    EXPECT_EQ(read.finished_at, std::nullopt);
    EXPECT_EQ(read.message, "hm");
    EXPECT_THAT(t.ListLeasedTasks("a").value(), SizeIs(1));
    EXPECT_THAT(t.ListLeasedTasks("b").value(), IsEmpty());
    EXPECT_THAT(t.ListExpiredTasks(TimeFromUnixMs(76)).value(), IsEmpty());
    EXPECT_THAT(t.ListExpiredTasks(TimeFromUnixMs(77)).value(), SizeIs(1));
    ASSERT_TRUE(t.ExtendLeases(Milliseconds(13)).ok());
    EXPECT_THAT(t.ListExpiredTasks(TimeFromUnixMs(89)).value(), IsEmpty());
    EXPECT_THAT(t.ListExpiredTasks(TimeFromUnixMs(90)).value(), SizeIs(1));
    ASSERT_TRUE(t.RenewLeases(TimeFromUnixMs(50)).ok());
    EXPECT_THAT(t.ListExpiredTasks(TimeFromUnixMs(50)).value(), SizeIs(1));
    ASSERT_TRUE(t.ForgetLostAttempts(task.id).ok());
    EXPECT_EQ(t.GetTask(task.id)->attempts_lost, 0);
    EXPECT_EQ(t.CountTasks(job).value(),
              (std::map<TaskState, int64_t>{{TaskState::kLeased, 1}, {TaskState::kQueued, 3}}));
  });
}

EpochReport Epoch(int64_t epoch, double loss) {
  return {.epoch = epoch,
          .loss = loss,
          .train_accuracy = 0.5,
          .validation_accuracy = 0.4,
          .learning_rate = 0.1,
          .lambda = std::nullopt,
          .relus = 10,
          .seconds = 1};
}

TEST_F(StoreTest, EpochsAreStoredOnceAndANewerAttemptReplacesFromItsFirstOn) {
  Do([](Transaction& t) {
    const TaskId task = InsertTestTasks(t, t.InsertJob(TestJob()).value()).pretrain.id;
    const auto store = [&](int64_t attempt, const std::vector<EpochReport>& epochs) {
      std::vector<int64_t> numbers;
      const std::vector<EpochReport> stored =
          t.StoreEpochs(task, attempt, TimeFromUnixMs(1), epochs).value();
      for (const EpochReport& e : stored) numbers.push_back(e.epoch);
      return numbers;
    };
    EXPECT_EQ(t.EpochsStored(task).value(), 0);
    EXPECT_THAT(store(1, {Epoch(0, 5), Epoch(1, 4), Epoch(2, 3)}), ElementsAre(0, 1, 2));
    EXPECT_THAT(store(1, {Epoch(1, 4), Epoch(2, 3)}), IsEmpty());
    EXPECT_EQ(t.EpochsStored(task).value(), 3);
    // Attempt 2 resumed after epoch 0.
    EXPECT_THAT(store(2, {Epoch(1, 9)}), ElementsAre(1));
    EXPECT_EQ(t.EpochsStored(task).value(), 2);
    EXPECT_THAT(store(2, {Epoch(1, 9), Epoch(2, 8)}), ElementsAre(2));
    ASSERT_TRUE(t.DropEpochs(task, 1).ok());
    EXPECT_EQ(t.EpochsStored(task).value(), 1);
  });
}

TEST_F(StoreTest, SnapshotAndResultExistOnce) {
  ResultRow result;
  SnapshotRow snapshot;
  Do([&](Transaction& t) {
    const TestTasks tasks = InsertTestTasks(t, t.InsertJob(TestJob()).value());
    snapshot.candidate = tasks.candidate.id;
    snapshot.task = tasks.linearize.id;
    snapshot.attempt = 1;
    snapshot.report = {.budget = 500,
                       .artifact = {Sha256Hex("snapshot"), 9},
                       .relus = 510,
                       .epoch = 3,
                       .device_seconds = 2.5};
    ASSERT_TRUE(t.InsertSnapshot(snapshot).ok());
    const std::vector<SnapshotRow> read = t.ListSnapshots(tasks.candidate.id).value();
    ASSERT_THAT(read, SizeIs(1));
    EXPECT_EQ(read[0].report, snapshot.report);
    EXPECT_EQ(read[0].task, tasks.linearize.id);
    result = TestResult(tasks.fine_tunes[0], 500, 0.5);
    EXPECT_TRUE(t.InsertResult(result).ok());
  });
  EXPECT_EQ(store_->Transact([&](Transaction& t) { return t.InsertSnapshot(snapshot); }).code(),
            absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(
      store_->Transact([&](Transaction& t) { return t.InsertResult(result).status(); }).code(),
      absl::StatusCode::kAlreadyExists);
}

TEST_F(StoreTest, UploadsAreKeptForACandidateOrForTheirTime) {
  const ArtifactRef named{Sha256Hex("named"), 3};
  const ArtifactRef alone{Sha256Hex("alone"), 4};
  Do([&](Transaction& t) {
    for (const ArtifactRef& upload : {named, alone}) {
      ASSERT_TRUE(t.PutUpload(upload, TimeFromUnixMs(1000)).ok());
    }
    CandidateRow candidate = TestCandidate(t.InsertJob(TestJob()).value());
    candidate.pretrained_file = "teacher.safetensors";
    candidate.pretrained = named;
    const CandidateId id = t.InsertCandidate(candidate).value();
    EXPECT_EQ(t.GetCandidate(id)->pretrained, named);
    EXPECT_EQ(t.GetCandidate(id)->pretrained_file, "teacher.safetensors");
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(1000)).value(), IsEmpty());
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(1001)).value(), ElementsAre(alone));
    // Sent again: its time begins anew.
    ASSERT_TRUE(t.PutUpload(alone, TimeFromUnixMs(2000)).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(1001)).value(), IsEmpty());
    ASSERT_TRUE(t.ForgetArtifact(alone).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(9000)).value(), IsEmpty());
  });
}

TEST_F(StoreTest, ReplacedCheckpointsAreUnused) {
  Do([](Transaction& t) {
    const TestTasks tasks = InsertTestTasks(t, t.InsertJob(TestJob()).value());
    TaskRow task = tasks.pretrain;
    const ArtifactRef first{Sha256Hex("first"), 1};
    const ArtifactRef second{Sha256Hex("second"), 2};
    task.checkpoint = first;
    ASSERT_TRUE(t.UpdateTask(task).ok());
    TaskRow other = tasks.linearize;
    other.weights = first;
    ASSERT_TRUE(t.UpdateTask(other).ok());
    task.checkpoint = second;
    ASSERT_TRUE(t.UpdateTask(task).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(Time()).value(), IsEmpty()) << "another task refers to it";
    other.weights = {};
    ASSERT_TRUE(t.UpdateTask(other).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(Time()).value(), ElementsAre(first));
    ASSERT_TRUE(t.ForgetArtifact(first).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(Time()).value(), IsEmpty());
  });
  EXPECT_FALSE(
      store_->Transact([](Transaction& t) { return t.ForgetArtifact({Sha256Hex("second"), 2}); })
          .ok())
      << "a row refers to it";
}

TEST_F(StoreTest, NextTaskIsOldestJobLaterStageOwnCandidate) {
  Do([](Transaction& t) {
    JobRow other_data = TestJob("other data");
    other_data.data.set = "cifar10";
    InsertTestTasks(t, t.InsertJob(other_data).value());
    const JobId first = t.InsertJob(TestJob("first")).value();
    const TestTasks a = InsertTestTasks(t, first, "a");
    const TestTasks b = InsertTestTasks(t, first, "b");
    const JobId second = t.InsertJob(TestJob("second")).value();
    const TestTasks c = InsertTestTasks(t, second, "c");

    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt) << "an unknown worker has no data";
    WorkerRow worker;
    worker.info.id = "w";
    worker.info.incarnation = "1";
    worker.info.data_sets = {"toy"};
    worker.info.data = {Opened(TestJob())};
    worker.connected = true;
    ASSERT_TRUE(t.PutWorker(worker).ok());
    TaskRow mine = b.pretrain;
    mine.worker = "w";
    mine.state = TaskState::kCancelled;
    ASSERT_TRUE(t.UpdateTask(mine).ok());

    const auto expect_next = [&](TaskRow expected) {
      std::optional<TaskRow> next = t.NextQueuedTask("w", kNow).value();
      ASSERT_TRUE(next.has_value());
      EXPECT_EQ(next->id, expected.id);
      next->state = TaskState::kCancelled;
      ASSERT_TRUE(t.UpdateTask(*next).ok());
    };
    for (const TaskRow& expected :
         {b.fine_tunes[0], b.fine_tunes[1], a.fine_tunes[0], a.fine_tunes[1], b.linearize,
          a.linearize, a.pretrain, c.fine_tunes[0], c.fine_tunes[1], c.linearize, c.pretrain}) {
      expect_next(expected);
    }
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt) << "only another data set is left";
  });
}

TEST_F(StoreTest, EndedJobsHandOutNothing) {
  Do([](Transaction& t) {
    JobRow job = TestJob();
    job.id = t.InsertJob(job).value();
    InsertTestTasks(t, job.id);
    WorkerRow worker;
    worker.info.id = "w";
    worker.info.incarnation = "1";
    worker.info.data_sets = {"toy"};
    worker.info.data = {Opened(TestJob())};
    worker.connected = true;
    ASSERT_TRUE(t.PutWorker(worker).ok());
    EXPECT_TRUE(t.NextQueuedTask("w", kNow).value().has_value());
    job.state = JobState::kCancelled;
    ASSERT_TRUE(t.UpdateJob(job).ok());
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt);
  });
}

TEST_F(StoreTest, WorkersRememberTheirIncarnations) {
  Do([](Transaction& t) {
    EXPECT_EQ(t.FindWorker("w").value(), std::nullopt);
    WorkerRow worker;
    worker.info = {.id = "w",
                   .incarnation = "1",
                   .host = "h",
                   .pid = 4,
                   .device = "cpu",
                   .torch_version = "2.13.0",
                   .build_commit = "abc",
                   .data_sets = {"b", "a"},
                   .slots = 2,
                   .data = {Opened(TestJob())},
                   .problem = "its disk is full"};
    worker.first_seen = worker.last_seen = TimeFromUnixMs(5);
    ASSERT_TRUE(t.PutWorker(worker).ok());
    worker.info.incarnation = "2";
    worker.info.data_sets = {"c"};
    worker.first_seen = TimeFromUnixMs(100);
    worker.last_seen = TimeFromUnixMs(9);
    ASSERT_TRUE(t.PutWorker(worker).ok());
    const WorkerRow read = t.FindWorker("w").value().value();
    EXPECT_EQ(read.info.incarnation, "2");
    EXPECT_EQ(read.info.pid, 4);
    EXPECT_EQ(read.info.slots, 2);
    EXPECT_THAT(read.info.data, ElementsAre(Opened(TestJob())));
    EXPECT_EQ(read.info.problem, "its disk is full");
    EXPECT_THAT(read.info.data_sets, ElementsAre("c"));
    EXPECT_EQ(read.first_seen, TimeFromUnixMs(5));
    EXPECT_EQ(read.last_seen, TimeFromUnixMs(9));
    EXPECT_TRUE(t.KnowsIncarnation("w", "1").value());
    EXPECT_TRUE(t.KnowsIncarnation("w", "2").value());
    EXPECT_FALSE(t.KnowsIncarnation("w", "3").value());
  });
}

// Two Workers, "w" that says `state` of the images of a Job and "other" that may work on it.
void PutTwoWorkers(Transaction& t, const DataState& state) {
  WorkerRow worker;
  worker.info.id = "other";
  worker.info.incarnation = "1";
  worker.info.data_sets = {"toy"};
  worker.info.data = {Opened(TestJob())};
  worker.connected = true;
  ASSERT_TRUE(t.PutWorker(worker).ok());
  worker.info.id = "w";
  worker.info.data = {state};
  ASSERT_TRUE(t.PutWorker(worker).ok());
}

TEST_F(StoreTest, WhoeverCannotUseTheImagesGetsNoTask) {
  Do([](Transaction& t) {
    JobRow job = TestJob();
    job.id = t.InsertJob(job).value();
    const TestTasks tasks = InsertTestTasks(t, job.id);
    DataState state = Opened(job);
    state.data_hash = state.split_hash = "";
    state.problem = "there is no folder";
    PutTwoWorkers(t, state);
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt);
    EXPECT_THAT(t.ObstacleOf("w", job.id).value(), HasSubstr("toy: there is no folder"));
    EXPECT_EQ(t.ObstacleOf("other", job.id).value(), "");
    EXPECT_TRUE(t.NextQueuedTask("other", kNow).value().has_value());
    EXPECT_THAT(t.ListWantedData("w", 8).value(), ElementsAre(state.request));
    EXPECT_THAT(t.ListWantedData("other", 8).value(), IsEmpty());

    // Another copy: none of both while nobody has said which counts.
    state = Opened(job);
    state.data_hash = "changed";
    PutTwoWorkers(t, state);
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt);
    EXPECT_EQ(t.NextQueuedTask("other", kNow).value(), std::nullopt);
    EXPECT_THAT(t.ObstacleOf("other", job.id).value(), HasSubstr("others have another"));
    EXPECT_EQ(t.ListDataCopies(job.id).value(),
              (std::vector<DataCopy>{{"changed", {"w"}, 0}, {"data", {"other"}, 0}}));
    job.chosen_data_hash = "data";
    ASSERT_TRUE(t.UpdateJob(job).ok());
    EXPECT_EQ(t.GetJob(job.id)->chosen_data_hash, "data");
    EXPECT_THAT(t.ObstacleOf("w", job.id).value(), HasSubstr("the job goes by data"));
    EXPECT_TRUE(t.NextQueuedTask("other", kNow).value().has_value());

    // And what was trained on counts as a copy even when nobody has it.
    job.chosen_data_hash = "";
    ASSERT_TRUE(t.UpdateJob(job).ok());
    PutTwoWorkers(t, Opened(job));
    EXPECT_TRUE(t.NextQueuedTask("w", kNow).value().has_value());
    CandidateRow candidate = t.GetCandidate(tasks.pretrain.candidate).value();
    candidate.data_hash = "older";
    candidate.split_hash = "split";
    ASSERT_TRUE(t.UpdateCandidate(candidate).ok());
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt);
    ASSERT_TRUE(t.ForgetFindings(candidate.id).ok());
    EXPECT_TRUE(t.NextQueuedTask("w", kNow).value().has_value());
  });
}

TEST_F(StoreTest, ATaskGoesToAWorkerThatHasNotLostIt) {
  Do([](Transaction& t) {
    JobRow job = TestJob();
    job.id = t.InsertJob(job).value();
    const TestTasks tasks = InsertTestTasks(t, job.id);
    for (TaskRow task : {tasks.linearize, tasks.fine_tunes[0], tasks.fine_tunes[1]}) {
      task.state = TaskState::kCancelled;
      ASSERT_TRUE(t.UpdateTask(task).ok());
    }
    PutTwoWorkers(t, Opened(job));
    const TaskId task = tasks.pretrain.id;
    ASSERT_TRUE(t.PutLostAttempt({task, 1, "w", false, "sha", kNow, "it failed"}).ok());
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt);
    EXPECT_EQ(t.NextQueuedTask("other", kNow).value()->id, task);
    EXPECT_TRUE(t.OthersMayTake(task, "w").value());
    EXPECT_FALSE(t.OthersMayTake(task, "other").value()) << "w has lost it";
    EXPECT_EQ(t.ListLostAttempts(task).value().at(0).artifact, "sha");
    ASSERT_TRUE(t.PutLostAttempt({task, 2, "other", false, "", kNow, "it failed"}).ok());
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value()->id, task) << "all have lost it";
    ASSERT_TRUE(t.ForgetLostAttempts(task, 2).ok());
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt);
    ASSERT_TRUE(t.BeginSession(kNow).ok());
    EXPECT_THAT(t.ObstacleOf("other", job.id).value(), HasSubstr("not connected"));

    TaskRow paused = t.GetTask(task).value();
    paused.not_before = kNow + Milliseconds(5);
    ASSERT_TRUE(t.UpdateTask(paused).ok());
    PutTwoWorkers(t, Opened(job));
    EXPECT_EQ(t.NextQueuedTask("other", kNow).value(), std::nullopt);
    EXPECT_EQ(t.NextQueuedTask("other", kNow + Milliseconds(5)).value()->id, task);
    ASSERT_TRUE(t.BeginSession(kNow).ok());
    PutTwoWorkers(t, Opened(job));
    EXPECT_EQ(t.NextQueuedTask("other", kNow).value()->id, task) << "a pause is of one session";
  });
}

TEST_F(StoreTest, WhatIsThrownRollsBack) {
  EXPECT_THROW(store_
                   ->Transact([](Transaction& t) -> absl::Status {
                     EXPECT_TRUE(t.InsertJob(TestJob()).ok());
                     throw std::runtime_error("neither a status nor SQLite's");
                   })
                   .IgnoreError(),
               std::runtime_error);
  Do([](Transaction& t) { EXPECT_EQ(t.CountJobs().value(), 0); });
}

TEST_F(StoreTest, MeasurementBelongsToItsAttempt) {
  Do([](Transaction& t) {
    const TaskId task = InsertTestTasks(t, t.InsertJob(TestJob()).value()).pretrain.id;
    ASSERT_TRUE(t.PutMeasurement(task, 1, TestMeasurement()).ok());
    EXPECT_EQ(t.GetMeasurement(task, 1).value(), TestMeasurement());
    EXPECT_EQ(t.GetMeasurement(task, 2).status().code(), absl::StatusCode::kNotFound);
    Measurement other = TestMeasurement();
    other.device = "gpu";
    ASSERT_TRUE(t.PutMeasurement(task, 2, other).ok());
    EXPECT_EQ(t.GetMeasurement(task, 2).value(), other);
  });
}

TEST_F(StoreTest, PricesKnowTheirVersion) {
  Do([](Transaction& t) {
    const TestTasks tasks = InsertTestTasks(t, t.InsertJob(TestJob()).value());
    const ResultId first = t.InsertResult(TestResult(tasks.fine_tunes[0], 500, 0.5)).value();
    const ResultId second = t.InsertResult(TestResult(tasks.fine_tunes[1], 90, 0.4)).value();
    ASSERT_TRUE(t.PutLatency(first, {"m", "1", 2.0}).ok());
    ASSERT_TRUE(t.PutLatency(first, {"n", "1", 3.0}).ok());
    ASSERT_TRUE(t.PutLatency(first, {"m", "2", 2.5}).ok());
    const std::vector<PricedResult> results = t.ListPricedResults().value();
    ASSERT_THAT(results, SizeIs(2));
    EXPECT_EQ(results[0].id, first);
    EXPECT_EQ(results[0].network, "text of net");
    EXPECT_EQ(results[0].relus, 500);
    EXPECT_EQ(results[0].versions, (std::map<std::string, std::string>{{"m", "2"}, {"n", "1"}}));
    EXPECT_EQ(results[1].id, second);
    EXPECT_THAT(results[1].versions, IsEmpty());
  });
}

}  // namespace
}  // namespace reluscape
