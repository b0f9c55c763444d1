#include "server/job_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "search/vocabulary/json_test_util.h"
#include "search/vocabulary/messages.h"
#include "search/vocabulary/recipe.h"

namespace reluscape {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

v1::JobSpec Spec() {
  return FromJson<v1::JobSpec>(R"({"data": {"set": "toy", "classes": 10, "side": 32},
                                   "candidates": {"networks": ["resnet18@4", "resnet18@8"]},
                                   "budgets": {"fractions": [0.1, 0.5]}})");
}

std::string ErrorOf(const v1::JobSpec& spec) {
  const auto plan = PlanJob(spec);
  EXPECT_EQ(plan.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(plan.status().message());
}

TEST(JobPlannerTest, CandidatesAreNetworksTimesReplicates) {
  v1::JobSpec spec = Spec();
  spec.mutable_candidates()->set_replicates(3);
  const auto plan = PlanJob(spec);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_THAT(plan->candidates, SizeIs(6));
  EXPECT_EQ(plan->candidates[0].name, "resnet18@4");
  EXPECT_EQ(plan->candidates[2].replicate, 2);
  EXPECT_EQ(plan->candidates[3].name, "resnet18@8");
  EXPECT_THAT(plan->candidates[0].budgets, ElementsAre(15360, 3072));
  EXPECT_EQ(plan->preview.candidates(), 6);
  EXPECT_EQ(plan->preview.tasks().at("pretrain"), 6);
  EXPECT_EQ(plan->preview.tasks().at("linearize"), 6);
  EXPECT_EQ(plan->preview.tasks().at("fine-tune"), 12);
  EXPECT_EQ(plan->preview.networks(1).replicates(), 3);
  EXPECT_EQ(plan->preview.networks(1).relus(), 61440);
  EXPECT_EQ(plan->job.recipe, RecipeHash(spec.stages()));
  EXPECT_EQ(plan->preview.recipe(), plan->job.recipe.substr(0, 12));
}

TEST(JobPlannerTest, SplitSeedIsTheJobsAlone) {
  v1::JobSpec spec = Spec();
  const uint64_t split = PlanJob(spec)->job.split_seed;
  spec.mutable_candidates()->mutable_networks()->RemoveLast();
  EXPECT_EQ(PlanJob(spec)->job.split_seed, split);
  spec.set_seed(99);
  EXPECT_NE(PlanJob(spec)->job.split_seed, split);
}

TEST(JobPlannerTest, BudgetsAreNeeded) {
  v1::JobSpec spec = Spec();
  spec.clear_budgets();
  EXPECT_THAT(ErrorOf(spec), HasSubstr("budgets"));
}

TEST(JobPlannerTest, ObjectivesMustBeKnown) {
  v1::JobSpec spec = Spec();
  SetList(spec.mutable_objectives(), {"relus", "papers.teleport_s"});
  EXPECT_THAT(ErrorOf(spec), HasSubstr("objectives[1]: found \"papers.teleport_s\""));
  spec.mutable_objectives()->Clear();
  EXPECT_THAT(ErrorOf(spec), HasSubstr("objectives"));
  SetList(spec.mutable_objectives(), {"papers.online_s", "macs", "parameters"});
  EXPECT_TRUE(PlanJob(spec).ok());
}

TEST(JobPlannerTest, TasksAreLimited) {
  v1::JobSpec spec = Spec();
  spec.mutable_candidates()->clear_networks();
  for (int width = 1; width <= 250; ++width) {
    spec.mutable_candidates()->add_networks(absl::StrCat("resnet18@", width));
  }
  spec.mutable_candidates()->set_replicates(40);  // 250 * 40 * (2 + 10) = 120000 tasks
  spec.clear_budgets();
  for (int i = 1; i <= 10; ++i) spec.mutable_budgets()->add_relus(i);
  EXPECT_THAT(ErrorOf(spec), HasSubstr("120000 tasks"));
}

}  // namespace
}  // namespace reluscape
