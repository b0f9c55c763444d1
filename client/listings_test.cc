#include "client/listings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::StageCriticality Stage(int64_t stage, int64_t relus, double accuracy, double score,
                           int64_t rank) {
  v1::StageCriticality message;
  message.set_stage(stage);
  message.set_relus(relus);
  message.set_accuracy(accuracy);
  message.set_accuracy_lowest(accuracy - 0.01);
  message.set_accuracy_highest(accuracy + 0.01);
  message.set_replicates(2);
  message.set_score(score);
  message.set_rank(rank);
  return message;
}

TEST(ListingsTest, CriticalityIsShownMostCriticalStageFirst) {
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
  *network.add_stages() = Stage(1, 8192, 0.5, 0, 2);
  *network.add_stages() = Stage(2, 4096, 0.625, 0.06981, 1);
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

}  // namespace
}  // namespace reluscape
