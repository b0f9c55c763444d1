#include "worker/torch/device.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <thread>

namespace reluscape {
namespace {

int64_t PageFaultsOfThisThread() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

// Writes to `bytes` of fresh memory and gives them back.
void Use(size_t bytes) {
  void* const block = std::malloc(bytes);
  ASSERT_NE(block, nullptr);
  std::memset(block, 1, bytes);
  asm volatile("" : : "r"(block) : "memory");  // else the compiler leaves all of it out
  std::free(block);
}

// Workers train on a thread of their own.
TEST(KeepFreedMemoryTest, LargeBlocksAreUsedAgainOnAnyThread) {
  KeepFreedMemory();
  constexpr size_t kBlock = size_t{100} << 20;
  int64_t faults = 0;
  std::thread([&] {
    Use(kBlock);
    const int64_t before = PageFaultsOfThisThread();
    for (int i = 0; i < 4; ++i) Use(kBlock);
    faults = PageFaultsOfThisThread() - before;
  }).join();
  // A block has 25,600 pages.
  EXPECT_LT(faults, 100);
}

TEST(DeviceTest, UnknownNamesAreRefusedAndTheCpuIsAlwaysThere) {
  EXPECT_TRUE(ParseDevice("cpu").value().is_cpu());
  for (const char* name : {"", "gpu", "cuda:", "cuda:-1", "cuda:01", "cuda:1234"}) {
    EXPECT_EQ(ParseDevice(name).status().code(), absl::StatusCode::kInvalidArgument) << name;
  }
  // A name, but LibTorch counts no further than 127.
  EXPECT_EQ(ParseDevice("cuda:200").status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(DeviceName(at::kCPU), "cpu");
}

}  // namespace
}  // namespace reluscape
