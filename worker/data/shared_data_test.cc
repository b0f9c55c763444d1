#include "worker/data/shared_data.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace reluscape {
namespace {

v1::DataRequest Synthetic(int64_t images) {
  v1::DataRequest request;
  v1::DataSpec& data = *request.mutable_data();
  data.set_set("synthetic");
  data.set_classes(10);
  data.set_side(32);
  data.set_train_images(images);
  data.set_validation_images(50);
  data.set_test_images(50);
  request.set_split_seed(7);
  return request;
}

class SharedDataTest : public testing::Test {
 protected:
  std::shared_ptr<const DataSet> Load(int64_t images) {
    auto set = shared_.Load(Synthetic(images), "", "", {});
    EXPECT_TRUE(set.ok()) << set.status();
    return set.ok() ? *set : nullptr;
  }

  SharedData shared_;
};

TEST_F(SharedDataTest, WhatIsAsItWasIsInMemoryOnce) {
  const auto first = Load(100);
  EXPECT_EQ(first->train.count(), 100);
  EXPECT_EQ(Load(100), first);
  const auto other = Load(120);
  EXPECT_EQ(other->train.count(), 120);
  EXPECT_EQ(first->train.count(), 100) << "who holds a set keeps it";
}

TEST_F(SharedDataTest, WhatNobodyHoldsIsFree) {
  const std::weak_ptr<const DataSet> first = Load(100);
  EXPECT_TRUE(first.expired());
}

TEST_F(SharedDataTest, AFailureIsEachCallersOwn) {
  v1::DataRequest wrong = Synthetic(100);
  wrong.mutable_data()->set_set("cifar10");
  EXPECT_EQ(shared_.Load(wrong, "/nonexistent", "", {}).status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_NE(Load(100), nullptr);
}

TEST_F(SharedDataTest, ManyThatAskTogetherHoldOneSet) {
  std::vector<std::shared_ptr<const DataSet>> sets(8);
  {
    std::vector<std::jthread> threads;
    threads.reserve(sets.size());
    for (auto& set : sets) threads.emplace_back([&] { set = Load(400); });
  }
  for (const auto& set : sets) EXPECT_EQ(set, sets[0]);
}

TEST_F(SharedDataTest, AStopIsSeen) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(shared_.Load(Synthetic(100), "", "", stop.get_token()).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_NE(Load(100), nullptr);
}

}  // namespace
}  // namespace reluscape
