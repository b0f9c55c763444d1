#include "server/task_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "server/lease_policy.h"
#include "server/task_graph.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr TaskState kAll[] = {TaskState::kBlocked,   TaskState::kQueued, TaskState::kLeased,
                              TaskState::kSucceeded, TaskState::kFailed, TaskState::kCancelled};
const Time kNow = TimeFromUnixMs(1000);
const Time kUntil = TimeFromUnixMs(2000);

TaskRow TaskIn(TaskState state) {
  TaskRow task;
  task.id = TaskId{7};
  task.state = state;
  if (state == TaskState::kLeased) task.lease_until = kUntil;
  return task;
}

TEST(TaskStateTest, OnlyThePicturedTransitionsExist) {
  const std::set<std::pair<TaskState, TaskState>> pictured = {
      {TaskState::kBlocked, TaskState::kQueued},    {TaskState::kQueued, TaskState::kLeased},
      {TaskState::kLeased, TaskState::kQueued},     {TaskState::kLeased, TaskState::kSucceeded},
      {TaskState::kLeased, TaskState::kFailed},     {TaskState::kBlocked, TaskState::kCancelled},
      {TaskState::kQueued, TaskState::kCancelled},  {TaskState::kLeased, TaskState::kCancelled},
      {TaskState::kQueued, TaskState::kBlocked},    {TaskState::kLeased, TaskState::kBlocked},
      {TaskState::kSucceeded, TaskState::kBlocked}, {TaskState::kFailed, TaskState::kBlocked},
      {TaskState::kCancelled, TaskState::kBlocked},
  };
  for (const TaskState from : kAll) {
    for (const TaskState to : kAll) {
      EXPECT_EQ(MayBecome(from, to), pictured.contains({from, to}))
          << TaskStateName(from) << " to " << TaskStateName(to);
    }
  }
}

TEST(TaskStateTest, InvalidTransitionIsAnErrorAndChangesNothing) {
  for (const TaskState from : kAll) {
    TaskRow task = TaskIn(from);
    EXPECT_EQ(Unblock(task).ok(), from == TaskState::kBlocked);
    task = TaskIn(from);
    EXPECT_EQ(LeaseTo(task, "a", kNow, kUntil).ok(), from == TaskState::kQueued);
    EXPECT_EQ(task.attempt, from == TaskState::kQueued ? 1 : 0);
    task = TaskIn(from);
    EXPECT_EQ(Requeue(task, "why").ok(), from == TaskState::kLeased);
    task = TaskIn(from);
    EXPECT_EQ(Succeed(task, kNow).ok(), from == TaskState::kLeased);
    task = TaskIn(from);
    EXPECT_EQ(Fail(task, kNow, "why").ok(), from == TaskState::kLeased);
    task = TaskIn(from);
    EXPECT_EQ(Readopt(task, kUntil).ok(), from == TaskState::kQueued);
    task = TaskIn(from);
    EXPECT_EQ(Block(task).ok(), from != TaskState::kBlocked);
    task = TaskIn(from);
    EXPECT_EQ(CancelTask(task, kNow, "why").ok(), !HasEnded(from));
  }
  TaskRow ended = TaskIn(TaskState::kSucceeded);
  const absl::Status status = Fail(ended, kNow, "why");
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("task 7 cannot become FAILED"));
  EXPECT_EQ(ended.state, TaskState::kSucceeded);
  EXPECT_EQ(ended.message, "");
}

TEST(TaskStateTest, ALinearizeThatRunsAgainGoesOnAtItsLastCheckpoint) {
  const v1::Artifact checkpoint = MakeArtifact("sha", 5);
  for (const Stage stage : {Stage::kPretrain, Stage::kLinearize, Stage::kFineTune}) {
    TaskRow task = TaskIn(TaskState::kLeased);
    task.stage = stage;
    task.checkpoint = checkpoint;
    ASSERT_TRUE(Succeed(task, kNow).ok());
    ASSERT_TRUE(Block(task).ok());
    EXPECT_EQ(task.checkpoint, stage == Stage::kLinearize ? checkpoint : v1::Artifact());
    EXPECT_EQ(task.finished_at, std::nullopt);
  }
}

TEST(TaskStateTest, LeaseSetsAndEndClears) {
  TaskRow task = TaskIn(TaskState::kQueued);
  ASSERT_TRUE(LeaseTo(task, "a", kNow, kUntil).ok());
  EXPECT_EQ(task.worker, "a");
  EXPECT_EQ(task.attempt, 1);
  EXPECT_EQ(task.lease_until, kUntil);
  EXPECT_EQ(task.started_at, kNow);
  task.checkpoint = MakeArtifact("abc", 1);
  ASSERT_TRUE(Requeue(task, "why").ok());
  EXPECT_EQ(task.lease_until, std::nullopt);
  EXPECT_EQ(task.message, "why");
  EXPECT_TRUE(IsSet(task.checkpoint));
  ASSERT_TRUE(LeaseTo(task, "b", kUntil, kUntil).ok());
  EXPECT_EQ(task.attempt, 2);
  EXPECT_EQ(task.started_at, kNow) << "the first lease";
  ASSERT_TRUE(Succeed(task, kUntil).ok());
  EXPECT_EQ(task.finished_at, kUntil);
  EXPECT_EQ(task.lease_until, std::nullopt);
  EXPECT_FALSE(IsSet(task.checkpoint));
}

TEST(TaskStateTest, AFailureKeepsTheCheckpointAndACancellationDoesNot) {
  TaskRow failed = TaskIn(TaskState::kLeased);
  failed.checkpoint = MakeArtifact("abc", 1);
  failed.checkpoint_epochs = 4;
  TaskRow cancelled = failed;
  ASSERT_TRUE(Fail(failed, kNow, "why").ok());
  EXPECT_EQ(failed.checkpoint, (MakeArtifact("abc", 1)));
  EXPECT_EQ(failed.checkpoint_epochs, 4);
  ASSERT_TRUE(CancelTask(cancelled, kNow, "why").ok());
  EXPECT_FALSE(IsSet(cancelled.checkpoint));
  EXPECT_EQ(cancelled.checkpoint_epochs, 0);
}

TEST(LeasePolicyTest, AttemptsAreCapped) {
  TaskRow task = TaskIn(TaskState::kQueued);
  for (int lost = 1; lost <= 3; ++lost) {
    ASSERT_TRUE(LeaseTo(task, "a", kNow, kUntil).ok());
    task.attempts_lost = lost;
    ASSERT_TRUE(LoseAttempt(task, /*max_attempts=*/3, "it rained", kNow, kUntil).ok());
    if (lost < 3) {
      EXPECT_EQ(task.not_before, kUntil + PauseAfter(lost));
    }
    EXPECT_EQ(task.state, lost < 3 ? TaskState::kQueued : TaskState::kFailed);
    EXPECT_THAT(task.message, HasSubstr("it rained"));
  }
  EXPECT_EQ(SecondsText(Milliseconds(1500)), "1.5 s");
}

TEST(LeasePolicyTest, PausesDoubleFromASecondToFiveMinutes) {
  EXPECT_EQ(PauseAfter(1), Milliseconds(1'000));
  EXPECT_EQ(PauseAfter(2), Milliseconds(2'000));
  EXPECT_EQ(PauseAfter(9), Milliseconds(256'000));
  EXPECT_EQ(PauseAfter(10), Milliseconds(300'000));
  EXPECT_EQ(PauseAfter(1'000'000), Milliseconds(300'000));
}

TEST(TaskGraphTest, CandidateHasOneFineTunePerBudget) {
  CandidateRow candidate;
  candidate.id = CandidateId{3};
  candidate.job = JobId{2};
  candidate.network_hash = "h";
  candidate.budgets = {200, 100};
  const std::vector<TaskRow> tasks = PlanTasks(candidate, 5);
  ASSERT_THAT(tasks, SizeIs(4));
  EXPECT_EQ(tasks[0].stage, Stage::kPretrain);
  EXPECT_EQ(tasks[0].state, TaskState::kQueued);
  EXPECT_EQ(tasks[1].stage, Stage::kLinearize);
  EXPECT_EQ(tasks[1].state, TaskState::kBlocked);
  EXPECT_EQ(tasks[2].budget, 200);
  EXPECT_EQ(tasks[3].budget, 100);
  EXPECT_EQ(tasks[3].state, TaskState::kBlocked);

  Inputs inputs;
  EXPECT_TRUE(IsReady(tasks[0], inputs));
  EXPECT_FALSE(IsReady(tasks[1], inputs));
  inputs.pretrained = true;
  EXPECT_TRUE(IsReady(tasks[1], inputs));
  EXPECT_FALSE(IsReady(tasks[2], inputs)) << "only its snapshot frees a fine-tune";
  inputs.budgets = {200};
  EXPECT_TRUE(IsReady(tasks[2], inputs));
  EXPECT_FALSE(IsReady(tasks[3], inputs));
  inputs.pretrained = false;
  EXPECT_FALSE(IsReady(tasks[2], inputs)) << "its weights are made again";
}

TEST(TaskGraphTest, CandidateThatIsNotLinearizedHasAPretrainThatWaitsForItsTeacher) {
  CandidateRow teacher;
  teacher.id = CandidateId{3};
  teacher.role = CandidateRole::kTeacher;
  CandidateRow whole = teacher;
  whole.id = CandidateId{4};
  whole.role = CandidateRole::kWhole;
  whole.budgets = {200};
  whole.teacher = teacher.id;
  const std::vector<TaskRow> lessons = PlanTasks(teacher, 5);
  const std::vector<TaskRow> tasks = PlanTasks(whole, 5);
  ASSERT_THAT(lessons, SizeIs(1));
  ASSERT_THAT(tasks, SizeIs(1));
  EXPECT_EQ(lessons[0].state, TaskState::kQueued);
  EXPECT_EQ(tasks[0].stage, Stage::kPretrain);
  EXPECT_EQ(tasks[0].budget, 0);
  EXPECT_EQ(tasks[0].state, TaskState::kBlocked);
  Inputs inputs;
  inputs.teacher = false;
  EXPECT_FALSE(IsReady(tasks[0], inputs));
  inputs.teacher = true;
  EXPECT_TRUE(IsReady(tasks[0], inputs));
}

TEST(TaskGraphTest, SeedsFollowNetworkReplicateStageAndJob) {
  CandidateRow candidate;
  candidate.network_hash = "h";
  candidate.budgets = {200, 100};
  const std::vector<TaskRow> base = PlanTasks(candidate, 5);
  EXPECT_EQ(base[2].seed, base[3].seed) << "budgets differ in nothing but the budget";
  std::set<uint64_t> seeds = {base[0].seed, base[1].seed, base[2].seed};
  const std::vector<TaskRow> other_job = PlanTasks(candidate, 6);
  seeds.insert(other_job[0].seed);
  candidate.replicate = 1;
  seeds.insert(PlanTasks(candidate, 5)[0].seed);
  candidate.replicate = 0;
  EXPECT_EQ(PlanTasks(candidate, 5)[0].seed, base[0].seed);
  candidate.network_hash = "other";
  seeds.insert(PlanTasks(candidate, 5)[0].seed);
  EXPECT_THAT(seeds, SizeIs(6));
}

}  // namespace
}  // namespace reluscape
