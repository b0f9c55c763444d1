#include "base/machine.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace reluscape {
namespace {

class MachineTest : public testing::Test {
 protected:
  MachineTest() { std::filesystem::remove_all(root_); }

  void File(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  const std::filesystem::path root_ = std::filesystem::path(testing::TempDir()) / "machine_test" /
                                      testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(MachineTest, WhereNothingLimitsItTheCoresAreThoseToRunOn) {
  const int64_t cores = UsableCores(root_);
  EXPECT_GE(cores, 1);
  File("proc/self/cgroup", "0::/\n");
  File("sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(UsableCores(root_), cores);
}

TEST_F(MachineTest, AnyControlGroupAboveLimitsTheCoresToo) {
  File("proc/self/cgroup", "1:name=systemd:/old\n0::/user.slice/mine\n");
  File("sys/fs/cgroup/user.slice/cpu.max", "50000 100000\n");
  File("sys/fs/cgroup/user.slice/mine/cpu.max", "max 100000\n");
  EXPECT_EQ(UsableCores(root_), 1);
}

TEST_F(MachineTest, ReadsControlGroupsOfVersion1) {
  File("proc/meminfo", "MemAvailable:   1000 kB\n");
  File("proc/self/cgroup", "5:devices:/jobs\n4:cpu,cpuacct:/jobs\n3:memory:/jobs\n0::/\n");
  File("sys/fs/cgroup/cpu/jobs/cpu.cfs_quota_us", "-1\n");
  File("sys/fs/cgroup/cpu/jobs/cpu.cfs_period_us", "100000\n");
  const int64_t cores = UsableCores();
  EXPECT_EQ(UsableCores(root_), cores);
  File("sys/fs/cgroup/cpu/jobs/cpu.cfs_quota_us", "100000\n");
  EXPECT_EQ(UsableCores(root_), 1);
  File("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "9223372036854771712\n");  // none
  File("sys/fs/cgroup/memory/jobs/memory.usage_in_bytes", "200000\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 1'024'000);
  File("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "600000\n");
  File("sys/fs/cgroup/memory/jobs/memory.stat", "inactive_file 1\ntotal_inactive_file 100000\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 500'000);
}

// The table has the machine's path, the container sees its own group at the top.
TEST_F(MachineTest, InAContainerTheTopIsItsOwnGroup) {
  File("proc/meminfo", "MemAvailable:   1000 kB\n");
  File("proc/self/cgroup", "0::/machine/container\n");
  File("sys/fs/cgroup/memory.max", "500000\n");
  File("sys/fs/cgroup/memory.current", "100000\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 400'000);
}

TEST_F(MachineTest, WhatCannotBeReadLimitsNothing) {
  const int64_t cores = UsableCores(root_);
  File("proc/self/cgroup", "0::/\n");
  for (const char* text : {"", "x y\n", "0 0\n", "-1 100000\n", "100000\n"}) {
    File("sys/fs/cgroup/cpu.max", text);
    EXPECT_EQ(UsableCores(root_), cores) << text;
  }
}

TEST_F(MachineTest, MemoryIsWhatTheMachineAndEveryControlGroupLeave) {
  EXPECT_EQ(UsableMemoryBytes(root_), 0);
  File("proc/meminfo", "MemTotal:  4000 kB\nMemAvailable:  2000 kB\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 2000 * 1024);
  File("proc/self/cgroup", "0::/a\n");
  File("sys/fs/cgroup/a/memory.max", "max\n");
  File("sys/fs/cgroup/a/memory.current", "1000\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 2000 * 1024);
  File("sys/fs/cgroup/a/memory.max", "5000\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 4000);
  File("sys/fs/cgroup/a/memory.stat", "active_file 7\ninactive_file 300\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 4300);
  File("sys/fs/cgroup/a/memory.current", "9000\n");
  EXPECT_EQ(UsableMemoryBytes(root_), 0);
}

TEST_F(MachineTest, WorkersFitIntoCoresAndMemory) {
  EXPECT_EQ(WorkersThatFit(8, root_), 8) << "nothing says how much memory there is";
  File("proc/meminfo", "MemAvailable:  7000000 kB\n");
  EXPECT_EQ(WorkersThatFit(8, root_), 3);
  EXPECT_EQ(WorkersThatFit(2, root_), 2);
  File("proc/meminfo", "MemAvailable:  1000 kB\n");
  EXPECT_EQ(WorkersThatFit(8, root_), 1);
}

TEST_F(MachineTest, AMachineHasOneName) {
  EXPECT_EQ(MachineName(), MachineName());
  EXPECT_EQ(MachineName().find(HostName()), 0U);
}

}  // namespace
}  // namespace reluscape
