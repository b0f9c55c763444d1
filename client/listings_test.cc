#include "client/listings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "search/vocabulary/messages.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::SectionCriticality Section(int64_t section, int64_t relus, double accuracy, double score,
                               int64_t rank) {
  v1::SectionCriticality message;
  message.set_section(section);
  message.set_relus(relus);
  message.set_accuracy(accuracy);
  message.set_accuracy_lowest(accuracy - 0.01);
  message.set_accuracy_highest(accuracy + 0.01);
  message.set_replicates(2);
  message.set_score(score);
  message.set_rank(rank);
  return message;
}

TEST(ListingsTest, CriticalityIsShownMostCriticalSectionFirst) {
  v1::JobDetail detail;
  detail.mutable_job()->set_job(3);
  detail.mutable_job()->set_name("measure");
  detail.mutable_job()->set_state("FINISHED");
  EXPECT_THAT(JobText(detail), Not(HasSubstr("criticality")));
  v1::Criticality& network = *detail.add_criticality();
  network.set_name("resnet20@2");
  network.add_order(2);
  network.add_order(1);
  network.set_exponent(0.07);
  network.set_baseline("minimum");
  *network.add_sections() = Section(1, 8192, 0.5, 0, 2);
  *network.add_sections() = Section(2, 4096, 0.625, 0.06981, 1);
  const std::string text = JobText(detail);
  EXPECT_THAT(
      text, HasSubstr("criticality of resnet20@2: order 2,1 (exponent 0.07, baseline minimum)\n"));
  const size_t first = text.find("4,096");
  const size_t second = text.find("8,192");
  ASSERT_NE(first, std::string::npos);
  ASSERT_NE(second, std::string::npos);
  EXPECT_LT(first, second);
  EXPECT_THAT(text, HasSubstr("62.50"));
  EXPECT_THAT(text, HasSubstr("0.0698"));
}

TEST(ListingsTest, OriginsAreShownOfCandidatesAndPreviews) {
  const std::string origin = "deepreshape, order 3,2,4,1 (measured by job 12 on resnet18@8)";
  v1::JobDetail detail;
  detail.add_candidates()->set_origin(origin);
  EXPECT_THAT(JobText(detail), HasSubstr(origin));
  v1::Preview preview;
  preview.add_networks()->set_origin(origin);
  EXPECT_THAT(PreviewText(preview), HasSubstr(origin));
}

// Foreign texts are told in full, and cannot steer the terminal.
TEST(ListingsTest, AJobSaysWhatItWaitsFor) {
  v1::JobDetail detail;
  v1::Job& job = *detail.mutable_job();
  job.set_job(3);
  job.set_state("RUNNING");
  EXPECT_THAT(JobText(detail), Not(HasSubstr("workers")));
  const std::string reason = "worker b: data_batch_3.bin: " + std::string(300, 'x');
  job.add_obstacles(reason + "\x1b");
  job.add_obstacles("worker c: has no path for data set cifar10");
  EXPECT_THAT(JobText(detail),
              HasSubstr("\nsome connected workers take none of its tasks:\n  " + reason +
                        "?\n  worker c: has no path for data set cifar10\n"));
  job.set_message("no connected worker can take its tasks");
  EXPECT_THAT(JobText(detail), HasSubstr("\nno connected worker can take its tasks\n  worker b: "));
  EXPECT_THAT(JobText(detail), Not(HasSubstr("some connected workers")));
  job.set_message("none can take its tasks; worker c: has no path for data set cifar10");
  EXPECT_THAT(JobText(detail), Not(HasSubstr("  worker c")));  // told already
}

TEST(ListingsTest, OnlyAFailedJobOffersToRunAgain) {
  v1::JobDetail detail;
  detail.mutable_job()->set_job(3);
  detail.mutable_job()->set_state("RUNNING");
  EXPECT_THAT(JobText(detail), Not(HasSubstr("retry")));
  detail.mutable_job()->set_state("FAILED");
  EXPECT_THAT(JobText(detail), HasSubstr("`reluscape retry 3`"));
  detail.mutable_job()->set_archived_at_ms(1'700'000'000'000);
  EXPECT_THAT(JobText(detail), Not(HasSubstr("retry")));
}

TEST(ListingsTest, AnArchivedJobSaysWhatItKeeps) {
  v1::JobDetail detail;
  v1::Job& job = *detail.mutable_job();
  job.set_state("FINISHED");
  detail.set_artifact_files(7);
  detail.set_artifact_bytes(123'456);
  EXPECT_THAT(JobText(detail), HasSubstr("\nfiles: 123.5 kB in 7\n"));
  EXPECT_THAT(JobText(detail), Not(HasSubstr("archived")));
  v1::JobList list;
  *list.add_jobs() = job;
  EXPECT_THAT(JobsText(list), Not(HasSubstr("archived")));
  job.set_archived_at_ms(1'700'000'000'000);
  job.set_keeps("front");
  EXPECT_THAT(JobText(detail), HasSubstr(": keeps the weights of its front; nothing can be added"));
  *list.add_jobs() = job;
  EXPECT_THAT(JobsText(list), HasSubstr("FINISHED, archived"));
}

TEST(ListingsTest, WhatIsWrongWithWorkersStandsBelowTheTable) {
  v1::WorkerList list;
  v1::Worker& well = *list.add_workers();
  well.set_worker("a");
  well.set_connected(true);
  well.set_device("cpu");
  EXPECT_THAT(WorkersText(list), HasSubstr("cpu     -"));
  SetList(well.mutable_fast_precisions(), {"tf32", "bfloat16"});
  EXPECT_THAT(WorkersText(list), HasSubstr("cpu     tf32 bfloat16"));
  EXPECT_THAT(WorkersText(list), Not(HasSubstr("worker a")));
  v1::Worker& quarantined = *list.add_workers();
  quarantined.set_worker("b");
  quarantined.set_connected(true);
  quarantined.set_quarantined(true);
  quarantined.set_problem("quarantined until it is started again: no GPU\x1b");
  v1::Worker& full = *list.add_workers();
  full.set_worker("c");
  full.set_connected(true);
  full.set_problem("the artifact folder is full");
  for (const int64_t seed : {1, 2}) {  // of two jobs' splits
    v1::WorkerData& data = *full.add_data();
    data.set_data_set("cifar10");
    data.set_split_seed(seed);
    data.set_problem("train.bin: cut short");
  }
  v1::Worker& gone = *list.add_workers();
  gone.set_worker("d");
  gone.add_data()->set_problem("old news");
  const std::string text = WorkersText(list);
  EXPECT_THAT(text, HasSubstr("\n\nworker b: quarantined until it is started again: no GPU?\n"
                              "worker c takes no task: the artifact folder is full\n"
                              "worker c cannot use data set cifar10: train.bin: cut short\n"));
  EXPECT_EQ(text.find("cut short"), text.rfind("cut short"));
  EXPECT_THAT(text, Not(HasSubstr("old news")));
  for (const char* state : {"a       connected", "b       quarantined", "c       takes no task",
                            "d       not connected"}) {
    EXPECT_THAT(text, HasSubstr(state));
  }
}

}  // namespace
}  // namespace reluscape
