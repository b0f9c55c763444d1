#include "server/job_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"

namespace reluscape {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

JobSpec Spec() {
  JobSpec spec;
  spec.data.set = "toy";
  spec.data.classes = 10;
  spec.data.side = 32;
  spec.candidates.networks = {"resnet18@4", "resnet18@8"};
  spec.budgets.fractions = {0.1, 0.5};
  return spec;
}

std::string ErrorOf(const JobSpec& spec) {
  const auto plan = PlanJob(spec, "{}", Sha256Hex("r"));
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(plan.status().message());
}

TEST(JobPlannerTest, CandidatesAreNetworksTimesReplicates) {
  JobSpec spec = Spec();
  spec.candidates.replicates = 3;
  const auto plan = PlanJob(spec, "{}", Sha256Hex("r"));
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_THAT(plan->candidates, SizeIs(6));
  EXPECT_EQ(plan->candidates[0].name, "resnet18@4");
  EXPECT_EQ(plan->candidates[2].replicate, 2);
  EXPECT_EQ(plan->candidates[3].name, "resnet18@8");
  EXPECT_THAT(plan->candidates[0].budgets, ElementsAre(15360, 3072));
  EXPECT_EQ(plan->preview.candidates, 6);
  EXPECT_EQ(plan->preview.tasks.at("pretrain"), 6);
  EXPECT_EQ(plan->preview.tasks.at("linearize"), 6);
  EXPECT_EQ(plan->preview.tasks.at("fine-tune"), 12);
  EXPECT_EQ(plan->preview.networks.at(1).replicates, 3);
  EXPECT_EQ(plan->preview.networks.at(1).relus, 61440);
  EXPECT_EQ(plan->job.recipe, Sha256Hex("r"));
  EXPECT_EQ(plan->preview.recipe, Sha256Hex("r").substr(0, 12));
}

TEST(JobPlannerTest, SplitSeedIsTheJobsAlone) {
  JobSpec spec = Spec();
  const uint64_t split = PlanJob(spec, "{}", "")->job.split_seed;
  spec.candidates.networks.pop_back();
  EXPECT_EQ(PlanJob(spec, "{}", "")->job.split_seed, split);
  spec.seed = 99;
  EXPECT_NE(PlanJob(spec, "{}", "")->job.split_seed, split);
}

TEST(JobPlannerTest, BudgetsAreNeeded) {
  JobSpec spec = Spec();
  spec.budgets = {};
  EXPECT_THAT(ErrorOf(spec), HasSubstr("budgets"));
}

TEST(JobPlannerTest, ObjectivesMustBeKnown) {
  JobSpec spec = Spec();
  spec.objectives = {"relus", "latency.teleport"};
  EXPECT_THAT(ErrorOf(spec), HasSubstr("objectives[1]: found \"latency.teleport\""));
  spec.objectives = {};
  EXPECT_THAT(ErrorOf(spec), HasSubstr("objectives"));
  spec.objectives = {"latency.delphi_online", "macs", "parameters"};
  EXPECT_TRUE(PlanJob(spec, "{}", "").ok());
}

TEST(JobPlannerTest, TasksAreLimited) {
  JobSpec spec = Spec();
  spec.candidates.networks.clear();
  for (int width = 1; width <= 250; ++width) {
    spec.candidates.networks.push_back(absl::StrCat("resnet18@", width));
  }
  spec.candidates.replicates = 40;  // 250 * 40 * (2 + 10) = 120000 tasks
  spec.budgets = {};
  for (int i = 1; i <= 10; ++i) spec.budgets.relus.push_back(i);
  EXPECT_THAT(ErrorOf(spec), HasSubstr("120000 tasks"));
}

TEST(JobPlannerTest, WrongNumbersAreNamed) {
  JobSpec spec = Spec();
  spec.limits.max_attempts = 0;
  spec.candidates.replicates = 0;
  const std::string error = ErrorOf(spec);
  EXPECT_THAT(error, HasSubstr("limits.max_attempts: found 0"));
  EXPECT_THAT(error, HasSubstr("candidates.replicates: found 0"));
}

}  // namespace
}  // namespace reluscape
