#include "worker/torch/kernels/gated_relu_plan.h"

#include <gtest/gtest.h>

#include <vector>

namespace reluscape {
namespace {

// How often a launch touches each element of x.
std::vector<int> Touches(const GatedReluShape& shape, const GatedReluPlan& plan) {
  std::vector<int> touches(static_cast<size_t>(shape.elements()));
  for (int64_t block_x = 0; block_x < plan.blocks_x; ++block_x) {
    for (int64_t slice = 0; slice < plan.slices; ++slice) {
      for (int thread_y = 0; thread_y < plan.threads_y; ++thread_y) {
        for (int thread_x = 0; thread_x < plan.threads_x; ++thread_x) {
          const int64_t column = FirstColumn(plan, block_x, thread_x);
          if (column >= shape.values) continue;
          const GatedReluRows rows = RowsOf(plan, shape.outer, slice, thread_y);
          for (int64_t row = rows.first; row < rows.last; row += plan.threads_y) {
            for (int i = 0; i < plan.vector; ++i) {
              ++touches.at(static_cast<size_t>(row * shape.values + column + i));
            }
          }
        }
      }
    }
  }
  return touches;
}

TEST(GatedReluPlanTest, EveryElementIsTouchedOnce) {
  for (const int64_t outer : {1, 2, 31, 128, 1000, 4097}) {
    for (const int64_t values : {1, 3, 8, 64, 100, 257, 1024, 2056}) {
      for (const int widest : {1, 4, 8}) {
        for (const int multiprocessors : {1, 7, 132}) {
          const GatedReluShape shape = {.outer = outer, .values = values, .run = 1};
          const GatedReluPlan plan = PlanGatedRelu(shape, widest, multiprocessors);
          const std::vector<int> touches = Touches(shape, plan);
          EXPECT_EQ(touches, std::vector<int>(touches.size(), 1))
              << outer << " x " << values << ", " << widest << ", " << multiprocessors;
          EXPECT_EQ(plan.threads_x * plan.threads_y, kGatedReluThreads);
          EXPECT_TRUE(IsLaunchable(plan));
        }
      }
    }
  }
}

TEST(GatedReluPlanTest, NoSliceIsEmpty) {
  // The second launch adds what every slice wrote.
  for (int64_t outer = 1; outer < 3000; ++outer) {
    const GatedReluPlan plan = PlanGatedRelu({.outer = outer, .values = 64}, 4, 132);
    ASSERT_LT((plan.slices - 1) * plan.rows_per_slice, outer) << outer;
    ASSERT_GE(plan.slices * plan.rows_per_slice, outer) << outer;
  }
}

TEST(GatedReluPlanTest, WideAccessesWhereTheColumnsAllowThem) {
  EXPECT_EQ(PlanGatedRelu({.outer = 4, .values = 64}, 8, 132).vector, 8);
  EXPECT_EQ(PlanGatedRelu({.outer = 4, .values = 68}, 4, 132).vector, 4);
  EXPECT_EQ(PlanGatedRelu({.outer = 4, .values = 68}, 8, 132).vector, 1);
  EXPECT_EQ(PlanGatedRelu({.outer = 4, .values = 64}, 1, 132).vector, 1);
}

TEST(GatedReluPlanTest, OneUnalignedAddressMakesAccessesNarrow) {
  alignas(64) static constexpr float kMemory[32] = {};
  const float* const base = kMemory;
  EXPECT_EQ(WidestAccess(4, {base, base + 4, nullptr}, base + 4), 4);
  EXPECT_EQ(WidestAccess(4, {base, base + 1}, base), 1);
  EXPECT_EQ(WidestAccess(4, {base}, base + 2), 1);
  // 8 bfloat16 numbers go with 8 floats of the mask.
  EXPECT_EQ(WidestAccess(2, {base, base + 4}, base + 8), 8);
  EXPECT_EQ(WidestAccess(2, {base, base + 4}, base + 4), 1);
}

TEST(GatedReluPlanTest, FillsTheDeviceWithFewPartialSums) {
  // The activations of ResNet18 for 32x32 images: pixels, then channels, of the first section.
  const GatedReluPlan pixels = PlanGatedRelu({.outer = 128, .values = 65536}, 4, 132);
  EXPECT_GE(pixels.blocks_x * pixels.slices, 132 * 3);
  EXPECT_LE(pixels.slices, 16);
  const GatedReluPlan channels = PlanGatedRelu({.outer = 131072, .values = 64}, 4, 132);
  EXPECT_GE(channels.blocks_x * channels.slices, 132 * 3);
  EXPECT_LE(channels.slices * 64, 131072);
  // Rows enough for one slice only.
  EXPECT_EQ(PlanGatedRelu({.outer = 3, .values = 64}, 4, 132).slices, 1);
}

TEST(GatedReluPlanTest, LongSumsAreSplit) {
  const GatedReluPlan plan = PlanGatedRelu({.outer = 1 << 26, .values = 4096}, 4, 1);
  EXPECT_LE(plan.rows_per_slice, 65536);
  EXPECT_TRUE(IsLaunchable(plan));
}

TEST(GatedReluPlanTest, WhatNoGridCoversIsNotLaunchable) {
  const GatedReluShape shape = {.outer = 1, .values = kGatedReluMaxBlocksX * kGatedReluThreads};
  EXPECT_TRUE(IsLaunchable(PlanGatedRelu(shape, 1, 132)));
  EXPECT_FALSE(IsLaunchable(PlanGatedRelu({.outer = 1, .values = shape.values + 1}, 1, 132)));
}

}  // namespace
}  // namespace reluscape
