#include "storage/result_reader.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <set>

#include "base/random.h"
#include "search/pareto/front.h"
#include "storage/store_test_util.h"
#include "tests/fakes/fake_clock.h"

namespace reluscape {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ResultReaderTest : public ::testing::Test {
 protected:
  ResultReaderTest()
      : store_(Store::Open(folder_ / "a.db").value()),
        reader_(ResultReader::Open(folder_ / "a.db").value()) {}

  void Do(const std::function<void(Transaction&)>& work) {
    const absl::Status status = store_->Transact([&](Transaction& t) {
      work(t);
      return absl::OkStatus();
    });
    ASSERT_TRUE(status.ok()) << status;
  }
  SQLite::Database OpenSql() {
    return SQLite::Database((folder_ / "a.db").string(), SQLite::OPEN_READONLY);
  }

  const TestFolder folder_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<ResultReader> reader_;
};

TEST_F(ResultReaderTest, ResultsKeepTheAccuracyOfEveryClass) {
  Do([&](Transaction& t) {
    const TestTasks tasks = InsertTestTasks(t, t.InsertJob(TestJob()).value());
    ASSERT_TRUE(t.InsertResult(TestResult(tasks.fine_tunes[0], 500, 0.5)).ok());
  });
  SQLite::Database db = OpenSql();
  EXPECT_STREQ(db.execAndGet("SELECT group_concat(class || ' ' || class_name || ' ' || correct || "
                             "'/' || images || ' ' || coalesce(accuracy, 'none'), ', ')"
                             " FROM class_accuracies_v WHERE result = 1")
                   .getText(),
               "0 cat 1/4 0.25, 1 dog 0/0 none");
  EXPECT_EQ(reader_->GetFront(JobId{1}).value().results.at(0).classes,
            (std::vector<ClassAccuracy>{{"cat", 4, 1}, {"dog", 0, 0}}));
}

TEST_F(ResultReaderTest, UnknownIdsAreNamed) {
  for (const absl::Status& status :
       {reader_->GetJob(JobId{7}).status(), reader_->GetFront(JobId{7}).status(),
        reader_->ListEvents(JobId{7}, 0, 10).status(), reader_->ListCurves(JobId{7}).status(),
        reader_->GetCandidate(CandidateId{7}).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr("7"));
  }
  EXPECT_THAT(reader_->ListJobs().value(), IsEmpty());
  EXPECT_THAT(reader_->ListWorkers().value(), IsEmpty());
  EXPECT_THAT(reader_->ListEvents(JobId{}, 0, 10).value(), IsEmpty());
  EXPECT_EQ(reader_->ListEvents(JobId{}, 0, 0).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ResultReaderTest, MissingDatabaseIsNamed) {
  const auto reader = ResultReader::Open(folder_ / "none.db");
  EXPECT_EQ(reader.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(reader.status().message()), HasSubstr("none.db"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "none.db"));
}

TEST_F(ResultReaderTest, ReadsWhileAUnitOfWorkIsOpen) {
  Do([&](Transaction& t) {
    EXPECT_TRUE(t.InsertJob(TestJob()).ok());
    EXPECT_THAT(reader_->ListJobs().value(), IsEmpty()) << "not committed yet";
  });
  EXPECT_THAT(reader_->ListJobs().value(), SizeIs(1));
}

TEST_F(ResultReaderTest, ResultShowsEverythingAndTheTestAccuracyOnlyUnsealed) {
  JobRow job = TestJob();
  CandidateId candidate;
  Do([&](Transaction& t) {
    job.id = t.InsertJob(job).value();
    const TestTasks tasks = InsertTestTasks(t, job.id);
    candidate = tasks.candidate.id;
    ASSERT_TRUE(t.PutMeasurement(tasks.fine_tunes[0].id, 1, TestMeasurement()).ok());
    const ResultId id = t.InsertResult(TestResult(tasks.fine_tunes[0], 450, 0.5)).value();
    ASSERT_TRUE(t.PutLatency(id, {"m", "1", 2.0}).ok());
  });
  const FrontView front = reader_->GetFront(job.id).value();
  ASSERT_THAT(front.results, SizeIs(1));
  const ResultView& r = front.results[0];
  EXPECT_EQ(r.name, "net");
  EXPECT_EQ(r.network, "text of net");
  EXPECT_EQ(r.budget, 500);
  EXPECT_EQ(r.relus, 450);
  EXPECT_EQ(r.relus_with_stem, 650);  // the candidate's stem has 200
  EXPECT_EQ(r.macs, 50'000);
  EXPECT_EQ(r.parameters, 600);
  EXPECT_EQ(r.accuracy_soft, 0.3);
  EXPECT_EQ(r.accuracy_trimmed, 0.2);
  EXPECT_EQ(r.accuracy_validation, 0.5);
  EXPECT_EQ(r.accuracy_test, std::nullopt);
  EXPECT_EQ(r.latency, (std::map<std::string, double>{{"m", 2.0}}));
  EXPECT_TRUE(r.on_front);
  EXPECT_EQ(r.seed_pretrain, 11u);
  EXPECT_EQ(r.seed_split, 8u);
  EXPECT_EQ(r.recipe, Sha256Hex("recipe").substr(0, 12));
  EXPECT_EQ(r.measurement, TestMeasurement());
  EXPECT_EQ(r.seconds_pretrain, 1);
  EXPECT_EQ(r.seconds_linearize, 2);
  EXPECT_EQ(r.seconds_fine_tune, 3);
  EXPECT_EQ(r.worker, "a");
  EXPECT_EQ(r.layers,
            (std::vector<LayerRelus>{{"conv1", 600, 450}, {"conv2", 400, 0, 300, -1.5, 2.25}}));
  EXPECT_EQ(r.polynomials, 300);
  EXPECT_EQ(r.artifact.bytes, 10);
  EXPECT_EQ(reader_->GetCandidate(candidate)->results.at(0).accuracy_test, std::nullopt);

  SQLite::Database sql = OpenSql();
  EXPECT_TRUE(sql.execAndGet("SELECT accuracy_test FROM results_v").isNull());
  EXPECT_EQ(sql.execAndGet("SELECT polynomials FROM front_v").getInt(), 300);
  EXPECT_TRUE(sql.execAndGet("SELECT accuracy_test FROM front_v").isNull());
  EXPECT_STREQ(sql.execAndGet("SELECT latency FROM front_v").getText(), R"({"m":2.0})");
  job.unsealed_at = TimeFromUnixMs(3000);
  Do([&](Transaction& t) { ASSERT_TRUE(t.UpdateJob(job).ok()); });
  EXPECT_EQ(reader_->GetFront(job.id)->results.at(0).accuracy_test, 0.125);
  EXPECT_EQ(sql.execAndGet("SELECT accuracy_test FROM results_v").getDouble(), 0.125);
}

TEST_F(ResultReaderTest, CandidateShowsTasksAndCurves) {
  CandidateId candidate;
  JobId job;
  Do([&](Transaction& t) {
    job = t.InsertJob(TestJob()).value();
    const TestTasks tasks = InsertTestTasks(t, job);
    candidate = tasks.candidate.id;
    std::vector<EpochReport> epochs(2);
    epochs[1].epoch = 1;
    epochs[1].validation_accuracy = 0.75;
    epochs[1].lambda = 0.5;
    ASSERT_TRUE(t.StoreEpochs(tasks.linearize.id, 3, TimeFromUnixMs(9), epochs).ok());
  });
  const CandidateDetailView detail = reader_->GetCandidate(candidate).value();
  EXPECT_THAT(detail.candidate.budgets, ElementsAre(500, 100));
  ASSERT_THAT(detail.candidate.tasks, SizeIs(4));
  EXPECT_EQ(detail.candidate.tasks[0].last_epoch, std::nullopt);
  EXPECT_EQ(detail.candidate.tasks[1].epochs_done, 2);
  EXPECT_EQ(detail.candidate.tasks[1].last_epoch->validation_accuracy, 0.75);
  EXPECT_EQ(detail.candidate.tasks[3].budget, 100);
  ASSERT_THAT(detail.curves, SizeIs(2));
  EXPECT_THAT(reader_->ListCurves(detail.candidate.job).value(), SizeIs(2));
  EXPECT_EQ(detail.curves[1].stage, Stage::kLinearize);
  EXPECT_EQ(detail.curves[1].attempt, 3);
  EXPECT_EQ(detail.curves[0].report.lambda, std::nullopt);
  EXPECT_EQ(detail.curves[1].report.lambda, 0.5);
  EXPECT_THAT(reader_->GetJob(job)->candidates, SizeIs(1));
  SQLite::Database sql = OpenSql();
  EXPECT_EQ(sql.execAndGet("SELECT count(*) FROM learning_curves_v WHERE stage = 'linearize'"
                           " AND budget IS NULL")
                .getInt(),
            2);
}

TEST_F(ResultReaderTest, WorkersSayWhatIsWrongWithThem) {
  Do([&](Transaction& t) {
    WorkerRow worker;
    worker.info.id = "w";
    worker.info.incarnation = "1";
    worker.info.data_sets = {"toy"};
    worker.info.data = {Opened(TestJob())};
    worker.info.problem = "its disk is full";
    worker.quarantine = "three in a row";
    worker.heard = TimeFromUnixMs(5);
    worker.connected = true;
    ASSERT_TRUE(t.PutWorker(worker).ok());
  });
  const WorkerView read = reader_->ListWorkers()->at(0);
  EXPECT_TRUE(read.connected);
  EXPECT_THAT(read.info.data_sets, ElementsAre("toy"));
  EXPECT_THAT(read.info.data, ElementsAre(Opened(TestJob())));
  EXPECT_EQ(read.info.problem, "its disk is full");
  EXPECT_EQ(read.quarantine, "three in a row");
  Do([&](Transaction& t) { ASSERT_TRUE(t.Disconnect(TimeFromUnixMs(4)).ok()); });
  EXPECT_TRUE(reader_->ListWorkers()->at(0).connected);
  Do([&](Transaction& t) { ASSERT_TRUE(t.Disconnect(TimeFromUnixMs(5)).ok()); });
  EXPECT_FALSE(reader_->ListWorkers()->at(0).connected);
}

TEST_F(ResultReaderTest, EventsComeInOrderFromWhereTheReaderStopped) {
  JobId job;
  Do([&](Transaction& t) {
    job = t.InsertJob(TestJob()).value();
    for (const char* kind : {"one", "two", "three"}) {
      EventRow event;
      event.at = TimeFromUnixMs(4);
      event.kind = kind;
      if (kind != std::string("two")) event.job = job;
      ASSERT_TRUE(t.AppendEvent(event).ok());
    }
  });
  const std::vector<EventView> all = reader_->ListEvents(JobId{}, 0, 100).value();
  ASSERT_THAT(all, SizeIs(3));
  EXPECT_EQ(all[1].kind, "two");
  EXPECT_FALSE(all[1].job);
  EXPECT_THAT(reader_->ListEvents(JobId{}, all[1].id, 100).value(), SizeIs(1));
  EXPECT_THAT(reader_->ListEvents(JobId{}, 0, 2).value(), SizeIs(2));
  EXPECT_THAT(reader_->ListEvents(job, 0, 100).value(), SizeIs(2));
}

// front_v (SQL) and ResultReader (search/pareto) must say the same.
TEST_F(ResultReaderTest, FrontViewEqualsSearchPareto) {
  Random random(20261120);
  const std::vector<std::vector<std::string>> objectives = {
      {"relus"},           {"latency.m"}, {"relus", "parameters"}, {"macs", "latency.m", "relus"},
      {"latency.unknown"},
  };
  std::vector<JobId> jobs;
  Do([&](Transaction& t) {
    for (int round = 0; round < 20; ++round) {
      JobRow job = TestJob();
      job.objectives = objectives[static_cast<size_t>(round) % objectives.size()];
      jobs.push_back(t.InsertJob(job).value());
      for (int n = 0; n < 12; ++n) {
        CandidateRow candidate = TestCandidate(jobs.back(), absl::StrCat("net", n));
        // Few distinct values, so that ties and equal points occur.
        candidate.macs = static_cast<int64_t>(random.Below(4));
        candidate.parameters = static_cast<int64_t>(random.Below(4));
        candidate.id = t.InsertCandidate(candidate).value();
        for (const Stage stage : {Stage::kPretrain, Stage::kLinearize}) {
          ASSERT_TRUE(t.InsertTask(TestTask(candidate, stage)).ok());
        }
        for (const int64_t budget : candidate.budgets) {
          TaskRow task = TestTask(candidate, Stage::kFineTune, budget);
          task.id = t.InsertTask(task).value();
          ResultRow result = TestResult(task, static_cast<int64_t>(random.Below(6)),
                                        static_cast<double>(random.Below(6)) / 8);
          result.data_hash = absl::StrCat("data", random.Below(2));
          result.split_hash = absl::StrCat("split", random.Below(2));
          const ResultId id = t.InsertResult(result).value();
          const uint64_t price = random.Below(7);
          if (price > 0) {  // else unknown
            const double seconds =
                price == 6 ? std::numeric_limits<double>::infinity() : static_cast<double>(price);
            ASSERT_TRUE(t.PutLatency(id, {"m", "1", seconds}).ok());
          }
        }
      }
    }
  });
  SQLite::Database sql = OpenSql();
  size_t on_front = 0;
  size_t all = 0;
  for (const JobId job : jobs) {
    std::set<int64_t> expected;
    const FrontView front = reader_->GetFront(job).value();
    for (const ResultView& r : front.results) {
      if (r.on_front) expected.insert(r.id.value);
    }
    std::set<int64_t> found;
    SQLite::Statement statement(sql, "SELECT result FROM front_v WHERE job = ?");
    statement.bind(1, job.value);
    while (statement.executeStep()) found.insert(statement.getColumn(0).getInt64());
    EXPECT_EQ(found, expected) << "job " << job.value;
    on_front += expected.size();
    all += front.results.size();
  }
  EXPECT_GT(on_front, 50u);
  EXPECT_LT(on_front, all / 2);
}

TEST_F(ResultReaderTest, FrontIsPerData) {
  JobId job;
  Do([&](Transaction& t) {
    job = t.InsertJob(TestJob()).value();
    const TestTasks tasks = InsertTestTasks(t, job);
    ResultRow good = TestResult(tasks.fine_tunes[0], 50, 0.9);
    ResultRow dominated_elsewhere = TestResult(tasks.fine_tunes[1], 60, 0.1);
    dominated_elsewhere.data_hash = "other";
    ASSERT_TRUE(t.InsertResult(good).ok());
    ASSERT_TRUE(t.InsertResult(dominated_elsewhere).ok());
  });
  const FrontView front = reader_->GetFront(job).value();
  EXPECT_THAT(front.results, SizeIs(2));
  for (const ResultView& r : front.results) EXPECT_TRUE(r.on_front) << r.relus;
}

TEST_F(ResultReaderTest, JobListingCounts) {
  Do([&](Transaction& t) {
    const JobId job = t.InsertJob(TestJob()).value();
    const TestTasks tasks = InsertTestTasks(t, job);
    TaskRow task = tasks.pretrain;
    task.state = TaskState::kFailed;
    task.message = "disk on fire";
    ASSERT_TRUE(t.UpdateTask(task).ok());
    ASSERT_TRUE(t.InsertJob(TestJob("second")).ok());
  });
  const std::vector<JobView> jobs = reader_->ListJobs().value();
  ASSERT_THAT(jobs, SizeIs(2));
  EXPECT_EQ(jobs[0].name, "second");
  EXPECT_EQ(jobs[1].candidates, 1);
  EXPECT_EQ(jobs[1].tasks, (std::map<std::string, int64_t>{{"FAILED", 1}, {"QUEUED", 3}}));
  EXPECT_EQ(jobs[1].message, "waiting: no worker is connected");
  SQLite::Database sql = OpenSql();
  EXPECT_EQ(sql.execAndGet("SELECT tasks_ended FROM jobs_v WHERE job = 1").getInt(), 1);
  EXPECT_STREQ(sql.execAndGet("SELECT objectives FROM jobs_v WHERE job = 1").getText(),
               R"(["relus"])");
  EXPECT_STREQ(sql.execAndGet("SELECT pretrain_state FROM candidates_v").getText(), "FAILED");
}

}  // namespace
}  // namespace reluscape
