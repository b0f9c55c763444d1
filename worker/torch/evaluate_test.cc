#include "worker/torch/evaluate.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include "search/network/names.h"
#include "worker/torch/graph_network.h"

namespace reluscape {
namespace {

TEST(FilledLogitsTest, WhatFillsABatchUpChangesNoBitOfTheOthers) {
  const c10::NoGradGuard no_grad;
  for (const char* name : {"resnet18@4", "resnet18@16", "wrn-16-1@6"}) {
    GraphNetwork network(*BuildNetwork(*ParseArchitecture(name, /*side=*/32, /*classes=*/10)),
                         MaskMode::kNone, at::kCPU);
    network.Initialize(/*seed=*/5);
    network.SetTraining(false);
    at::manual_seed(4);
    const at::Tensor images = at::randn({32, 3, 32, 32});
    const at::Tensor whole = FilledLogits(network, images, 32);
    EXPECT_TRUE(at::equal(whole, network.Forward(images)));
    for (const int64_t count : {1, 21, 31}) {
      const at::Tensor part = FilledLogits(network, images.narrow(0, 0, count), 32);
      EXPECT_TRUE(at::equal(part, whole.narrow(0, 0, count))) << name << " " << count;
    }
  }
}

}  // namespace
}  // namespace reluscape
