#include "storage/result_reader.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <limits>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "search/pareto/front.h"
#include "search/vocabulary/messages.h"
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

TEST_F(ResultReaderTest, LayersAndClassesOfReportsAreRows) {
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
  EXPECT_STREQ(db.execAndGet("SELECT group_concat(position || ' ' || layer || ' ' || kept || '/' ||"
                             " units || ' ' || polynomials || ' ' || coalesce(input_max, 'none'),"
                             " ', ') FROM result_layers_v WHERE result = 1")
                   .getText(),
               "0 conv1 500/600 0 none, 1 conv2 0/400 300 2.25");
}

TEST_F(ResultReaderTest, UnknownIdsAreNamed) {
  for (const absl::Status& status :
       {reader_->GetJob(JobId{7}).status(), reader_->ListResults(JobId{7}).status(),
        reader_->ListEvents(JobId{7}, 0, 10).status(), reader_->ListCurves(JobId{7}).status(),
        reader_->GetCandidate(CandidateId{7}).status()}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
    EXPECT_THAT(std::string(status.message()), HasSubstr("7"));
  }
  EXPECT_THAT(reader_->ListJobs()->jobs(), IsEmpty());
  EXPECT_THAT(reader_->ListWorkers()->workers(), IsEmpty());
  EXPECT_THAT(reader_->ListEvents(JobId{}, 0, 10)->events(), IsEmpty());
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
    EXPECT_THAT(reader_->ListJobs()->jobs(), IsEmpty()) << "not committed yet";
  });
  EXPECT_THAT(reader_->ListJobs()->jobs(), SizeIs(1));
}

TEST_F(ResultReaderTest, ResultShowsEverythingAndTheTestAccuracyOnlyUnsealed) {
  JobRow job = TestJob();
  CandidateId candidate;
  ResultRow sent;
  Do([&](Transaction& t) {
    job.id = t.InsertJob(job).value();
    const TestTasks tasks = InsertTestTasks(t, job.id);
    candidate = tasks.candidate.id;
    ASSERT_TRUE(t.PutProvenance(tasks.fine_tunes[0].id, 1, TestProvenance()).ok());
    sent = TestResult(tasks.fine_tunes[0], 450, 0.5);
    const ResultId id = t.InsertResult(sent).value();
    EXPECT_EQ(t.GetReport(id).value(), sent.report);
    ASSERT_TRUE(t.PutCosts(id, "1", {TestCost("papers.online_s", 2.0)}).ok());
  });
  const v1::ResultList list = reader_->ListResults(job.id).value();
  ASSERT_THAT(list.results(), SizeIs(1));
  const v1::Result& r = list.results(0);
  EXPECT_EQ(r.name(), "net");
  EXPECT_EQ(r.network(), "text of net");
  EXPECT_EQ(r.report(), sent.report);
  EXPECT_EQ(r.relus_with_stem(), 650);  // the candidate's stem has 200
  EXPECT_EQ(r.macs(), 50'000);
  EXPECT_EQ(r.parameters(), 600);
  EXPECT_FALSE(r.has_accuracy_test());
  EXPECT_EQ(r.costs().size(), 1u);
  EXPECT_EQ(r.costs().at("papers.online_s").value(), 2.0);
  EXPECT_TRUE(r.on_front());
  EXPECT_EQ(r.seeds().pretrain(), 11);
  EXPECT_EQ(r.seeds().split(), 8);
  EXPECT_EQ(r.recipe(), Sha256Hex("recipe").substr(0, 12));
  EXPECT_EQ(r.provenance(), TestProvenance());
  EXPECT_EQ(r.seconds().pretrain(), 1);
  EXPECT_EQ(r.seconds().linearize(), 2);
  EXPECT_EQ(r.seconds().fine_tune(), 3);
  EXPECT_EQ(r.worker(), "a");
  EXPECT_FALSE(reader_->GetCandidate(candidate)->results(0).has_accuracy_test());

  SQLite::Database sql = OpenSql();
  EXPECT_TRUE(sql.execAndGet("SELECT accuracy_test FROM results_v").isNull());
  EXPECT_EQ(sql.execAndGet("SELECT polynomials FROM front_v").getInt(), 300);
  EXPECT_EQ(sql.execAndGet("SELECT accuracy_soft FROM results_v").getDouble(), 0.3);
  EXPECT_EQ(sql.execAndGet("SELECT accuracy_trimmed FROM results_v").getDouble(), 0.2);
  EXPECT_EQ(sql.execAndGet("SELECT build_commit || threads FROM results_v").getString(), "abc2");
  EXPECT_TRUE(sql.execAndGet("SELECT accuracy_test FROM front_v").isNull());
  EXPECT_EQ(sql.execAndGet("SELECT papers_online_s FROM front_v").getDouble(), 2);
  job.unsealed_at = TimeFromUnixMs(3000);
  Do([&](Transaction& t) { ASSERT_TRUE(t.UpdateJob(job).ok()); });
  EXPECT_EQ(reader_->ListResults(job.id)->results(0).accuracy_test(), 0.125);
  EXPECT_EQ(sql.execAndGet("SELECT accuracy_test FROM results_v").getDouble(), 0.125);
}

// 0.123456789 is in the sealed table and nowhere else before the Job is unsealed: no column of any
// table or view, no document.
TEST_F(ResultReaderTest, TheTestAccuracyStandsInOneSealedTable) {
  JobRow job = TestJob();
  Do([&](Transaction& t) {
    job.id = t.InsertJob(job).value();
    const TestTasks tasks = InsertTestTasks(t, job.id);
    ASSERT_TRUE(t.PutProvenance(tasks.fine_tunes[0].id, 1, TestProvenance()).ok());
    ResultRow result = TestResult(tasks.fine_tunes[0], 450, 0.5);
    result.accuracy_test = 0.123456789;
    ASSERT_TRUE(t.InsertResult(result).ok());
  });
  const auto where = [&] {
    std::vector<std::string> places;
    SQLite::Database sql = OpenSql();
    SQLite::Statement table(sql,
                            "SELECT s.name, c.name FROM sqlite_master s"
                            " JOIN pragma_table_info(s.name) c WHERE s.type IN ('table', 'view')");
    while (table.executeStep()) {
      const std::string name = table.getColumn(0).getString();
      const std::string column = table.getColumn(1).getString();
      const std::string query = absl::StrCat("SELECT count(*) FROM \"", name, "\" WHERE \"", column,
                                             "\" LIKE '%123456789%'");
      if (sql.execAndGet(query).getInt() > 0) places.push_back(absl::StrCat(name, ".", column));
    }
    const std::string documents =
        absl::StrCat(MessageToJson(reader_->ListResults(job.id).value()),
                     MessageToJson(reader_->GetCandidate(CandidateId{1}).value()),
                     MessageToJson(reader_->ListEvents(job.id, 0, 1000).value()));
    if (absl::StrContains(documents, "123456789")) places.push_back("documents");
    return places;
  };
  EXPECT_THAT(where(), ElementsAre("sealed_test_accuracy.accuracy_test"));
  job.unsealed_at = TimeFromUnixMs(3000);
  Do([&](Transaction& t) { ASSERT_TRUE(t.UpdateJob(job).ok()); });
  EXPECT_THAT(where(), ::testing::Contains("documents"));
}

TEST_F(ResultReaderTest, CandidateShowsTasksAndCurves) {
  CandidateId candidate;
  JobId job;
  Do([&](Transaction& t) {
    job = t.InsertJob(TestJob()).value();
    const TestTasks tasks = InsertTestTasks(t, job);
    candidate = tasks.candidate.id;
    std::vector<v1::Epoch> epochs(2);
    epochs[1].set_epoch(1);
    epochs[1].set_validation_accuracy(0.75);
    epochs[1].set_lambda(0.5);
    ASSERT_TRUE(t.StoreEpochs(tasks.linearize.id, 3, TimeFromUnixMs(9), epochs).ok());
  });
  const v1::CandidateDetail detail = reader_->GetCandidate(candidate).value();
  EXPECT_EQ(detail.candidate().role(), "search");
  EXPECT_FALSE(detail.candidate().has_measured_section());
  EXPECT_FALSE(detail.candidate().has_teacher());
  EXPECT_FALSE(detail.candidate().has_pretrained_file());
  EXPECT_THAT(detail.candidate().budgets(), ElementsAre(500, 100));
  const auto& tasks = detail.candidate().tasks();
  ASSERT_THAT(tasks, SizeIs(4));
  EXPECT_FALSE(tasks[0].has_budget());
  EXPECT_FALSE(tasks[0].has_last_epoch());
  EXPECT_EQ(tasks[1].epochs_done(), 2);
  EXPECT_EQ(tasks[1].last_epoch().validation_accuracy(), 0.75);
  EXPECT_EQ(tasks[3].budget(), 100);
  ASSERT_THAT(detail.curves(), SizeIs(2));
  EXPECT_EQ(detail.curves(1).stage(), "linearize");
  EXPECT_FALSE(detail.curves(1).has_budget());
  EXPECT_EQ(detail.curves(1).attempt(), 3);
  EXPECT_EQ(detail.curves(1).at_ms(), 9);
  EXPECT_FALSE(detail.curves(0).epoch().has_lambda());
  EXPECT_EQ(detail.curves(1).epoch().lambda(), 0.5);
  EXPECT_THAT(reader_->GetJob(job)->candidates(), SizeIs(1));
  SQLite::Database sql = OpenSql();
  EXPECT_EQ(sql.execAndGet("SELECT count(*) FROM learning_curves_v WHERE stage = 'linearize'"
                           " AND budget IS NULL")
                .getInt(),
            2);
}

TEST_F(ResultReaderTest, WorkersSayWhatIsWrongWithThem) {
  Do([&](Transaction& t) {
    WorkerRow worker;
    worker.info.set_id("w");
    worker.info.set_incarnation("1");
    SetList(worker.info.mutable_data_sets(), {"toy"});
    SetList(worker.info.mutable_fast_precisions(), {"tf32", "bfloat16"});
    SetList(worker.info.mutable_data(), {Opened(TestJob())});
    worker.info.set_problem("its disk is full");
    worker.quarantine = "three in a row";
    worker.heard = TimeFromUnixMs(5);
    worker.connected = true;
    ASSERT_TRUE(t.PutWorker(worker).ok());
  });
  const v1::Worker read = reader_->ListWorkers()->workers(0);
  EXPECT_TRUE(read.connected());
  EXPECT_THAT(read.data_sets(), ElementsAre("toy"));
  EXPECT_THAT(read.fast_precisions(), ElementsAre("tf32", "bfloat16"));
  ASSERT_THAT(read.data(), SizeIs(1));
  EXPECT_EQ(read.data(0).data_set(), "toy");
  EXPECT_EQ(read.data(0).split_seed(), 8);
  EXPECT_EQ(read.data(0).data_hash(), "data");
  EXPECT_EQ(read.problem(), "three in a row") << "rather than what it says of itself";
  EXPECT_TRUE(read.quarantined());
  Do([&](Transaction& t) { ASSERT_TRUE(t.Disconnect(TimeFromUnixMs(4)).ok()); });
  EXPECT_TRUE(reader_->ListWorkers()->workers(0).connected());
  Do([&](Transaction& t) { ASSERT_TRUE(t.Disconnect(TimeFromUnixMs(5)).ok()); });
  EXPECT_FALSE(reader_->ListWorkers()->workers(0).connected());
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
  const v1::EventList all = reader_->ListEvents(JobId{}, 0, 100).value();
  ASSERT_THAT(all.events(), SizeIs(3));
  EXPECT_EQ(all.events(1).kind(), "two");
  EXPECT_EQ(all.events(1).job(), 0);
  EXPECT_THAT(reader_->ListEvents(JobId{}, all.events(1).event(), 100)->events(), SizeIs(1));
  EXPECT_THAT(reader_->ListEvents(JobId{}, 0, 2)->events(), SizeIs(2));
  EXPECT_THAT(reader_->ListEvents(job, 0, 100)->events(), SizeIs(2));
}

// front_v (SQL) and ResultReader (search/pareto) must say the same.
TEST_F(ResultReaderTest, FrontViewEqualsSearchPareto) {
  Random random(20261120);
  const std::vector<std::vector<std::string>> objectives = {
      {"relus"},
      {"toy.online_s@wan"},
      {"relus", "parameters"},
      {"macs", "toy.online_s@wan", "relus"},
      {"gone.online_s@wan"},
  };
  std::vector<JobId> jobs;
  Do([&](Transaction& t) {
    for (int round = 0; round < 20; ++round) {
      JobRow job = TestJob();
      SetList(job.spec.mutable_objectives(),
              objectives[static_cast<size_t>(round) % objectives.size()]);
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
            ASSERT_TRUE(t.PutCosts(id, "1", {TestCost("toy.online_s@wan", seconds)}).ok());
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
    const v1::ResultList list = reader_->ListResults(job).value();
    for (const v1::Result& r : list.results()) {
      if (r.on_front()) expected.insert(r.result());
    }
    std::set<int64_t> found;
    SQLite::Statement statement(sql, "SELECT result FROM front_v WHERE job = ?");
    statement.bind(1, job.value);
    while (statement.executeStep()) found.insert(statement.getColumn(0).getInt64());
    EXPECT_EQ(found, expected) << "job " << job.value;
    on_front += expected.size();
    all += static_cast<size_t>(list.results_size());
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
  const v1::ResultList list = reader_->ListResults(job).value();
  EXPECT_THAT(list.results(), SizeIs(2));
  for (const v1::Result& r : list.results()) EXPECT_TRUE(r.on_front()) << r.report().relus();
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
  const v1::JobList list = reader_->ListJobs().value();
  ASSERT_THAT(list.jobs(), SizeIs(2));
  EXPECT_EQ(list.jobs(0).name(), "second");
  EXPECT_EQ(list.jobs(0).kind(), "search");
  EXPECT_FALSE(list.jobs(0).has_finished_at_ms());
  EXPECT_FALSE(list.jobs(0).has_unsealed_at_ms());
  EXPECT_FALSE(list.jobs(0).has_data_hash());
  EXPECT_EQ(list.jobs(1).candidates(), 1);
  EXPECT_EQ(list.jobs(1).tasks().size(), 2u);
  EXPECT_EQ(list.jobs(1).tasks().at("FAILED"), 1);
  EXPECT_EQ(list.jobs(1).tasks().at("QUEUED"), 3);
  EXPECT_EQ(list.jobs(1).message(), "waiting: no worker is connected");
  SQLite::Database sql = OpenSql();
  EXPECT_EQ(sql.execAndGet("SELECT tasks_ended FROM jobs_v WHERE job = 1").getInt(), 1);
  EXPECT_STREQ(sql.execAndGet("SELECT objectives FROM jobs_v WHERE job = 1").getText(),
               R"(["relus"])");
  EXPECT_STREQ(sql.execAndGet("SELECT pretrain_state FROM candidates_v").getText(), "FAILED");
}

}  // namespace
}  // namespace reluscape
