#include "worker/torch/host_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace reluscape {
namespace {

// A machine with 1,000 KiB for new programs, as its kernel shows it.
class HostMemoryTest : public testing::Test {
 protected:
  HostMemoryTest()
      : root_(std::filesystem::temp_directory_path() /
              ("reluscape_host_memory_test_" + std::to_string(::getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    Write("proc/meminfo",
          "MemTotal:       4000 kB\nMemFree:         500 kB\nMemAvailable:   1000 kB\n");
  }
  ~HostMemoryTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = root_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  int64_t Free() const { return FreeHostMemory(root_); }

  const std::filesystem::path root_;
};

TEST_F(HostMemoryTest, WithoutGroupsIsWhatTheKernelSays) { EXPECT_EQ(Free(), 1'024'000); }

TEST_F(HostMemoryTest, IsNothingWhereTheKernelDoesNotSay) {
  EXPECT_EQ(FreeHostMemory(root_ / "elsewhere"), 0);
}

TEST_F(HostMemoryTest, TheTightestGroupDecides) {
  Write("proc/self/cgroup", "0::/jobs/one\n");
  Write("sys/fs/cgroup/jobs/one/memory.max", "max\n");
  Write("sys/fs/cgroup/jobs/one/memory.current", "300000\n");
  EXPECT_EQ(Free(), 1'024'000);
  Write("sys/fs/cgroup/jobs/memory.max", "700000\n");
  Write("sys/fs/cgroup/jobs/memory.current", "400000\n");
  EXPECT_EQ(Free(), 300'000);
  // Cache of files is given back where a program needs room.
  Write("sys/fs/cgroup/jobs/memory.stat", "anon 350000\ninactive_file 50000\n");
  EXPECT_EQ(Free(), 350'000);
  Write("sys/fs/cgroup/jobs/one/memory.max", "300001\n");
  EXPECT_EQ(Free(), 1);
  Write("sys/fs/cgroup/jobs/one/memory.max", "200000\n");
  EXPECT_EQ(Free(), 0);
}

TEST_F(HostMemoryTest, ReadsGroupsOfVersion1) {
  Write("proc/self/cgroup", "5:devices:/jobs\n4:cpu,memory:/jobs\n0::/\n");
  Write("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "9223372036854771712\n");  // none
  Write("sys/fs/cgroup/memory/jobs/memory.usage_in_bytes", "200000\n");
  EXPECT_EQ(Free(), 1'024'000);
  Write("sys/fs/cgroup/memory/jobs/memory.limit_in_bytes", "600000\n");
  Write("sys/fs/cgroup/memory/jobs/memory.stat", "inactive_file 1\ntotal_inactive_file 100000\n");
  EXPECT_EQ(Free(), 500'000);
}

// The table has the machine's path, the container sees its own group at the top.
TEST_F(HostMemoryTest, InAContainerTheTopIsItsOwnGroup) {
  Write("proc/self/cgroup", "0::/machine/container\n");
  Write("sys/fs/cgroup/memory.max", "500000\n");
  Write("sys/fs/cgroup/memory.current", "100000\n");
  EXPECT_EQ(Free(), 400'000);
}

TEST(FreeHostMemoryTest, OfThisMachineIsNotNothing) { EXPECT_GT(FreeHostMemory(), 0); }

}  // namespace
}  // namespace reluscape
