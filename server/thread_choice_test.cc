#include "server/thread_choice.h"

#include <gtest/gtest.h>

namespace reluscape {
namespace {

constexpr int64_t kLarge = 555'468'800;  // resnet18

TEST(ThreadChoiceTest, EnoughTasksGetOneThreadEach) {
  EXPECT_EQ(ChooseThreads({{.cores = 2, .workers = 2}}, 2, kLarge), 1);
  EXPECT_EQ(ChooseThreads({{.cores = 16, .workers = 16}}, 100, kLarge), 1);
}

TEST(ThreadChoiceTest, FewTasksShareAllCores) {
  EXPECT_EQ(ChooseThreads({{.cores = 2, .workers = 2}}, 1, kLarge), 2);
  EXPECT_EQ(ChooseThreads({{.cores = 16, .workers = 16}}, 3, kLarge), 5);
  // Five tasks of three threads each run beside each other.
  EXPECT_EQ(ChooseThreads({{.cores = 16, .workers = 16}}, 5, kLarge), 3);
}

TEST(ThreadChoiceTest, FewWorkersGetAllCores) {
  EXPECT_EQ(ChooseThreads({{.cores = 8, .workers = 1}}, 100, kLarge), 8);
  EXPECT_EQ(ChooseThreads({{.cores = 8, .workers = 2}}, 100, kLarge), 4);
}

TEST(ThreadChoiceTest, SmallNetworksUseOneThread) {
  EXPECT_EQ(ChooseThreads({{.cores = 16, .workers = 16}}, 1, 2'200'000), 1);
  EXPECT_EQ(ChooseThreads({{.cores = 16, .workers = 16}}, 1, 34'900'000), 3);
}

TEST(ThreadChoiceTest, SeveralMachinesCountTogether) {
  const std::vector<SharedCores> two = {{.cores = 4, .workers = 4}, {.cores = 2, .workers = 2}};
  EXPECT_EQ(ChooseThreads(two, 6, kLarge), 1);
  EXPECT_EQ(ChooseThreads(two, 3, kLarge), 2);
  EXPECT_EQ(ChooseThreads(two, 2, kLarge), 4);
}

TEST(ThreadChoiceTest, WithoutCoresItIsOneThread) {
  EXPECT_EQ(ChooseThreads({}, 3, kLarge), 1);
  EXPECT_EQ(ChooseThreads({{.cores = 4, .workers = 4}}, 0, kLarge), 4);
}

TEST(ThreadChoiceTest, ATaskWaitsForCoresAndALargeOneRunsAlone) {
  EXPECT_TRUE(HaveRoom(2, 1, 1));
  EXPECT_FALSE(HaveRoom(2, 1, 2));
  EXPECT_FALSE(HaveRoom(2, 2, 1));
  EXPECT_TRUE(HaveRoom(2, 8, 0));
  EXPECT_TRUE(HaveRoom(0, 8, 100));
}

}  // namespace
}  // namespace reluscape
