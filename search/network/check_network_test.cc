#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "search/network/check_network.h"
#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

TEST(CheckNetworkTest, BrokenListsAreRefusedByOperation) {
  using Change = std::function<void(Network&)>;
  const int64_t huge = std::numeric_limits<int64_t>::max();
  const std::vector<std::pair<Change, std::string>> cases = {
      {[](Network& n) { n.ops.clear(); }, "network of 0 operations"},
      {[](Network& n) { n.ops.resize(100'001, n.ops[3]); }, "network of 100001 operations"},
      {[](Network& n) { n.ops[2].name = "stem.conv"; },
       "operation 2 (stem.conv, batch_norm): its name"},
      {[](Network& n) { n.ops[2].name = ""; }, "operation 2 (, batch_norm): its name is empty"},
      {[](Network& n) { n.ops[3].inputs = {3}; }, "input 3 is not an earlier operation"},
      {[](Network& n) { n.ops[3].inputs = {-1}; }, "input -1 is not an earlier operation"},
      {[](Network& n) { n.ops[3].inputs = {}; }, "0 inputs instead of 1"},
      {[](Network& n) { n.ops[3].inputs = {1, 2}; }, "2 inputs instead of 1"},
      {[](Network& n) { n.ops[0].kind = OpKind::kRelu; }, "operation 0 (input, relu): 0 inputs"},
      {[](Network& n) { n.ops.pop_back(); }, "the classifier stands last"},
      {[](Network& n) { n.ops[1].output.channels = 0; }, "output 0x32x32 is empty"},
      {[=](Network& n) { n.ops[1].output.channels = huge; }, "does not fit 63 bits"},
      {[](Network& n) { n.ops[1].output.height = 31; }, "output 64x31x32 instead of 64x32x32"},
      {[](Network& n) { n.ops[1].stride = 0; }, "kernel and stride are at least 1"},
      {[=](Network& n) { n.ops[1].padding = huge; }, "output 64x32x32 instead of 64x0x0"},
      {[](Network& n) { n.ops[2].output.channels = 8; }, "output 8x32x32 instead of 64x32x32"},
      {[](Network& n) { n.ops[2].section = 2; }, "section 2 behind section 0"},
      {[](Network& n) { n.ops[9].section = 0; }, "section 0 behind section 1"},
      {[](Network& n) { n.ops[0].section = 1; }, "section 1 behind section 0"},
      {[](Network& n) { n.ops[3].block = -1; }, "block -1 is negative"},
      {[](Network& n) { n.ops[3].join = Join::kShared; }, "an addition states what it joins"},
      {[](Network& n) { n.ops[8].join = Join::kNone; }, "an addition states what it joins"},
      {[](Network& n) { n.ops[8].inputs[1] = 0; }, "its two inputs differ in shape"},
      {[](Network& n) { n.ops[5].relu_channels = 0; }, "0 channels of ReLUs; a ReLU has 1 to 64"},
      {[](Network& n) { n.ops[5].relu_channels = 65; }, "65 channels of ReLUs"},
      {[](Network& n) { n.ops[3].relu_channels = 1; }, "any other operation 0"},
      {[](Network& n) { n.ops[4].dirac = true; }, "only a convolution of stride 1 and odd kernel"},
      {[](Network& n) {
         n.ops[3].dirac = true;
         n.ops[3].stride = 2;
       },
       "only a convolution of stride 1 and odd kernel"},
  };
  for (const auto& [change, message] : cases) {
    Network network = Built("resnet18");
    change(network);
    const auto counts = CountNetwork(network);
    ASSERT_FALSE(counts.ok()) << message;
    EXPECT_EQ(counts.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(counts.status().message()), HasSubstr(message));
  }
}

// One operation of each kind that residual networks do not have, on 4 x 9 x 9.
Network WithOp(Op op) {
  Network network;
  network.ops.push_back(
      {.kind = OpKind::kInput, .name = "input", .inputs = {}, .output = {4, 9, 9}});
  network.ops.push_back(std::move(op));
  network.ops.push_back(
      {.kind = OpKind::kLinear, .name = "classifier", .inputs = {1}, .output = {2, 1, 1}});
  return network;
}

TEST(CheckNetworkTest, EveryKindWorksOutItsShape) {
  const Op good[] = {
      {.kind = OpKind::kMaxPool,
       .name = "op",
       .inputs = {0},
       .output = {4, 5, 5},
       .kernel = 3,
       .stride = 2,
       .padding = 1},
      {.kind = OpKind::kAveragePool,
       .name = "op",
       .inputs = {0},
       .output = {4, 4, 4},
       .kernel = 2,
       .stride = 2},
      {.kind = OpKind::kDownsample, .name = "op", .inputs = {0}, .output = {4, 5, 5}, .stride = 2},
      {.kind = OpKind::kDownsample, .name = "op", .inputs = {0}, .output = {9, 3, 3}, .stride = 3},
      {.kind = OpKind::kScale, .name = "op", .inputs = {0}, .output = {4, 9, 9}},
      {.kind = OpKind::kLinear, .name = "op", .inputs = {0}, .output = {7, 1, 1}},
      {.kind = OpKind::kConv,
       .name = "op",
       .inputs = {0},
       .output = {6, 9, 9},
       .kernel = 3,
       .stride = 1,
       .padding = 1,
       .dirac = true},
  };
  for (const Op& op : good) {
    EXPECT_TRUE(CheckNetwork(WithOp(op)).ok()) << KindName(op.kind) << CheckNetwork(WithOp(op));
    Op other = op;
    ++other.output.height;
    EXPECT_FALSE(CheckNetwork(WithOp(other)).ok()) << KindName(op.kind);
  }
  const std::vector<std::pair<Op, std::string>> bad = {
      {{.kind = OpKind::kMaxPool,
        .name = "op",
        .inputs = {0},
        .output = {4, 1, 1},
        .kernel = 3,
        .padding = 2},
       "padded by at most half its kernel"},
      {{.kind = OpKind::kAveragePool,
        .name = "op",
        .inputs = {0},
        .output = {4, 9, 9},
        .kernel = 0},
       "kernel and stride"},
      {{.kind = OpKind::kDownsample, .name = "op", .inputs = {0}, .output = {3, 5, 5}, .stride = 2},
       "3 channels out of 4"},
      {{.kind = OpKind::kDownsample, .name = "op", .inputs = {0}, .output = {4, 5, 5}, .stride = 0},
       "the stride is at least 1"},
  };
  for (const auto& [op, message] : bad) {
    EXPECT_THAT(std::string(CheckNetwork(WithOp(op)).message()), HasSubstr(message));
  }
}

}  // namespace
}  // namespace reluscape
