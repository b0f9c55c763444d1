// Prices of Results in the database: the rows, the views and the Front that uses them.

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "base/random.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/objective.h"
#include "storage/result_reader.h"
#include "storage/store_test_util.h"
#include "tests/fakes/fake_clock.h"

namespace reluscape {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kMetric[] = "toy.online_s@wan";

void SetLimits(JobRow& job, const std::vector<CostLimit>& limits) {
  for (const CostLimit& limit : limits) job.spec.mutable_limits()->add_costs(CostLimitText(limit));
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
    ASSERT_TRUE(
        t.PutCosts(results[0], "set 1",
                   {TestCost(kMetric, 1.5, /*lower=*/true), TestCost("toy.total_s@wan", {})})
            .ok());
    const PricedResult priced = t.ListPricedResults().value().at(0);
    EXPECT_EQ(priced.price_set, "set 1");
    EXPECT_EQ(priced.job, job);
  });
  const v1::ResultList list = reader_->ListResults(job).value();
  const auto& costs = list.results(0).costs();
  EXPECT_EQ(costs.size(), 1u);
  EXPECT_EQ(costs.at(kMetric).value(), 1.5);
  EXPECT_TRUE(costs.at(kMetric).lower_bound());

  SQLite::Database sql = OpenSql();
  SQLite::Statement row(sql,
                        "SELECT job, result, metric, value, model_version, profile, lower_bound,"
                        " note FROM result_costs_v ORDER BY metric");
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
    ASSERT_TRUE(
        t.PutCosts(results[0], "1", {TestCost(kMetric, 1), TestCost("toy.total_s@wan", 2)}).ok());
    ASSERT_TRUE(t.PutCosts(results[0], "2", {TestCost(kMetric, 3, /*lower=*/false, "2")}).ok());
    EXPECT_EQ(t.ListPricedResults()->at(0).price_set, "2");
  });
  const v1::Result result = reader_->ListResults(job)->results(0);
  EXPECT_EQ(result.costs().size(), 1u);
  EXPECT_EQ(result.costs().at(kMetric).value(), 3);
  EXPECT_FALSE(result.costs().at(kMetric).lower_bound());
  EXPECT_STREQ(OpenSql().execAndGet("SELECT model_version FROM result_costs_v").getText(), "2");
}

TEST_F(CostsTest, CostIsAnObjective) {
  JobRow job = TestJob();
  SetList(job.spec.mutable_objectives(), {kMetric});
  std::vector<ResultId> results;
  const JobId id = InsertJob(job, {0.5, 0.6, 0.7, 0.8}, results);
  Do([&](Transaction& t) {
    ASSERT_TRUE(t.PutCosts(results[0], "1", {TestCost(kMetric, 1)}).ok());
    ASSERT_TRUE(t.PutCosts(results[1], "1", {TestCost(kMetric, 3)}).ok());
    ASSERT_TRUE(t.PutCosts(results[2], "1", {TestCost(kMetric, 2)}).ok());
    ASSERT_TRUE(t.PutCosts(results[3], "1", {TestCost(kMetric, {})}).ok());
  });
  const v1::ResultList list = reader_->ListResults(id).value();
  const auto& all = list.results();
  ASSERT_THAT(all, SizeIs(4));
  EXPECT_TRUE(all[0].on_front());
  EXPECT_EQ(all[0].off_front(), "");
  EXPECT_FALSE(all[1].on_front());
  EXPECT_EQ(all[1].off_front(), "dominated");
  EXPECT_TRUE(all[2].on_front());
  EXPECT_FALSE(all[3].on_front());
  EXPECT_EQ(all[3].off_front(), "no value of the objective toy.online_s@wan");
  EXPECT_EQ(OpenSql().execAndGet("SELECT group_concat(result) FROM front_v").getString(),
            absl::StrCat(results[0].value, ",", results[2].value));
}

TEST_F(CostsTest, ResultAboveALimitIsNeverOnTheFrontAndDominatesNothing) {
  JobRow job = TestJob();
  const std::vector<CostLimit> limits = {{kMetric, 2}, {"papers.online_s", 9}};
  SetLimits(job, limits);
  std::vector<ResultId> results;
  // Equal ReLUs: the best accuracy alone would be on the front.
  const JobId id = InsertJob(job, {0.9, 0.8, 0.7, 0.6}, results);
  Do([&](Transaction& t) {
    const std::vector<std::optional<double>> costs = {2.5, {}, 2, 1};
    for (size_t i = 0; i < results.size(); ++i) {
      const CostRow papers = TestCost("papers.online_s", i == 3 ? 10.0 : 1.0);
      ASSERT_TRUE(t.PutCosts(results[i], "1", {TestCost(kMetric, costs[i]), papers}).ok());
    }
  });
  const v1::ResultList list = reader_->ListResults(id).value();
  EXPECT_THAT(list.cost_limits(), ElementsAre("toy.online_s@wan <= 2", "papers.online_s <= 9"));
  ASSERT_THAT(list.results(), SizeIs(4));
  EXPECT_EQ(list.results(0).off_front(), "above the limit toy.online_s@wan <= 2: 2.5");
  EXPECT_THAT(list.results(1).off_front(), HasSubstr("no value of toy.online_s@wan"));
  EXPECT_TRUE(list.results(2).on_front());
  EXPECT_EQ(list.results(3).off_front(), "above the limit papers.online_s <= 9: 10");
  SQLite::Database sql = OpenSql();
  EXPECT_EQ(sql.execAndGet("SELECT group_concat(result) FROM front_v").getString(),
            absl::StrCat(results[2].value));
  EXPECT_EQ(sql.execAndGet("SELECT count(*) FROM result_limits_v WHERE holds").getInt(), 5);
}

// front_v (SQL) and the reader must say the same, whatever limits, objectives and gaps there are.
TEST_F(CostsTest, FrontViewEqualsTheReader) {
  Random random(20261121);
  const std::vector<std::vector<std::string>> objectives = {
      {kMetric}, {"relus", kMetric}, {"toy.total_s@wan", kMetric, "papers.online_s"}};
  const std::vector<std::vector<CostLimit>> limits = {
      {},
      {{kMetric, 3}},
      {{"toy.total_s@wan", 2}, {"papers.online_s", 4}},
      {{"gone.online_s@wan", 1}}};
  for (const auto& objective : objectives) {
    for (const auto& limit : limits) {
      JobRow job = TestJob();
      SetList(job.spec.mutable_objectives(), objective);
      SetLimits(job, limit);
      std::vector<double> accuracies;
      for (int i = 0; i < 25; ++i) accuracies.push_back(static_cast<double>(random.Below(6)) / 8);
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
                t.PutCosts(result, "1",
                           {TestCost(kMetric, value()), TestCost("toy.total_s@wan", value()),
                            TestCost("papers.online_s", value())})
                    .ok());
          }
        }
      });
      std::set<int64_t> expected;
      const v1::ResultList list = reader_->ListResults(id).value();
      for (const v1::Result& result : list.results()) {
        if (result.on_front()) expected.insert(result.result());
        EXPECT_EQ(result.on_front(), result.off_front().empty());
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

}  // namespace
}  // namespace reluscape
