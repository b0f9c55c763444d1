// A database of an older version keeps all its rows, takes on the new columns and views, and is
// written to like a new one.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "storage/migrations.h"
#include "storage/result_reader.h"
#include "storage/store_test_util.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// What a coordinator of version 1 left: a Job that has ended, with one Result, and one that waits.
void MakeVersion1(const std::filesystem::path& path) {
  SQLite::Database db(path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
  db.exec("PRAGMA journal_mode = WAL");
  db.exec("PRAGMA foreign_keys = ON");
  db.exec("PRAGMA application_id = 1380273237");  // "RELU"
  db.exec(Migrations().at(0).sql);
  db.exec("PRAGMA user_version = 1");
  const std::string weights = Sha256Hex("weights");
  const std::string final_weights = Sha256Hex("final");
  db.exec(absl::StrCat(
      "INSERT INTO facts VALUES ('artifact_folder_id', 'folder');"
      "INSERT INTO jobs VALUES (1, 'old', NULL, 'FINISHED', '",
      Sha256Hex("recipe"),
      "', 'toy', 10, 32, 0, 0, 0, 3, 7, 8, '{}', 1000, 2000, NULL),"
      " (2, 'waiting', 'r', 'RUNNING', '",
      Sha256Hex("recipe"),
      "', 'toy', 10, 32, 0, 0, 0, 3, 7, 8, '{}', 1500, NULL, NULL);"
      "INSERT INTO job_objectives VALUES (1, 0, 'relus'), (2, 0, 'relus');"
      "INSERT INTO candidates VALUES (1, 1, 'net', 'text', 'hash', 0, 1000, 1200, 50, 60, 'data',"
      " 'split'), (2, 2, 'net', 'text', 'hash', 0, 1000, 1200, 50, 60, NULL, NULL);"
      "INSERT INTO candidate_budgets VALUES (1, 500), (2, 500);"
      "INSERT INTO artifacts VALUES ('",
      weights, "', 10), ('", final_weights,
      "', 20);"
      "INSERT INTO tasks (task_id, job_id, candidate_id, stage, budget, seed, state, attempt,"
      " weights_sha256) VALUES (1, 1, 1, 'pretrain', 0, 11, 'SUCCEEDED', 1, '",
      weights,
      "'), (2, 1, 1, 'linearize', 0, 12, 'SUCCEEDED', 1, NULL),"
      " (3, 1, 1, 'fine-tune', 500, 13, 'SUCCEEDED', 1, NULL),"
      " (4, 2, 2, 'pretrain', 0, 11, 'QUEUED', 0, NULL);"
      "INSERT INTO stage_progress VALUES (1, 0, 1, 1100, 2.0, 0.5, 0.25, 0.1, NULL, 1000, 1.0);"
      "INSERT INTO measurements VALUES (3, 1, 'abc', '2.13', 'cpu', 'float32', 1, 'data', 'split',"
      " 100, 10, 20);"
      "INSERT INTO results VALUES (1, 1, 1, 3, 500, 500, 0.5, 0.25, 0.75, '",
      final_weights,
      "', 'data', 'split', 1, 2, 3, 'w', 1, 1900);"
      "INSERT INTO result_layers VALUES (1, 0, 'relu', 1000, 500);"
      "INSERT INTO result_latencies VALUES (1, 'delphi_online', '1', 0.5);"
      "INSERT INTO sealed_test_accuracy VALUES (1, 0.125);"
      "INSERT INTO events VALUES (1, 1000, 'job.submitted', 1, NULL, NULL, NULL, '', 'old');"));
}

TEST(MigrationTest, Version1KeepsItsRowsAndTakesOnTheNewColumns) {
  const TestFolder folder;
  MakeVersion1(folder / "a.db");
  EXPECT_THAT(std::string(ResultReader::Open(folder / "a.db").status().message()),
              HasSubstr("start its coordinator once to bring it up to date"));
  auto store = Store::Open(folder / "a.db");
  ASSERT_TRUE(store.ok()) << store.status();

  auto reader = ResultReader::Open(folder / "a.db").value();
  const JobDetailView old = reader->GetJob(JobId{1}).value();
  EXPECT_EQ(old.job.kind, JobKind::kSearch);
  EXPECT_EQ(old.job.name, "old");
  ASSERT_THAT(old.candidates, SizeIs(1));
  EXPECT_EQ(old.candidates[0].role, CandidateRole::kSearch);
  EXPECT_EQ(old.candidates[0].origin, "");
  EXPECT_FALSE(old.candidates[0].teacher);
  EXPECT_THAT(old.candidates[0].tasks, SizeIs(3));
  EXPECT_THAT(old.criticality, IsEmpty());
  const FrontView front = reader->GetFront(JobId{1}).value();
  ASSERT_THAT(front.results, SizeIs(1));
  const ResultView& result = front.results[0];
  EXPECT_TRUE(result.on_front);
  EXPECT_EQ(result.accuracy_validation, 0.75);
  EXPECT_EQ(result.seed_pretrain, 11u);
  EXPECT_EQ(result.seed_linearize, 12u);
  EXPECT_EQ(result.seed_fine_tune, 13u);
  EXPECT_EQ(result.latency.at("delphi_online"), 0.5);
  EXPECT_EQ(result.layers, (std::vector<LayerRelus>{{"relu", 1000, 500}}));
  EXPECT_EQ(reader->ListEvents(JobId{}, 0, 10).value().size(), 1u);

  // The SQL views say the same.
  SQLite::Database db((folder / "a.db").string(), SQLite::OPEN_READONLY);
  EXPECT_EQ(db.execAndGet("PRAGMA user_version").getInt(), static_cast<int>(Migrations().size()));
  EXPECT_STREQ(db.execAndGet("SELECT kind FROM jobs_v WHERE job = 1").getText(), "search");
  EXPECT_STREQ(db.execAndGet("SELECT role FROM candidates_v WHERE candidate = 1").getText(),
               "search");
  EXPECT_STREQ(db.execAndGet("SELECT origin FROM front_v").getText(), "");
  EXPECT_EQ(db.execAndGet("SELECT seed_fine_tune FROM results_v").getInt(), 13);
  EXPECT_EQ(db.execAndGet("SELECT count(*) FROM criticality_v").getInt(), 0);
  EXPECT_EQ(result.polynomials, 0);
  EXPECT_EQ(db.execAndGet("SELECT polynomials FROM results_v").getInt(), 0);
  EXPECT_EQ(db.execAndGet("SELECT polynomials FROM front_v").getInt(), 0);
  EXPECT_EQ(db.execAndGet("SELECT count(*) FROM pragma_foreign_key_check").getInt(), 0);
}

// Views may change without a new version of the schema.
TEST(MigrationTest, ViewsAreMadeAnewAtEachStart) {
  const TestFolder folder;
  ASSERT_TRUE(Store::Open(folder / "a.db").ok());
  const auto count = [&](const std::string& name) {
    const SQLite::Database db((folder / "a.db").string());
    SQLite::Statement row(db,
                          "SELECT count(*) FROM sqlite_master WHERE type = 'view' AND sql LIKE ?");
    row.bind(1, name);
    row.executeStep();
    return row.getColumn(0).getInt();
  };
  const int views = count("%");
  EXPECT_GT(views, 10);
  SQLite::Database((folder / "a.db").string(), SQLite::OPEN_READWRITE)
      .exec(
          "DROP VIEW jobs_v; CREATE VIEW jobs_v AS SELECT 1 AS older;"
          "CREATE VIEW mine AS SELECT 'a user''s own' AS text");
  EXPECT_EQ(count("%older%"), 1);
  ASSERT_TRUE(Store::Open(folder / "a.db").ok());
  EXPECT_EQ(count("%older%"), 0);
  EXPECT_EQ(count("%"), views + 1) << "a user's own stays";
}

TEST(MigrationTest, Version1IsWrittenToLikeANewDatabase) {
  const TestFolder folder;
  MakeVersion1(folder / "a.db");
  auto store = Store::Open(folder / "a.db").value();
  const absl::Status written = store->Transact([](Transaction& t) -> absl::Status {
    WorkerRow worker;
    worker.info.id = "w";
    worker.info.incarnation = "i";
    worker.info.data_sets = {"toy"};
    worker.info.data = {Opened(t.GetJob(JobId{2}).value())};
    worker.connected = true;
    EXPECT_TRUE(t.PutWorker(worker).ok());
    // The Job that waited goes on.
    const auto next = t.NextQueuedTask("w", TimeFromUnixMs(0)).value();
    EXPECT_TRUE(next.has_value());
    EXPECT_EQ(next->id, TaskId{4});
    EXPECT_EQ(t.GetJob(JobId{2}).value().kind, JobKind::kSearch);

    JobRow job = TestJob();
    job.kind = JobKind::kCriticality;
    job.criticality = {0.5, CriticalityBaseline::kNone};
    job.id = t.InsertJob(job).value();
    EXPECT_EQ(job.id, JobId{3});
    EXPECT_EQ(t.GetJob(job.id).value().criticality, job.criticality);
    CandidateRow full = TestCandidate(job.id);
    full.role = CandidateRole::kTeacher;
    full.budgets.clear();
    full.id = t.InsertCandidate(full).value();
    CandidateRow stage = TestCandidate(job.id, "stage");
    stage.role = CandidateRole::kStage;
    stage.measured_stage = 1;
    stage.teacher = full.id;
    stage.origin = "somewhere";
    stage.id = t.InsertCandidate(stage).value();
    const CandidateRow read = t.GetCandidate(stage.id).value();
    EXPECT_EQ(read.role, CandidateRole::kStage);
    EXPECT_EQ(read.measured_stage, 1);
    EXPECT_EQ(read.teacher, full.id);
    EXPECT_EQ(read.origin, "somewhere");
    EXPECT_EQ(t.ListStudents(full.id).value(), std::vector<CandidateId>{stage.id});
    const std::vector<StageCriticality> scores = {{1, 1000, 0.5, 0.4, 0.6, 2, 0.25, 1}};
    EXPECT_TRUE(t.InsertCriticality(full.id, scores).ok());
    const std::vector<CriticalityView> views = t.ListCriticality(job.id).value();
    EXPECT_EQ(views.at(0).stages, scores);
    EXPECT_EQ(views.at(0).settings, job.criticality);
    return absl::OkStatus();
  });
  EXPECT_TRUE(written.ok()) << written;
  const absl::Status again = store->Transact([](Transaction& t) {
    return t.InsertCriticality(CandidateId{3}, {{1, 1, 0, 0, 0, 1, 0, 1}});
  });
  EXPECT_EQ(again.code(), absl::StatusCode::kAlreadyExists);
}

}  // namespace
}  // namespace reluscape
