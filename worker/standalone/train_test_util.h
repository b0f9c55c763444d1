#pragma once

// A small job and a folder for it.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "worker/standalone/train_plan.h"

namespace reluscape {

// Two networks and two Budgets: 8 Tasks. `more` stands before the closing brace.
inline std::string SmallJob(const std::string& more = "") {
  return R"({"name": "small", "data": {"set": "synthetic"},
             "candidates": {"networks": ["resnet18@2", "resnet20@2"]},
             "budgets": {"fractions": [0.5, 0.1]},
             "stages": {"pretrain": {"epochs": 3}, "fine_tune": {"epochs": 2}})" +
         more + "}";
}

inline TrainPlan PlanOf(const std::string& job_json) {
  absl::StatusOr<TrainPlan> plan = PlanTraining(job_json);
  EXPECT_TRUE(plan.ok()) << plan.status();
  return *std::move(plan);
}

// An empty folder's path; the folder is not there yet.
inline std::filesystem::path FreshFolder() {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  std::filesystem::path path = std::filesystem::path(::testing::TempDir()) /
                               (std::string(test->test_suite_name()) + "." + test->name());
  std::filesystem::remove_all(path);
  return path;
}

}  // namespace reluscape
