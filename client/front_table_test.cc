#include "client/front_table.h"

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

v1::Result& AddResult(v1::Front& front, int64_t number, int64_t relus, double accuracy) {
  v1::Result& result = *front.add_results();
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
  (*result.mutable_latency())["delphi_online"] = 0.0330240;
  result.set_recipe("aaaabbbbcccc");
  result.mutable_measurement()->set_data_hash("d1d1d1d1d1d1d1d1");
  result.mutable_measurement()->set_split_hash("5555555555555555");
  result.mutable_measurement()->set_train_images(2000);
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
    if (!cells.empty() && cells[0] == rank) {
      return cells;
    }
  }
  return {};
}

TEST(FrontTableTest, CostsThatAreObjectivesGetAColumn) {
  v1::Front front;
  front.add_objectives("relus");
  front.add_objectives("cheetah.online_s@wan");
  front.add_objectives("latency.delphi_online");
  v1::Result& cheap = AddResult(front, 1, 1000, 0.5);
  (*cheap.mutable_costs())["cheetah.online_s@wan"].set_value(1.25);
  (*cheap.mutable_costs())["cheetah.total_s@wan"].set_value(77);
  v1::Result& dear = AddResult(front, 2, 2000, 0.6);
  (*dear.mutable_costs())["cheetah.online_s@wan"].set_value(2.5);
  (*dear.mutable_costs())["cheetah.online_s@wan"].set_lower_bound(true);
  dear.set_off_front("cheetah.online_s@wan is 2.5; allowed: <= 2");
  AddResult(front, 3, 3000, 0.4).set_off_front("dominated");

  const std::string text = FrontText(FinishedJob(), front);
  EXPECT_THAT(text, HasSubstr("  cheetah.online_s@wan\n"));
  EXPECT_THAT(text, Not(HasSubstr("total_s")));
  EXPECT_EQ(RowOf(text, "1").back(), "1.25");
  EXPECT_THAT(text, HasSubstr(">= 2.50\n"));
  EXPECT_EQ(RowOf(text, "3").back(), "-");
  EXPECT_THAT(text, HasSubstr("result 2 is off the front: cheetah.online_s@wan is 2.5"));
  EXPECT_THAT(text, Not(HasSubstr("dominated")));

  const std::vector<std::string> csv = Lines(FrontCsv(front));
  EXPECT_THAT(csv[0], HasSubstr("latency_delphi_online_s,cheetah.online_s@wan,on_front"));
  EXPECT_THAT(csv[1], HasSubstr(",1.25,false,"));
  EXPECT_THAT(csv[3], HasSubstr(",,false,"));
}

TEST(FrontTableTest, RanksByRelusAndMarksTheFront) {
  v1::Front front;
  front.add_objectives("relus");
  AddResult(front, 12, 4096, 0.81234).set_on_front(true);
  AddResult(front, 11, 1536, 0.7);
  const std::string text = FrontText(FinishedJob(), front);
  EXPECT_THAT(RowOf(text, "1"), ElementsAre("1", "11", "resnet18@4", "1,536", "1,536", "70.00",
                                            "75.00", "12.50", "2,345,678", "0.0330"));
  EXPECT_THAT(RowOf(text, "2"), ElementsAre("2", "*", "12", "resnet18@4", "4,096", "4,096", "81.23",
                                            "75.00", "12.50", "2,345,678", "0.0330"));
}

TEST(FrontTableTest, HeadingSaysDataRecipeAndHowLatencyIsEstimated) {
  v1::Front front;
  front.add_objectives("relus");
  AddResult(front, 1, 10, 0.5);
  const std::string text = FrontText(FinishedJob(), front);
  EXPECT_THAT(text, HasSubstr("data set: synthetic (synthetic images"));
  EXPECT_THAT(text, HasSubstr("2,000 training"));
  EXPECT_THAT(text, HasSubstr("recipe: aaaabbbbcccc"));
  EXPECT_THAT(text, HasSubstr("latency delphi_online: an estimate, not measured; "));
  EXPECT_THAT(text, HasSubstr("sealed until `reluscape unseal 3`"));
  v1::Job other = FinishedJob();
  other.set_data_set("cifar10");
  EXPECT_THAT(FrontText(other, front), Not(HasSubstr("synthetic")));
}

TEST(FrontTableTest, TestAccuraciesHaveAColumnOnlyAfterTheSealIsBroken) {
  v1::Front front;
  v1::Result& result = AddResult(front, 1, 10, 0.5);
  EXPECT_THAT(FrontText(FinishedJob(), front), Not(HasSubstr("test %")));
  EXPECT_THAT(FrontCsv(front), Not(HasSubstr("accuracy_test")));
  result.set_accuracy_test(0.625);
  v1::Job job = FinishedJob();
  job.set_unsealed_at_ms(1'700'000'000'000);
  const std::string text = FrontText(job, front);
  EXPECT_THAT(text, HasSubstr("test %"));
  EXPECT_THAT(text, HasSubstr("62.50"));
  EXPECT_THAT(text, HasSubstr("test accuracies: unsealed 20"));
  EXPECT_THAT(FrontCsv(front), HasSubstr("accuracy_test"));
}

TEST(FrontTableTest, RecipesAndDataAreNeverMixed) {
  v1::Front front;
  AddResult(front, 1, 10, 0.5);
  AddResult(front, 2, 5, 0.4).set_recipe("another");
  AddResult(front, 3, 7, 0.6).mutable_measurement()->set_data_hash("other data");
  const std::string text = FrontText(FinishedJob(), front);
  int headings = 0;
  for (const std::string& line : Lines(text)) {
    headings += line.rfind("job 3 ", 0) == 0 ? 1 : 0;
  }
  EXPECT_EQ(headings, 3);
  EXPECT_THAT(text, HasSubstr("recipe: another"));
}

TEST(FrontTableTest, WithoutResultsItSaysSo) {
  EXPECT_EQ(FrontText(FinishedJob(), v1::Front()),
            "job 3 \"small\" (FINISHED) has no result yet\n");
}

TEST(FrontTableTest, CsvCarriesEveryNumberUnrounded) {
  v1::Front front;
  v1::Result& result = AddResult(front, 12, 4096, 0.8123456789);
  result.set_on_front(true);
  result.set_name("a,b");
  result.set_origin("deepreshape, order 3,2,4,1 (given)");
  const std::string csv = FrontCsv(front);
  const std::vector<std::string> records = absl::StrSplit(csv, "\r\n");
  ASSERT_EQ(records.size(), 3);
  EXPECT_EQ(records[0],
            "rank,result,candidate,name,network,budget,relus,relus_with_stem,polynomials,macs,"
            "parameters,accuracy_validation,accuracy_soft,accuracy_trimmed,"
            "latency_delphi_online_s,on_front,"
            "seed_pretrain,seed_linearize,seed_fine_tune,seed_split,recipe,data_hash,split_hash,"
            "origin,off_front");
  EXPECT_EQ(records[1],
            "1,12,7,\"a,b\",basic:side=32,4096,4096,8192,0,2345678,46000,0.8123456789,0.75,0.125,"
            "0.033024,true,0,,,9007199254740991,aaaabbbbcccc,d1d1d1d1d1d1d1d1,5555555555555555,"
            "\"deepreshape, order 3,2,4,1 (given)\",");
  EXPECT_EQ(records[2], "");
}

TEST(FrontTableTest, PolynomialsAreAColumnOnlyWhereThereAreAny) {
  v1::Front front;
  AddResult(front, 1, 4096, 0.5);
  EXPECT_THAT(FrontText(FinishedJob(), front), Not(HasSubstr("polynomials")));
  AddResult(front, 2, 1024, 0.4).mutable_report()->add_layers()->set_polynomials(12'345);
  const std::string text = FrontText(FinishedJob(), front);
  EXPECT_THAT(text, HasSubstr("polynomials"));
  EXPECT_THAT(text, HasSubstr("12,345"));
}

TEST(FrontTableTest, WhatUnsealsIsWhatTheProgramHasForIt) {
  v1::Front front;
  AddResult(front, 1, 4096, 0.5);
  EXPECT_THAT(FrontText(FinishedJob(), front, "--unseal"), HasSubstr("sealed until `--unseal`"));
}

}  // namespace
}  // namespace reluscape
