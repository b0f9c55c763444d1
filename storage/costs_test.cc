// Prices of Results in the database: the rows, the views and the Front that uses them.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "base/random.h"
#include "storage/migrations.h"
#include "storage/result_reader.h"
#include "storage/store_test_util.h"
#include "tests/fakes/fake_clock.h"

namespace reluscape {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kMetric[] = "toy.online_s@wan";

CostRow Cost(const std::string& metric, std::optional<double> value, bool lower = false,
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

class CostsTest : public ::testing::Test {
 protected:
  CostsTest()
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
  // A Job with one Result per entry.
  JobId InsertJob(JobRow job, const std::vector<double>& accuracies,
                  std::vector<ResultId>& results) {
    JobId id;
    Do([&](Transaction& t) {
      id = t.InsertJob(job).value();
      for (size_t i = 0; i < accuracies.size(); ++i) {
        const TestTasks tasks = InsertTestTasks(t, id, absl::StrCat("net", i));
        results.push_back(
            t.InsertResult(TestResult(tasks.fine_tunes[0], 400, accuracies[i])).value());
      }
    });
    return id;
  }

  const TestFolder folder_;
  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<ResultReader> reader_;
};

TEST_F(CostsTest, CostsAreReadBackWithVersionAndProfile) {
  std::vector<ResultId> results;
  const JobId job = InsertJob(TestJob(), {0.5}, results);
  Do([&](Transaction& t) {
    ASSERT_TRUE(t.PutLatency(results[0], {"delphi_online", "1", 0.25}).ok());
    ASSERT_TRUE(t.PutCosts(results[0], "set 1",
                           {Cost(kMetric, 1.5, /*lower=*/true), Cost("toy.total_s@wan", {})})
                    .ok());
    const PricedResult priced = t.ListPricedResults().value().at(0);
    EXPECT_EQ(priced.price_set, "set 1");
    EXPECT_EQ(priced.job, job);
    EXPECT_EQ(t.ListResultLayers(results[0]).value(),
              (std::vector<LayerRelus>{{"conv1", 600, 400}, {"conv2", 400, 0, 300, -1.5, 2.25}}));
  });
  const FrontView front = reader_->GetFront(job).value();
  const ResultView& r = front.results.at(0);
  EXPECT_EQ(r.costs, (std::map<std::string, CostView>{{kMetric, {1.5, true}}}));

  SQLite::Database sql = OpenSql();
  SQLite::Statement row(sql,
                        "SELECT job, result, metric, value, model_version, profile, lower_bound,"
                        " note FROM result_costs_v ORDER BY metric");
  ASSERT_TRUE(row.executeStep());
  EXPECT_EQ(row.getColumn(2).getString(), "latency.delphi_online");
  EXPECT_EQ(row.getColumn(5).getString(), "papers");
  ASSERT_TRUE(row.executeStep());
  EXPECT_EQ(row.getColumn(0).getInt64(), job.value);
  EXPECT_EQ(row.getColumn(1).getInt64(), results[0].value);
  EXPECT_EQ(row.getColumn(2).getString(), kMetric);
  EXPECT_EQ(row.getColumn(3).getDouble(), 1.5);
  EXPECT_EQ(row.getColumn(4).getString(), "1");
  EXPECT_EQ(row.getColumn(5).getString(), "link wan, sha256 0123");
  EXPECT_EQ(row.getColumn(6).getInt(), 1);
  ASSERT_TRUE(row.executeStep());
  EXPECT_TRUE(row.getColumn(3).isNull());
  EXPECT_EQ(row.getColumn(7).getString(), "nobody knows");
  EXPECT_FALSE(row.executeStep());
}

TEST_F(CostsTest, CostsAreReplacedAsAWhole) {
  std::vector<ResultId> results;
  const JobId job = InsertJob(TestJob(), {0.5}, results);
  Do([&](Transaction& t) {
    ASSERT_TRUE(t.PutCosts(results[0], "1", {Cost(kMetric, 1), Cost("toy.total_s@wan", 2)}).ok());
    ASSERT_TRUE(t.PutCosts(results[0], "2", {Cost(kMetric, 3, /*lower=*/false, "2")}).ok());
    EXPECT_EQ(t.ListPricedResults()->at(0).price_set, "2");
  });
  EXPECT_EQ(reader_->GetFront(job)->results.at(0).costs,
            (std::map<std::string, CostView>{{kMetric, {3, false}}}));
  EXPECT_STREQ(OpenSql().execAndGet("SELECT model_version FROM result_costs_v").getText(), "2");
}

TEST_F(CostsTest, CostIsAnObjective) {
  JobRow job = TestJob();
  job.objectives = {kMetric};
  std::vector<ResultId> results;
  const JobId id = InsertJob(job, {0.5, 0.6, 0.7, 0.8}, results);
  Do([&](Transaction& t) {
    ASSERT_TRUE(t.PutCosts(results[0], "1", {Cost(kMetric, 1)}).ok());
    ASSERT_TRUE(t.PutCosts(results[1], "1", {Cost(kMetric, 3)}).ok());
    ASSERT_TRUE(t.PutCosts(results[2], "1", {Cost(kMetric, 2)}).ok());
    ASSERT_TRUE(t.PutCosts(results[3], "1", {Cost(kMetric, {})}).ok());
  });
  const FrontView front = reader_->GetFront(id).value();
  const std::vector<ResultView>& all = front.results;
  ASSERT_THAT(all, SizeIs(4));
  EXPECT_TRUE(all[0].on_front);
  EXPECT_EQ(all[0].off_front, "");
  EXPECT_FALSE(all[1].on_front);
  EXPECT_EQ(all[1].off_front, "dominated");
  EXPECT_TRUE(all[2].on_front);
  EXPECT_FALSE(all[3].on_front);
  EXPECT_EQ(all[3].off_front, "no value of the objective toy.online_s@wan");
  EXPECT_EQ(OpenSql().execAndGet("SELECT group_concat(result) FROM front_v").getString(),
            absl::StrCat(results[0].value, ",", results[2].value));
}

TEST_F(CostsTest, ResultAboveALimitIsNeverOnTheFrontAndDominatesNothing) {
  JobRow job = TestJob();
  job.objectives = {"relus"};
  job.cost_limits = {{kMetric, 2}, {"latency.m", 9}};
  std::vector<ResultId> results;
  // Equal ReLUs: the best accuracy alone would be on the front.
  const JobId id = InsertJob(job, {0.9, 0.8, 0.7, 0.6}, results);
  Do([&](Transaction& t) {
    EXPECT_EQ(t.GetJob(id)->cost_limits, job.cost_limits);
    const std::vector<std::optional<double>> costs = {2.5, {}, 2, 1};
    for (size_t i = 0; i < results.size(); ++i) {
      ASSERT_TRUE(t.PutCosts(results[i], "1", {Cost(kMetric, costs[i])}).ok());
      ASSERT_TRUE(t.PutLatency(results[i], {"m", "1", i == 3 ? 10.0 : 1.0}).ok());
    }
  });
  const FrontView front = reader_->GetFront(id).value();
  EXPECT_EQ(front.cost_limits, job.cost_limits);
  ASSERT_THAT(front.results, SizeIs(4));
  EXPECT_EQ(front.results[0].off_front, "above the limit toy.online_s@wan <= 2: 2.5");
  EXPECT_THAT(front.results[1].off_front, HasSubstr("no value of toy.online_s@wan"));
  EXPECT_TRUE(front.results[2].on_front);
  EXPECT_EQ(front.results[3].off_front, "above the limit latency.m <= 9: 10");
  SQLite::Database sql = OpenSql();
  EXPECT_EQ(sql.execAndGet("SELECT group_concat(result) FROM front_v").getString(),
            absl::StrCat(results[2].value));
  EXPECT_EQ(sql.execAndGet("SELECT count(*) FROM result_limits_v WHERE holds").getInt(), 5);
}

// front_v (SQL) and the reader must say the same, whatever limits, objectives and gaps there are.
TEST_F(CostsTest, FrontViewEqualsTheReader) {
  Random random(20261121);
  const std::vector<std::vector<std::string>> objectives = {
      {kMetric}, {"relus", kMetric}, {"toy.total_s@wan", kMetric, "latency.m"}};
  const std::vector<std::vector<CostLimit>> limits = {
      {}, {{kMetric, 3}}, {{"toy.total_s@wan", 2}, {"latency.m", 4}}, {{"gone.online_s@wan", 1}}};
  for (const auto& objective : objectives) {
    for (const auto& limit : limits) {
      JobRow job = TestJob();
      job.objectives = objective;
      job.cost_limits = limit;
      std::vector<double> accuracies;
      for (int i = 0; i < 25; ++i) {
        accuracies.push_back(static_cast<double>(random.Below(6)) / 8);
      }
      std::vector<ResultId> results;
      const JobId id = InsertJob(job, accuracies, results);
      Do([&](Transaction& t) {
        const auto value = [&]() -> std::optional<double> {
          const uint64_t drawn = random.Below(7);
          if (drawn == 6) return std::nullopt;
          return static_cast<double>(drawn);
        };
        for (const ResultId result : results) {
          if (random.Below(8) > 0) {
            ASSERT_TRUE(
                t.PutCosts(result, "1", {Cost(kMetric, value()), Cost("toy.total_s@wan", value())})
                    .ok());
          }
          if (const auto seconds = value()) {
            ASSERT_TRUE(t.PutLatency(result, {"m", "1", *seconds}).ok());
          }
        }
      });
      std::set<int64_t> expected;
      const FrontView front = reader_->GetFront(id).value();
      for (const ResultView& result : front.results) {
        if (result.on_front) expected.insert(result.id.value);
        EXPECT_EQ(result.on_front, result.off_front.empty());
      }
      SQLite::Database sql = OpenSql();
      SQLite::Statement row(sql, "SELECT result FROM front_v WHERE job = ?");
      row.bind(1, id.value);
      std::set<int64_t> found;
      while (row.executeStep()) found.insert(row.getColumn(0).getInt64());
      EXPECT_EQ(found, expected);
      if (!limit.empty() && limit[0].metric == "gone.online_s@wan") {
        EXPECT_TRUE(found.empty());
      }
    }
  }
}

// A database of the first version, with rows, as a program of that time left it.
TEST(CostsMigrationTest, FirstVersionWithRowsIsBroughtUpToDate) {
  const TestFolder folder;
  {
    SQLite::Database db((folder / "a.db").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    db.exec("PRAGMA application_id = 1380273237");  // "RELU"
    db.exec(Migrations().at(0).sql);
    db.exec("PRAGMA user_version = 1");
    db.exec(
        "INSERT INTO jobs VALUES (1, 'old', NULL, 'FINISHED', 'r', 'toy', 10, 32, 0, 0, 0, 3, 7,"
        " 8, '{}', 1000, 2000, NULL)");
    db.exec("INSERT INTO job_objectives VALUES (1, 0, 'latency.m')");
    db.exec(
        "INSERT INTO candidates VALUES (1, 1, 'net', 'text', 'hash', 0, 1000, 1200, 50, 60,"
        " 'data', 'split')");
    db.exec("INSERT INTO artifacts VALUES ('a', 10)");
    for (const char* values :
         {"(1, 1, 1, 'pretrain', 0, 11, 'SUCCEEDED')", "(2, 1, 1, 'linearize', 0, 11, 'SUCCEEDED')",
          "(3, 1, 1, 'fine-tune', 500, 11, 'SUCCEEDED')"}) {
      db.exec(std::string("INSERT INTO tasks (task_id, job_id, candidate_id, stage, budget, seed,"
                          " state) VALUES ") +
              values);
    }
    db.exec(
        "INSERT INTO results VALUES (1, 1, 1, 3, 500, 400, 0.1, 0.2, 0.3, 'a', 'data', 'split',"
        " 1, 2, 3, 'w', 1, 1500)");
    db.exec("INSERT INTO result_layers VALUES (1, 0, 'relu', 600, 400)");
    db.exec("INSERT INTO result_latencies VALUES (1, 'm', '1', 0.5)");
  }
  auto store = Store::Open(folder / "a.db");
  ASSERT_TRUE(store.ok()) << store.status();
  const FakeClock clock;
  const auto reader = ResultReader::Open(folder / "a.db").value();
  const FrontView before = reader->GetFront(JobId{1}).value();
  ASSERT_THAT(before.results, SizeIs(1));
  EXPECT_TRUE(before.results[0].on_front);
  EXPECT_TRUE(before.results[0].costs.empty());
  const absl::Status priced = (*store)->Transact([](Transaction& t) -> absl::Status {
    const std::vector<PricedResult> results = t.ListPricedResults().value();
    EXPECT_THAT(results, SizeIs(1));
    EXPECT_EQ(results[0].price_set, "");
    EXPECT_EQ(results[0].versions, (std::map<std::string, std::string>{{"m", "1"}}));
    EXPECT_THAT(t.GetJob(JobId{1})->objectives, ElementsAre("latency.m"));
    return t.PutCosts(results[0].id, "1", {Cost(kMetric, 1)});
  });
  ASSERT_TRUE(priced.ok()) << priced;
  EXPECT_THAT(reader->GetFront(JobId{1})->results.at(0).costs, SizeIs(1));
  SQLite::Database sql((folder / "a.db").string(), SQLite::OPEN_READONLY);
  EXPECT_EQ(sql.execAndGet("PRAGMA user_version").getInt(), static_cast<int>(Migrations().size()));
  EXPECT_EQ(sql.execAndGet("SELECT count(*) FROM front_v").getInt(), 1);
  EXPECT_EQ(sql.execAndGet("SELECT count(*) FROM result_costs_v").getInt(), 2);
}

}  // namespace
}  // namespace reluscape
