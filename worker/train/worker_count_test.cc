#include "worker/train/worker_count.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "search/vocabulary/stage.h"
#include "search/vocabulary/states.h"

namespace reluscape {
namespace {

using Tasks = std::vector<std::pair<Stage, TaskState>>;

v1::JobDetail Job(const std::vector<Tasks>& candidates) {
  v1::JobDetail job;
  for (const Tasks& tasks : candidates) {
    v1::Candidate& candidate = *job.add_candidates();
    for (const auto& [stage, state] : tasks) {
      v1::Task& task = *candidate.add_tasks();
      task.set_stage(StageName(stage));
      task.set_state(TaskStateName(state));
    }
  }
  return job;
}

const Tasks kNew = {{Stage::kPretrain, TaskState::kQueued},
                    {Stage::kLinearize, TaskState::kBlocked},
                    {Stage::kFineTune, TaskState::kBlocked},
                    {Stage::kFineTune, TaskState::kBlocked}};
const Tasks kWhole = {{Stage::kPretrain, TaskState::kQueued}};

TEST(WorkerCountTest, FineTunesOfACandidateRunBesideEachOther) {
  EXPECT_EQ(TasksBeside(Job({kNew, kWhole})), 3);
}

TEST(WorkerCountTest, WhatHasEndedDoesNotCount) {
  Tasks begun = kNew;
  begun[0].second = begun[1].second = begun[2].second = TaskState::kSucceeded;
  EXPECT_EQ(TasksBeside(Job({begun})), 1);
  EXPECT_EQ(TasksBeside(Job({{{Stage::kPretrain, TaskState::kCancelled}}})), 0);
}

TEST(WorkerCountTest, WorkersAreAtMostTasksAndCores) {
  EXPECT_EQ(CountWorkers(Job({kWhole, kWhole}), 1, 0).value(), 1);
  EXPECT_EQ(CountWorkers(Job({kWhole}), 64, 0).value(), 1);
  EXPECT_EQ(CountWorkers(Job({}), 2, 0).value(), 1);
  EXPECT_EQ(CountWorkers(Job({kWhole}), 1, 5).value(), 5) << "as asked";
}

TEST(WorkerCountTest, AGpuTakesOne) {
  EXPECT_EQ(CountWorkers(Job({kNew}), 0, 0).value(), 1);
  EXPECT_EQ(CountWorkers(Job({kNew}), 0, 2).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace reluscape
