// A job comes to the same tasks and seeds with a coordinator and without one.

#include <gtest/gtest.h>

#include <cstddef>
#include <vector>

#include "search/wire/job.h"
#include "server/job_planner.h"
#include "server/task_graph.h"
#include "worker/standalone/train_plan.h"

namespace reluscape {
namespace {

constexpr char kJob[] = R"({
  "data": {"set": "cifar100"},
  "candidates": {"networks": ["resnet18@4", "resnet20@8"], "replicates": 2,
                 "deepreshape": [{"backbone": "resnet18", "base_channels": [4],
                                  "order": [3, 2, 4, 1], "max_multiplier": 8}]},
  "budgets": {"relus": [3000], "fractions": [0.5, 0.1]},
  "seed": 12345
})";

// DeepReDuce networks learn from their backbone and are trained whole.
constexpr char kWholeJob[] = R"({
  "data": {"set": "cifar100"},
  "candidates": {"replicates": 2, "deepreduce": [{"backbone": "resnet18@4"}]},
  "seed": 12345
})";

class TrainPlanTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Jobs, TrainPlanTest, ::testing::Values(kJob, kWholeJob));

TEST_P(TrainPlanTest, TasksAndSeedsAreThoseOfACoordinator) {
  const absl::StatusOr<TrainPlan> plan = PlanTraining(GetParam());
  ASSERT_TRUE(plan.ok()) << plan.status();
  const absl::StatusOr<JobPlan> stored = PlanJob(plan->spec, plan->job_json, plan->recipe);
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(plan->recipe, stored->job.recipe);
  EXPECT_EQ(plan->split_seed, stored->job.split_seed);
  ASSERT_EQ(plan->candidates.size(), stored->candidates.size());
  ASSERT_GT(plan->candidates.size(), 4u);  // the generated ones, too

  size_t compared = 0;
  for (size_t i = 0; i < stored->candidates.size(); ++i) {
    CandidateRow row = stored->candidates[i];
    row.id = CandidateId{static_cast<int64_t>(i) + 1};
    const PlannedCandidate& candidate = plan->candidates[i];
    EXPECT_EQ(candidate.network, row.network);
    EXPECT_EQ(candidate.replicate, row.replicate);
    EXPECT_EQ(candidate.budgets, row.budgets);
    EXPECT_EQ(candidate.role, row.role);
    const int64_t teacher = stored->teachers[i];
    EXPECT_EQ(candidate.teacher ? static_cast<int64_t>(*candidate.teacher) : -1, teacher);
    if (teacher >= 0) row.teacher = CandidateId{teacher + 1};
    const std::vector<TaskRow> tasks = PlanTasks(row, stored->job.seed);
    ASSERT_EQ(candidate.tasks.size(), tasks.size());
    for (size_t k = 0; k < tasks.size(); ++k, ++compared) {
      const PlannedTask& task = plan->tasks[candidate.tasks[k]];
      EXPECT_EQ(task.stage, tasks[k].stage);
      EXPECT_EQ(task.budget, tasks[k].budget);
      EXPECT_EQ(task.seed, tasks[k].seed) << candidate.name << " " << StageName(task.stage);
    }
  }
  EXPECT_EQ(compared, plan->tasks.size());
}

TEST(TrainPlanErrorsTest, WrongJobsAreRefusedWithTheSameLines) {
  FieldErrors errors;
  const std::string wrong = R"({"data": {"set": "cifar10"}, "candidates": {"networks": ["nonet@4"]},
                                "budgets": {"relus": [99999999]}})";
  const JobSpec spec = JobSpecFromJson(wrong, errors);
  ASSERT_TRUE(errors.empty());
  const absl::Status refused = PlanTraining(wrong).status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(refused.message(), PlanJob(spec, "{}", "").status().message());
}

}  // namespace
}  // namespace reluscape
