#include "client/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/format.h"

namespace reluscape {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A Job of one Candidate with one Task per Stage.
class ProgressTest : public ::testing::Test {
 protected:
  ProgressTest() {
    detail_.mutable_job()->set_job(4);
    detail_.mutable_job()->set_name("small");
    detail_.mutable_job()->set_state("RUNNING");
    candidate_ = detail_.add_candidates();
    candidate_->set_name("resnet18@4");
    candidate_->set_relus(1000);
    candidate_->set_macs(1'000'000);
    candidate_->add_budgets(300);
    candidate_->add_budgets(200);
    int64_t number = 0;
    for (const char* stage : {"pretrain", "linearize", "fine-tune"}) {
      v1::Task& task = *candidate_->add_tasks();
      task.set_task(++number);
      task.set_stage(stage);
      task.set_state(number == 1 ? "QUEUED" : "BLOCKED");
    }
    Task(2).set_budget(200);
  }

  v1::Task& Task(int place) { return *candidate_->mutable_tasks(place); }

  // As after `done` of `planned` epochs of 2 s.
  void Run(int place, int64_t done, int64_t planned) {
    v1::Task& task = Task(place);
    task.set_state("LEASED");
    task.set_attempt(1);
    task.set_worker("w");
    task.set_epochs_done(done);
    task.set_epochs_planned(planned);
    task.set_device_seconds(2.0 * static_cast<double>(done));
    if (done > 0) {
      task.mutable_last_epoch()->set_epoch(done - 1);
      task.mutable_last_epoch()->set_seconds(2);
      task.mutable_last_epoch()->set_validation_accuracy(0.5);
    }
  }

  v1::JobDetail detail_;
  v1::Candidate* candidate_ = nullptr;
};

TEST_F(ProgressTest, EpochsMeasureATask) {
  Run(0, 5, 20);
  EXPECT_DOUBLE_EQ(TaskFraction(*candidate_, Task(0)), 0.25);
  EXPECT_DOUBLE_EQ(TaskSecondsLeft(*candidate_, Task(0)), 30);
}

TEST_F(ProgressTest, AnEpochsTimeServesUntilTheDevicesIsKnown) {
  Run(0, 1, 20);
  Task(0).set_device_seconds(0);
  EXPECT_DOUBLE_EQ(TaskSecondsLeft(*candidate_, Task(0)), 38);
  Run(1, 1, 2000);
  Task(1).set_device_seconds(0);
  Task(1).mutable_last_epoch()->set_relus(900);
  EXPECT_LT(TaskSecondsLeft(*candidate_, Task(1)), 0);  // the cap alone says nothing
}

TEST_F(ProgressTest, RelusMeasureTheDescent) {
  Run(1, 10, 2000);
  Task(1).mutable_last_epoch()->set_relus(600);
  EXPECT_DOUBLE_EQ(TaskFraction(*candidate_, Task(1)), 0.5);
  EXPECT_DOUBLE_EQ(TaskSecondsLeft(*candidate_, Task(1)), 20);
}

TEST_F(ProgressTest, TheCapLimitsTheDescentsTime) {
  Run(1, 10, 12);
  Task(1).mutable_last_epoch()->set_relus(990);
  EXPECT_DOUBLE_EQ(TaskSecondsLeft(*candidate_, Task(1)), 4);
}

TEST_F(ProgressTest, NothingIsKnownBeforeTheFirstEpoch) {
  Run(0, 0, 20);
  EXPECT_LT(TaskSecondsLeft(*candidate_, Task(0)), 0);
  EXPECT_FALSE(JobTimeLeft(detail_).complete);
}

TEST_F(ProgressTest, JobsTimeTakesWaitingTasksFromTheirStagesCost) {
  v1::Candidate other = *candidate_;
  other.set_macs(3'000'000);
  other.mutable_tasks()->DeleteSubrange(1, 2);
  candidate_->mutable_tasks()->DeleteSubrange(1, 2);
  Run(0, 5, 20);  // 10 s spent, 30 s left: 40 s for a million MACs
  *detail_.add_candidates() = other;
  const TimeLeft left = JobTimeLeft(detail_);
  EXPECT_TRUE(left.complete);
  EXPECT_DOUBLE_EQ(left.seconds, 30 + 120);
}

TEST_F(ProgressTest, LinesTellChangesOnce) {
  ProgressLines lines(/*epochs=*/true);
  EXPECT_THAT(lines.Update(detail_), ElementsAre(HasSubstr("job 4 \"small\" RUNNING")));
  EXPECT_THAT(lines.Update(detail_), IsEmpty());
  Run(0, 0, 40);
  EXPECT_THAT(lines.Update(detail_), ElementsAre("resnet18@4: pretrain started on w"));
  Run(0, 3, 40);
  EXPECT_THAT(lines.Update(detail_), IsEmpty());  // less than a tenth
  Run(0, 4, 40);
  EXPECT_THAT(lines.Update(detail_),
              ElementsAre("resnet18@4: pretrain epoch 4 of 40, validation 50.0 %, 1:12 left"));
  EXPECT_THAT(lines.Update(detail_), IsEmpty());
  Task(0).set_state("SUCCEEDED");
  EXPECT_THAT(lines.Update(detail_), ElementsAre(HasSubstr("resnet18@4: pretrain done")));
}

TEST_F(ProgressTest, LinesTellLostLeasesAndFailures) {
  ProgressLines lines(/*epochs=*/true);
  Run(0, 4, 40);
  lines.Update(detail_);
  Task(0).set_state("QUEUED");
  Task(0).set_message("the lease of w ended");
  EXPECT_THAT(lines.Update(detail_),
              ElementsAre("resnet18@4: pretrain is back in the queue: the lease of w ended"));
  Run(0, 4, 40);
  Task(0).set_attempt(2);
  EXPECT_THAT(lines.Update(detail_), ElementsAre(HasSubstr("pretrain resumes as attempt 2 on w")));
  Task(0).set_state("FAILED");
  Task(0).set_message("loss is nan");
  EXPECT_THAT(lines.Update(detail_), ElementsAre("resnet18@4: pretrain FAILED: loss is nan"));
}

TEST_F(ProgressTest, TheEndOfTheJobIsTheLastLine) {
  ProgressLines lines(/*epochs=*/false);
  Run(0, 4, 40);
  lines.Update(detail_);
  Task(0).set_state("SUCCEEDED");
  detail_.mutable_job()->set_state("FINISHED");
  detail_.mutable_job()->set_created_at_ms(1'000);
  detail_.mutable_job()->set_finished_at_ms(62'000);
  detail_.mutable_job()->set_results(1);
  const std::vector<std::string> last = lines.Update(detail_);
  ASSERT_EQ(last.size(), 2);
  EXPECT_THAT(last[1], HasSubstr("FINISHED"));
  EXPECT_THAT(last[1], HasSubstr("1 result, took 1:01"));
}

TEST_F(ProgressTest, WithoutEpochsOnlyStatesAreTold) {
  ProgressLines lines(/*epochs=*/false);
  Run(0, 0, 40);
  lines.Update(detail_);
  Run(0, 39, 40);
  EXPECT_THAT(lines.Update(detail_), IsEmpty());
}

TEST_F(ProgressTest, BlockShowsABarPerRunningTaskAndFitsTheTerminal) {
  Run(0, 10, 20);
  (*detail_.mutable_job()->mutable_tasks())["LEASED"] = 1;
  const std::vector<std::string> block = ProgressBlock(detail_, /*width=*/79, /*lines=*/10);
  ASSERT_EQ(block.size(), 2);
  EXPECT_THAT(block[0], HasSubstr("1 running"));
  EXPECT_THAT(block[0], HasSubstr("more than 0:20 left"));
  EXPECT_THAT(block[1], HasSubstr("[##########..........] epoch 10 of 20"));
  for (const std::string& line : ProgressBlock(detail_, /*width=*/40, /*lines=*/10)) {
    EXPECT_LE(DisplayWidth(line), 40);
  }
}

TEST_F(ProgressTest, BlockKeepsToItsLines) {
  Run(0, 10, 20);
  Run(1, 10, 20);
  Run(2, 10, 20);
  const std::vector<std::string> block = ProgressBlock(detail_, /*width=*/79, /*lines=*/3);
  ASSERT_EQ(block.size(), 3);
  EXPECT_EQ(block[2], "... and 2 more");
  EXPECT_THAT(ProgressBlock(detail_, 79, 4), Not(Contains(HasSubstr("more"))));
}

TEST_F(ProgressTest, AJobThatWaitsSaysOnceWhatKeepsEachWorker) {
  v1::Job& job = *detail_.mutable_job();
  ProgressLines lines(/*epochs=*/true);
  lines.Update(detail_);
  job.add_obstacles("worker b: disk full\x1b");
  EXPECT_THAT(lines.Update(detail_), IsEmpty());  // it does not wait
  job.set_message("no worker can take its tasks");
  EXPECT_THAT(lines.Update(detail_),
              ElementsAre("no worker can take its tasks", "  worker b: disk full?"));
  EXPECT_THAT(lines.Update(detail_), IsEmpty());
  job.add_obstacles("worker c: no path for cifar10");
  EXPECT_THAT(lines.Update(detail_), ElementsAre("  worker c: no path for cifar10"));
  // Mended, and wrong again.
  job.clear_obstacles();
  EXPECT_THAT(lines.Update(detail_), IsEmpty());
  job.add_obstacles("worker c: no path for cifar10");
  EXPECT_THAT(lines.Update(detail_), ElementsAre("  worker c: no path for cifar10"));
  EXPECT_THAT(lines.Update(detail_), IsEmpty());
}

}  // namespace
}  // namespace reluscape
