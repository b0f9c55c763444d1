#include "storage/store.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include "search/vocabulary/messages.h"
#include "storage/migrations.h"
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

TEST_F(StoreTest, JobIsReadBackAsWritten) {
  JobRow job = TestJob();
  job.request_id = "r1";
  job.spec = BareFromJson<v1::JobSpec>(R"({
      "data": {"set": "cifar10", "classes": 10, "side": 32, "train_images": 5000,
               "validation_images": 500, "test_images": 1000},
      "candidates": {"networks": ["resnet18@8"]},
      "budgets": {"fractions": [0.1234567890123456]},
      "objectives": ["papers.online_s", "relus"],
      "seed": 9007199254740991,
      "stages": {
        "pretrain": {"learning_rate": 0.1234567890123456, "weight_decay": 1e-7,
                     "schedule": "one_cycle"},
        "linearize": {"method": "layer_uniform", "clamp_masks": true,
                      "layer_shares": [0.1, 0.6666666666666666, 0]},
        "fine_tune": {"schedule": "steps", "step_epochs": [1, 2, 30]},
        "precision": "bfloat16"}})");
  FillJobDefaults(job.spec);
  Do([&](Transaction& t) {
    job.id = t.InsertJob(job).value();
    job.state = JobState::kFailed;
    job.finished_at = TimeFromUnixMs(5);
    job.unsealed_at = TimeFromUnixMs(6);
    job.spec.mutable_budgets()->add_relus(17);
    ASSERT_TRUE(t.UpdateJob(job).ok());
  });
  Do([&](Transaction& t) {
    const JobRow read = t.GetJob(job.id).value();
    EXPECT_EQ(read.request_id, "r1");
    EXPECT_EQ(read.state, JobState::kFailed);
    EXPECT_EQ(read.recipe, job.recipe);
    EXPECT_EQ(read.spec, job.spec);
    EXPECT_EQ(read.split_seed, job.split_seed);
    EXPECT_EQ(read.created_at, job.created_at);
    EXPECT_EQ(read.finished_at, job.finished_at);
    EXPECT_EQ(read.unsealed_at, job.unsealed_at);
    EXPECT_EQ(t.FindJobByRequest("r1").value(), job.id);
    EXPECT_EQ(t.FindJobByRequest("r2").value(), std::nullopt);
    EXPECT_EQ(t.GetJob(JobId{99}).status().code(), absl::StatusCode::kNotFound);
  });
}

// Also one that has no Front and not all Stages.
TEST_F(StoreTest, JobOfKindCriticalityIsReadBackAsWritten) {
  JobRow job = TestJob();
  job.spec.set_kind(v1::JobSpec::CRITICALITY);
  job.spec.mutable_criticality();
  FillJobDefaults(job.spec);
  EXPECT_FALSE(job.spec.stages().has_linearize());
  Do([&](Transaction& t) {
    job.id = t.InsertJob(job).value();
    EXPECT_EQ(t.GetJob(job.id).value().spec, job.spec);
  });
}

// The row of a version that did not know a setting, and one that no version wrote.
TEST(StoreFileTest, SettingsThatAJobLacksTakeTheirDefaultAndUnreadableOnesAreNamed) {
  const TestFolder folder;
  auto store = Store::Open(folder / "a.db").value();
  const auto read = [&](const std::string& change) {
    absl::StatusOr<JobRow> job;
    const absl::Status status = store->Transact([&](Transaction& t) -> absl::Status {
      const JobId id = t.InsertJob(TestJob()).value();
      return id.value > 0 ? absl::OkStatus() : absl::InternalError("");
    });
    EXPECT_TRUE(status.ok()) << status;
    SQLite::Database((folder / "a.db").string(), SQLite::OPEN_READWRITE)
        .exec(absl::StrCat("UPDATE jobs SET spec = ", change));
    EXPECT_TRUE(store
                    ->Transact([&](Transaction& t) {
                      job = t.GetJob(JobId{t.CountJobs().value()});
                      return absl::OkStatus();
                    })
                    .ok());
    return job;
  };
  const auto older = read("json_remove(spec, '$.stages.linearize.lambda', '$.limits')");
  ASSERT_TRUE(older.ok()) << older.status();
  EXPECT_EQ(older->spec, TestJob().spec);
  const auto broken = read("json_set(spec, '$.stages.pretrain.epochs', 'many')");
  EXPECT_EQ(broken.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(Message(broken.status()),
              HasSubstr("job 2, column spec: stages.pretrain.epochs: found \"many\""));
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
    task.checkpoint = MakeArtifact(Sha256Hex("checkpoint"), 123);
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
    EXPECT_FALSE(IsSet(read.weights));
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

v1::Epoch Epoch(int64_t epoch, double loss) {
  v1::Epoch made = FromJson<v1::Epoch>(R"({"train_accuracy": 0.5, "validation_accuracy": 0.4,
                                           "learning_rate": 0.1, "relus": 10, "seconds": 1})");
  made.set_epoch(epoch);
  made.set_loss(loss);
  return made;
}

TEST_F(StoreTest, EpochsAreStoredOnceAndANewerAttemptReplacesFromItsFirstOn) {
  Do([](Transaction& t) {
    const TaskId task = InsertTestTasks(t, t.InsertJob(TestJob()).value()).pretrain.id;
    const auto store = [&](int64_t attempt, const std::vector<v1::Epoch>& epochs) {
      std::vector<int64_t> numbers;
      const std::vector<v1::Epoch> stored =
          t.StoreEpochs(task, attempt, TimeFromUnixMs(1), epochs).value();
      for (const v1::Epoch& e : stored) numbers.push_back(e.epoch());
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
    snapshot.report = FromJson<v1::Snapshot>(
        R"({"budget": 500, "relus": 510, "epoch": 3, "device_seconds": 2.5})");
    *snapshot.report.mutable_artifact() = MakeArtifact(Sha256Hex("snapshot"), 9);
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
  const v1::Artifact named = MakeArtifact(Sha256Hex("named"), 3);
  const v1::Artifact alone = MakeArtifact(Sha256Hex("alone"), 4);
  Do([&](Transaction& t) {
    for (const v1::Artifact& upload : {named, alone}) {
      ASSERT_TRUE(t.PutUpload(upload, TimeFromUnixMs(1000)).ok());
    }
    CandidateRow candidate = TestCandidate(t.InsertJob(TestJob()).value());
    candidate.pretrained_file = "teacher.safetensors";
    candidate.pretrained = named;
    const CandidateId id = t.InsertCandidate(candidate).value();
    EXPECT_EQ(t.GetCandidate(id)->pretrained, named);
    EXPECT_EQ(t.GetCandidate(id)->pretrained_file, "teacher.safetensors");
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(1000), 10).value(), IsEmpty());
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(1001), 10).value(), ElementsAre(alone));
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(1001), 0).value(), IsEmpty());
    EXPECT_TRUE(t.IsUnused(alone, TimeFromUnixMs(1001)).value());
    EXPECT_FALSE(t.IsUnused(alone, TimeFromUnixMs(1000)).value());
    EXPECT_FALSE(t.IsUnused(named, TimeFromUnixMs(1001)).value());
    EXPECT_TRUE(t.KnowsArtifact(alone.sha256()).value());
    // Sent again: its time begins anew.
    ASSERT_TRUE(t.PutUpload(alone, TimeFromUnixMs(2000)).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(1001), 10).value(), IsEmpty());
    ASSERT_TRUE(t.ForgetArtifact(alone).ok());
    EXPECT_FALSE(t.KnowsArtifact(alone.sha256()).value());
    EXPECT_THAT(t.ListUnusedArtifacts(TimeFromUnixMs(9000), 10).value(), IsEmpty());
  });
}

// A row in every table that has rows of Jobs.
void FillTables(Transaction& t, JobId job) {
  const TestTasks tasks = InsertTestTasks(t, job);
  CandidateRow student = TestCandidate(job, "student");
  student.teacher = tasks.candidate.id;
  ASSERT_TRUE(t.InsertCandidate(student).ok());
  TaskRow linearize = tasks.linearize;
  linearize.checkpoint = MakeArtifact(Sha256Hex("checkpoint"), 1);
  ASSERT_TRUE(t.UpdateTask(linearize).ok());
  ASSERT_TRUE(t.StoreEpochs(linearize.id, 1, kNow, {v1::Epoch()}).ok());
  ASSERT_TRUE(t.PutProvenance(linearize.id, 1, TestProvenance()).ok());
  ASSERT_TRUE(t.PutLostAttempt({linearize.id, 1, "w", false, "", kNow, "it failed"}).ok());
  SnapshotRow snapshot;
  snapshot.candidate = tasks.candidate.id;
  snapshot.task = linearize.id;
  snapshot.report.set_budget(500);
  *snapshot.report.mutable_artifact() = MakeArtifact(Sha256Hex("snapshot"), 2);
  ASSERT_TRUE(t.InsertSnapshot(snapshot).ok());
  const ResultId result = t.InsertResult(TestResult(tasks.fine_tunes[0], 500, 0.5)).value();
  ASSERT_TRUE(t.PutCosts(result, "set", {TestCost("toy.online_s@wan", 2.0)}).ok());
  ASSERT_TRUE(t.PutHypervolume({.result = result, .hypervolume = 0.5, .gain = 0.5}).ok());
  v1::SectionCriticality section;
  section.set_section(1);
  section.set_rank(1);
  ASSERT_TRUE(t.InsertCriticality(tasks.candidate.id, {section}).ok());
  EventRow event;
  event.kind = "result";
  event.job = job;
  event.result = result;
  ASSERT_TRUE(t.AppendEvent(event).ok());
}

TEST(StoreFileTest, ADeletedJobLeavesNoRowInAnyTable) {
  const TestFolder folder;
  const std::filesystem::path path = folder / "a.db";
  const auto store = Store::Open(path).value();
  const auto rows = [&] {
    const SQLite::Database db(path.string());
    std::map<std::string, int64_t> counts;
    SQLite::Statement tables(db, "SELECT name FROM sqlite_master WHERE type = 'table'");
    while (tables.executeStep()) {
      const std::string name = tables.getColumn(0).getString();
      SQLite::Statement count(db, "SELECT count(*) FROM " + name);
      count.executeStep();
      counts[name] = count.getColumn(0).getInt64();
    }
    return counts;
  };
  JobId job;
  ASSERT_TRUE(store
                  ->Transact([&](Transaction& t) {
                    FillTables(t, t.InsertJob(TestJob("stays")).value());
                    return absl::OkStatus();
                  })
                  .ok());
  const std::map<std::string, int64_t> before = rows();
  const std::set<std::string> without_jobs = {
      "facts", "uploads", "workers", "worker_incarnations", "worker_data_sets", "worker_data"};
  for (const auto& [table, count] : before) {
    EXPECT_EQ(count == 0, without_jobs.contains(table))
        << table << ": FillTables must fill every table that has rows of jobs";
  }
  const auto deleted = store->Transact([&](Transaction& t) {
    job = t.InsertJob(TestJob("goes")).value();
    FillTables(t, job);
    return t.DeleteJob(job);
  });
  ASSERT_TRUE(deleted.ok()) << deleted;
  auto after = rows();
  // Its files are known until they have been removed.
  EXPECT_EQ(after["artifacts"], before.at("artifacts") + 1) << "the others are shared";
  after["artifacts"] = before.at("artifacts");
  EXPECT_EQ(after, before);
  EXPECT_EQ(store->Transact([&](Transaction& t) { return t.DeleteJob(job); }).code(),
            absl::StatusCode::kNotFound);
}

TEST_F(StoreTest, ReplacedCheckpointsAreUnused) {
  Do([](Transaction& t) {
    const TestTasks tasks = InsertTestTasks(t, t.InsertJob(TestJob()).value());
    TaskRow task = tasks.pretrain;
    const v1::Artifact first = MakeArtifact(Sha256Hex("first"), 1);
    const v1::Artifact second = MakeArtifact(Sha256Hex("second"), 2);
    task.checkpoint = first;
    ASSERT_TRUE(t.UpdateTask(task).ok());
    TaskRow other = tasks.linearize;
    other.weights = first;
    ASSERT_TRUE(t.UpdateTask(other).ok());
    task.checkpoint = second;
    ASSERT_TRUE(t.UpdateTask(task).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(Time(), 10).value(), IsEmpty())
        << "another task refers to it";
    other.weights = {};
    ASSERT_TRUE(t.UpdateTask(other).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(Time(), 10).value(), ElementsAre(first));
    ASSERT_TRUE(t.ForgetArtifact(first).ok());
    EXPECT_THAT(t.ListUnusedArtifacts(Time(), 10).value(), IsEmpty());
  });
  EXPECT_FALSE(store_
                   ->Transact([](Transaction& t) {
                     return t.ForgetArtifact(MakeArtifact(Sha256Hex("second"), 2));
                   })
                   .ok())
      << "a row refers to it";
}

TEST_F(StoreTest, NextTaskIsOldestJobLaterStageOwnCandidate) {
  Do([](Transaction& t) {
    JobRow other_data = TestJob("other data");
    other_data.spec.mutable_data()->set_set("cifar10");
    InsertTestTasks(t, t.InsertJob(other_data).value());
    const JobId first = t.InsertJob(TestJob("first")).value();
    const TestTasks a = InsertTestTasks(t, first, "a");
    const TestTasks b = InsertTestTasks(t, first, "b");
    const TestTasks d = InsertTestTasks(t, first, "d", /*more_macs=*/1);
    const JobId second = t.InsertJob(TestJob("second")).value();
    const TestTasks c = InsertTestTasks(t, second, "c");

    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt) << "an unknown worker has no data";
    WorkerRow worker;
    worker.info.set_id("w");
    worker.info.set_incarnation("1");
    SetList(worker.info.mutable_data_sets(), {"toy"});
    SetList(worker.info.mutable_data(), {Opened(TestJob())});
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
         {d.linearize, b.linearize, a.linearize, d.fine_tunes[0], d.fine_tunes[1], b.fine_tunes[0],
          b.fine_tunes[1], a.fine_tunes[0], a.fine_tunes[1], d.pretrain, a.pretrain, c.linearize,
          c.fine_tunes[0], c.fine_tunes[1], c.pretrain}) {
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
    worker.info.set_id("w");
    worker.info.set_incarnation("1");
    SetList(worker.info.mutable_data_sets(), {"toy"});
    SetList(worker.info.mutable_data(), {Opened(TestJob())});
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
    worker.info = FromJson<v1::WorkerInfo>(
        R"({"id": "w", "incarnation": "1", "host": "h", "pid": 4, "device": "cpu",
            "torch_version": "2.13.0", "build_commit": "abc", "data_sets": ["b", "a"],
            "problem": "its disk is full", "fast_precisions": ["tf32", "bfloat16"]})");
    *worker.info.add_data() = Opened(TestJob());
    worker.first_seen = worker.last_seen = TimeFromUnixMs(5);
    ASSERT_TRUE(t.PutWorker(worker).ok());
    worker.info.set_incarnation("2");
    SetList(worker.info.mutable_data_sets(), {"c"});
    worker.first_seen = TimeFromUnixMs(100);
    worker.last_seen = TimeFromUnixMs(9);
    ASSERT_TRUE(t.PutWorker(worker).ok());
    const WorkerRow read = t.FindWorker("w").value().value();
    EXPECT_EQ(read.info.incarnation(), "2");
    EXPECT_EQ(read.info.pid(), 4);
    EXPECT_THAT(read.info.data(), ElementsAre(Opened(TestJob())));
    EXPECT_EQ(read.info.problem(), "its disk is full");
    EXPECT_THAT(read.info.fast_precisions(), ElementsAre("tf32", "bfloat16"));
    EXPECT_THAT(read.info.data_sets(), ElementsAre("c"));
    EXPECT_EQ(read.first_seen, TimeFromUnixMs(5));
    EXPECT_EQ(read.last_seen, TimeFromUnixMs(9));
    EXPECT_TRUE(t.KnowsIncarnation("w", "1").value());
    EXPECT_TRUE(t.KnowsIncarnation("w", "2").value());
    EXPECT_FALSE(t.KnowsIncarnation("w", "3").value());
  });
}

// Two Workers, "w" that says `state` of the images of a Job and "other" that may work on it.
void PutTwoWorkers(Transaction& t, const v1::DataState& state) {
  WorkerRow worker;
  worker.info.set_id("other");
  worker.info.set_incarnation("1");
  SetList(worker.info.mutable_data_sets(), {"toy"});
  SetList(worker.info.mutable_data(), {Opened(TestJob())});
  worker.connected = true;
  ASSERT_TRUE(t.PutWorker(worker).ok());
  worker.info.set_id("w");
  SetList(worker.info.mutable_data(), {state});
  ASSERT_TRUE(t.PutWorker(worker).ok());
}

TEST_F(StoreTest, WhoeverCannotUseTheImagesGetsNoTask) {
  Do([](Transaction& t) {
    JobRow job = TestJob();
    job.id = t.InsertJob(job).value();
    const TestTasks tasks = InsertTestTasks(t, job.id);
    v1::DataState state = Opened(job);
    state.clear_data_hash();
    state.clear_split_hash();
    state.set_problem("there is no folder");
    PutTwoWorkers(t, state);
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt);
    EXPECT_THAT(t.ObstacleOf("w", job.id).value(), HasSubstr("toy: there is no folder"));
    EXPECT_EQ(t.ObstacleOf("other", job.id).value(), "");
    EXPECT_TRUE(t.NextQueuedTask("other", kNow).value().has_value());
    EXPECT_THAT(t.ListWantedData("w", 8).value(), ElementsAre(state.request()));
    EXPECT_THAT(t.ListWantedData("other", 8).value(), IsEmpty());

    // Another copy: none of both while nobody has said which counts.
    state = Opened(job);
    state.set_data_hash("changed");
    PutTwoWorkers(t, state);
    EXPECT_EQ(t.NextQueuedTask("w", kNow).value(), std::nullopt);
    EXPECT_EQ(t.NextQueuedTask("other", kNow).value(), std::nullopt);
    EXPECT_THAT(t.ObstacleOf("other", job.id).value(), HasSubstr("others have another"));
    const std::vector<v1::DataCopy> copies = t.ListDataCopies(job.id).value();
    ASSERT_THAT(copies, SizeIs(2));
    EXPECT_EQ(copies[0].data_hash(), "changed");
    EXPECT_THAT(copies[0].workers(), ElementsAre("w"));
    EXPECT_EQ(copies[1].data_hash(), "data");
    EXPECT_THAT(copies[1].workers(), ElementsAre("other"));
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

TEST_F(StoreTest, ProvenanceBelongsToItsAttempt) {
  Do([](Transaction& t) {
    const TaskId task = InsertTestTasks(t, t.InsertJob(TestJob()).value()).pretrain.id;
    ASSERT_TRUE(t.PutProvenance(task, 1, TestProvenance()).ok());
    EXPECT_EQ(t.GetProvenance(task, 1).value(), TestProvenance());
    EXPECT_EQ(t.GetProvenance(task, 2).status().code(), absl::StatusCode::kNotFound);
    v1::Provenance other = TestProvenance();
    other.set_device("gpu");
    ASSERT_TRUE(t.PutProvenance(task, 2, other).ok());
    EXPECT_EQ(t.GetProvenance(task, 2).value(), other);
  });
}

TEST_F(StoreTest, PricesKnowTheirSet) {
  Do([](Transaction& t) {
    const TestTasks tasks = InsertTestTasks(t, t.InsertJob(TestJob()).value());
    const ResultId first = t.InsertResult(TestResult(tasks.fine_tunes[0], 500, 0.5)).value();
    const ResultId second = t.InsertResult(TestResult(tasks.fine_tunes[1], 90, 0.4)).value();
    ASSERT_TRUE(t.PutCosts(first, "old set", {TestCost("toy.online_s@wan", 2.0)}).ok());
    ASSERT_TRUE(t.PutCosts(first, "new set", {TestCost("toy.online_s@wan", 2.5)}).ok());
    const std::vector<PricedResult> results = t.ListPricedResults().value();
    ASSERT_THAT(results, SizeIs(2));
    EXPECT_EQ(results[0].id, first);
    EXPECT_EQ(results[0].network, "text of net");
    EXPECT_EQ(results[0].price_set, "new set");
    EXPECT_EQ(results[1].id, second);
    EXPECT_EQ(results[1].price_set, "");
  });
}

}  // namespace
}  // namespace reluscape
