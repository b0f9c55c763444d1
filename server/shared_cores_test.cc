// Workers that share the cores of a machine: how many threads a Job gets, and what waits for cores.

#include "server/coordinator_test_util.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr int64_t kCores = 4;

class SharedCoresTest : public CoordinatorTest {
 protected:
  // One of four workers of one machine.
  std::vector<v1::Lease> Ask(const std::string& worker, std::vector<v1::TaskReport> reports = {}) {
    v1::SynchronizeRequest request = Request(worker, std::move(reports));
    request.mutable_worker()->set_machine("m");
    request.mutable_worker()->set_cores(kCores);
    request.mutable_worker()->set_sharers(kCores);
    return Call(request);
  }
  JobId SubmitOf(int64_t replicates, int64_t threads = 0, const std::string& network = "resnet18") {
    v1::JobSpec spec = SmallJob();
    SetList(spec.mutable_candidates()->mutable_networks(), {network});
    spec.mutable_candidates()->set_replicates(replicates);
    spec.set_threads(threads);
    return Submit(spec);
  }
};

TEST_F(SharedCoresTest, TheThreadsOfAJobAreChosenWhenItBeginsAndStay) {
  const JobId job = SubmitOf(2);
  EXPECT_EQ(Job(job).threads(), 0);
  const std::vector<v1::Lease> first = Ask("a");
  ASSERT_THAT(first, SizeIs(1));
  EXPECT_EQ(first[0].description().threads(), 2) << "two candidates on four cores";
  EXPECT_EQ(Job(job).threads(), 2);
  EXPECT_EQ(CountEvents("job.threads"), 1);
  Restart();
  EXPECT_THAT(Ask("a"), SizeIs(1));
  EXPECT_EQ(Ask("b").at(0).description().threads(), 2);
  EXPECT_EQ(CountEvents("job.threads"), 1);
}

TEST_F(SharedCoresTest, WhatTheJobFileSaysIsNotChosen) {
  const JobId job = SubmitOf(2, /*threads=*/3);
  EXPECT_EQ(Ask("a").at(0).description().threads(), 3);
  EXPECT_EQ(Job(job).threads(), 3);
  EXPECT_EQ(CountEvents("job.threads"), 0);
}

TEST_F(SharedCoresTest, ATaskWaitsUntilCoresAreFree) {
  SubmitOf(3, /*threads=*/2);
  const v1::Lease first = Ask("a").at(0);
  EXPECT_THAT(Ask("b"), SizeIs(1));
  EXPECT_THAT(Ask("c"), IsEmpty()) << "all four cores are taken";
  Ask("a", {Pretrained(first)});  // and goes on with the linearize
  EXPECT_THAT(Ask("c"), IsEmpty());
}

TEST_F(SharedCoresTest, ATaskOfMoreThreadsThanCoresRunsAlone) {
  SubmitOf(2, /*threads=*/16);
  EXPECT_THAT(Ask("a"), SizeIs(1));
  EXPECT_THAT(Ask("b"), IsEmpty());
}

TEST_F(SharedCoresTest, SmallerTasksOfLaterJobsTakeNoPlaceThatAnOlderJobWaitsFor) {
  SubmitOf(2, /*threads=*/3);
  EXPECT_THAT(Ask("a"), SizeIs(1));
  SubmitOf(1, /*threads=*/1);
  EXPECT_THAT(Ask("b"), IsEmpty());
}

TEST_F(SharedCoresTest, OtherMachinesAndOwnCoresAreNotCounted) {
  SubmitOf(3, /*threads=*/4);
  EXPECT_THAT(Ask("a"), SizeIs(1));
  v1::SynchronizeRequest alone = Request("alone");
  alone.mutable_worker()->set_cores(1);
  EXPECT_THAT(Call(alone), SizeIs(1));
  v1::SynchronizeRequest gpu = Request("gpu");
  gpu.mutable_worker()->set_machine("m");
  EXPECT_THAT(Call(gpu), SizeIs(1)) << "it needs none of the cores";
}

}  // namespace
}  // namespace reluscape
