#include "client/results_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace reluscape {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

v1::Job FinishedJob() {
  v1::Job job;
  job.set_job(3);
  job.set_name("small");
  job.set_state("FINISHED");
  job.set_data_set("synthetic");
  return job;
}

v1::Result& AddResult(v1::ResultList& list, int64_t number, int64_t relus, double accuracy) {
  v1::Result& result = *list.add_results();
  result.set_result(number);
  result.set_job(3);
  result.set_candidate(7);
  result.set_name("resnet18@4");
  result.set_network("basic:side=32");
  result.mutable_report()->set_budget(relus);
  result.mutable_report()->set_relus(relus);
  result.set_relus_with_stem(relus + 4096);
  result.set_macs(2'345'678);
  result.set_parameters(46'000);
  result.mutable_report()->set_accuracy_soft(0.75);
  result.mutable_report()->set_accuracy_trimmed(0.125);
  result.mutable_report()->set_accuracy_validation(accuracy);
  (*result.mutable_costs())["papers.online_s"].set_value(0.0330240);
  result.set_recipe("aaaabbbbcccc");
  result.mutable_provenance()->set_data_hash("d1d1d1d1d1d1d1d1");
  result.mutable_provenance()->set_split_hash("5555555555555555");
  result.mutable_provenance()->set_train_images(2000);
  result.mutable_seeds()->set_split(9'007'199'254'740'991);
  return result;
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// The cells of the first table row that has `number` as result.
std::vector<std::string> RowOf(const std::string& text, const std::string& rank) {
  for (const std::string& line : Lines(text)) {
    const std::vector<std::string> cells = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (!cells.empty() && cells[0] == rank) return cells;
  }
  return {};
}

TEST(ResultsTableTest, CostsThatAreObjectivesGetAColumn) {
  v1::ResultList list;
  list.add_objectives("relus");
  list.add_objectives("cheetah.online_s@wan");
  list.add_objectives("papers.online_s");
  v1::Result& cheap = AddResult(list, 1, 1000, 0.5);
  (*cheap.mutable_costs())["cheetah.online_s@wan"].set_value(1.25);
  (*cheap.mutable_costs())["cheetah.total_s@wan"].set_value(77);
  v1::Result& dear = AddResult(list, 2, 2000, 0.6);
  (*dear.mutable_costs())["cheetah.online_s@wan"].set_value(2.5);
  (*dear.mutable_costs())["cheetah.online_s@wan"].set_lower_bound(true);
  dear.set_off_front("cheetah.online_s@wan is 2.5; allowed: <= 2");
  AddResult(list, 3, 3000, 0.4).set_off_front("dominated");

  const std::string text = ResultsText(FinishedJob(), list);
  EXPECT_THAT(text, HasSubstr("  cheetah.online_s@wan\n"));
  EXPECT_THAT(text, Not(HasSubstr("total_s")));
  EXPECT_EQ(RowOf(text, "1").back(), "1.25");
  EXPECT_THAT(text, HasSubstr(">= 2.50\n"));
  EXPECT_EQ(RowOf(text, "3").back(), "-");
  EXPECT_THAT(text, HasSubstr("result 2 is off the front: cheetah.online_s@wan is 2.5"));
  EXPECT_THAT(text, Not(HasSubstr("dominated")));

  const std::vector<std::string> csv = Lines(ResultsCsv(list));
  EXPECT_THAT(csv[0], HasSubstr("papers.online_s,cheetah.online_s@wan,on_front"));
  EXPECT_THAT(csv[1], HasSubstr(",1.25,false,"));
  EXPECT_THAT(csv[3], HasSubstr(",,false,"));
}

TEST(ResultsTableTest, RanksByRelusAndMarksTheFront) {
  v1::ResultList list;
  list.add_objectives("relus");
  AddResult(list, 12, 4096, 0.81234).set_on_front(true);
  AddResult(list, 11, 1536, 0.7);
  const std::string text = ResultsText(FinishedJob(), list);
  EXPECT_THAT(RowOf(text, "1"), ElementsAre("1", "11", "resnet18@4", "1,536", "1,536", "70.00",
                                            "75.00", "12.50", "2,345,678", "0.0330"));
  EXPECT_THAT(RowOf(text, "2"), ElementsAre("2", "*", "12", "resnet18@4", "4,096", "4,096", "81.23",
                                            "75.00", "12.50", "2,345,678", "0.0330"));
}

TEST(ResultsTableTest, HeadingSaysDataRecipeAndHowCostsAreEstimated) {
  v1::ResultList list;
  list.add_objectives("relus");
  AddResult(list, 1, 10, 0.5);
  const std::string text = ResultsText(FinishedJob(), list);
  EXPECT_THAT(text, HasSubstr("data set: synthetic (synthetic images"));
  EXPECT_THAT(text, HasSubstr("2,000 training"));
  EXPECT_THAT(text, HasSubstr("recipe: aaaabbbbcccc"));
  EXPECT_THAT(text,
              HasSubstr("costs: estimates, not measured; papers.online_s is 21.5 us per ReLU"));
  EXPECT_THAT(text, HasSubstr("sealed until `reluscape unseal 3`"));
  v1::Job other = FinishedJob();
  other.set_data_set("cifar10");
  EXPECT_THAT(ResultsText(other, list), Not(HasSubstr("synthetic")));
}

TEST(ResultsTableTest, TestAccuraciesHaveAColumnOnlyAfterTheSealIsBroken) {
  v1::ResultList list;
  v1::Result& result = AddResult(list, 1, 10, 0.5);
  EXPECT_THAT(ResultsText(FinishedJob(), list), Not(HasSubstr("test %")));
  EXPECT_THAT(ResultsCsv(list), Not(HasSubstr("accuracy_test")));
  result.set_accuracy_test(0.625);
  v1::Job job = FinishedJob();
  job.set_unsealed_at_ms(1'700'000'000'000);
  const std::string text = ResultsText(job, list);
  EXPECT_THAT(text, HasSubstr("test %"));
  EXPECT_THAT(text, HasSubstr("62.50"));
  EXPECT_THAT(text, HasSubstr("test accuracies: unsealed 20"));
  EXPECT_THAT(ResultsCsv(list), HasSubstr("accuracy_test"));
}

TEST(ResultsTableTest, RecipesAndDataAreNeverMixed) {
  v1::ResultList list;
  AddResult(list, 1, 10, 0.5);
  AddResult(list, 2, 5, 0.4).set_recipe("another");
  AddResult(list, 3, 7, 0.6).mutable_provenance()->set_data_hash("other data");
  const std::string text = ResultsText(FinishedJob(), list);
  int headings = 0;
  for (const std::string& line : Lines(text)) headings += line.rfind("job 3 ", 0) == 0 ? 1 : 0;
  EXPECT_EQ(headings, 3);
  EXPECT_THAT(text, HasSubstr("recipe: another"));
}

TEST(ResultsTableTest, WithoutResultsItSaysSo) {
  EXPECT_EQ(ResultsText(FinishedJob(), v1::ResultList()),
            "job 3 \"small\" (FINISHED) has no result yet\n");
}

TEST(ResultsTableTest, CsvCarriesEveryNumberUnrounded) {
  v1::ResultList list;
  v1::Result& result = AddResult(list, 12, 4096, 0.8123456789);
  result.set_on_front(true);
  result.set_name("a,b");
  result.set_origin("deepreshape, order 3,2,4,1 (given)");
  const std::string csv = ResultsCsv(list);
  const std::vector<std::string> records = absl::StrSplit(csv, "\r\n");
  ASSERT_EQ(records.size(), 3);
  EXPECT_EQ(records[0],
            "rank,result,candidate,name,network,budget,relus,relus_with_stem,polynomials,macs,"
            "parameters,accuracy_validation,accuracy_soft,accuracy_trimmed,"
            "papers.online_s,on_front,"
            "seed_pretrain,seed_linearize,seed_fine_tune,seed_split,recipe,data_hash,split_hash,"
            "origin,off_front");
  EXPECT_EQ(records[1],
            "1,12,7,\"a,b\",basic:side=32,4096,4096,8192,0,2345678,46000,0.8123456789,0.75,0.125,"
            "0.033024,true,0,,,9007199254740991,aaaabbbbcccc,d1d1d1d1d1d1d1d1,5555555555555555,"
            "\"deepreshape, order 3,2,4,1 (given)\",");
  EXPECT_EQ(records[2], "");
}

TEST(ResultsTableTest, PolynomialsAreAColumnOnlyWhereThereAreAny) {
  v1::ResultList list;
  AddResult(list, 1, 4096, 0.5);
  EXPECT_THAT(ResultsText(FinishedJob(), list), Not(HasSubstr("polynomials")));
  AddResult(list, 2, 1024, 0.4).mutable_report()->add_layers()->set_polynomials(12'345);
  const std::string text = ResultsText(FinishedJob(), list);
  EXPECT_THAT(text, HasSubstr("polynomials"));
  EXPECT_THAT(text, HasSubstr("12,345"));
}

TEST(ResultsTableTest, WhatUnsealsIsWhatTheProgramHasForIt) {
  v1::ResultList list;
  AddResult(list, 1, 4096, 0.5);
  EXPECT_THAT(ResultsText(FinishedJob(), list, "--unseal"), HasSubstr("sealed until `--unseal`"));
}

}  // namespace
}  // namespace reluscape
