#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>

#include "base/sha256.h"
#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

TEST(NetworkHashTest, EqualListsCollideWhateverTheyWereCalled) {
  const std::string hash = NetworkHash(Built("resnet18@16"));
  EXPECT_TRUE(IsSha256Hex(hash));
  EXPECT_EQ(hash, NetworkHash(Built("hrn-2x2x2x@16")));
  EXPECT_EQ(hash, NetworkHash(Built("hrn-2.0x2.00x2.000x")));
  EXPECT_EQ(hash, NetworkHash(Built("basic:classes=100:side=32:m=16:blocks=2x2x2x2:"
                                    "multipliers=2x2x2:stem-relu=no")));
  // 4 * 2.01 = 8.04 channels round to 8.
  EXPECT_EQ(NetworkHash(Built("hrn-2.01x2x2x@4")), NetworkHash(Built("hrn-2x2x2x@4")));
  Network renamed = Built("resnet18@16");
  for (Op& op : renamed.ops) {
    op.name += "_";
    op.section = 7;
    op.block = 3;
    op.shortcut = !op.shortcut;
  }
  EXPECT_EQ(hash, NetworkHash(renamed));
}

TEST(NetworkHashTest, DifferentNetworksDiffer) {
  std::map<std::string, std::string> by_hash;
  const auto expect_new = [&](const std::string& what, const Network& network) {
    const auto [entry, is_new] = by_hash.emplace(NetworkHash(network), what);
    EXPECT_TRUE(is_new) << what << " collides with " << entry->second;
  };
  for (const char* name :
       {"resnet18", "resnet18+stem-relu", "resnet18@63", "resnet34", "resnet20", "resnet32",
        "resnet44", "resnet56", "resnet110", "hrn-5x5x3x", "hrn-5x3x5x", "hrn-2x2x4x@64"}) {
    expect_new(name, Built(name));
  }
  expect_new("other classes", Built("resnet18", 32, 10));
  expect_new("other side", Built("resnet18", 64, 100));

  // Every field of an operation counts, but for names and annotations.
  const std::vector<std::pair<std::string, std::function<void(Op&)>>> changes = {
      {"kind", [](Op& op) { op.kind = OpKind::kBatchNorm; }},
      {"inputs", [](Op& op) { op.inputs = {1}; }},
      {"more inputs", [](Op& op) { op.inputs.push_back(0); }},
      {"channels", [](Op& op) { ++op.output.channels; }},
      {"height", [](Op& op) { ++op.output.height; }},
      {"width", [](Op& op) { ++op.output.width; }},
      {"kernel", [](Op& op) { ++op.kernel; }},
      {"stride", [](Op& op) { ++op.stride; }},
      {"padding", [](Op& op) { ++op.padding; }},
      {"dirac", [](Op& op) { op.dirac = !op.dirac; }},
      {"ReLUs", [](Op& op) { ++op.relu_channels; }},
      {"join", [](Op& op) { op.join = Join::kResidual; }},
      {"another join", [](Op& op) { op.join = Join::kShared; }},
  };
  for (const auto& [what, change] : changes) {
    Network network = Built("resnet18");
    change(network.ops[3]);  // section1.block1.conv1
    expect_new(what, network);
  }
}

// The hash names networks in stored databases: a change of the serialization must be deliberate.
TEST(NetworkHashTest, IsTheHashOfTheDocumentedSerialization) {
  Network network;
  network.ops.push_back(
      {.kind = OpKind::kInput, .name = "input", .inputs = {}, .output = {3, 8, 8}});
  network.ops.push_back({.kind = OpKind::kLinear,
                         .name = "classifier",
                         .inputs = {0},
                         .output = {2, 1, 1},
                         .section = 1});
  EXPECT_EQ(NetworkHash(network),
            Sha256Hex("reluscape network 2\n"
                      "input in= out=3x8x8 kernel=0 stride=1 padding=0 dirac=0 relus=0 join=none\n"
                      "linear in=0 out=2x1x1 kernel=0 stride=1 padding=0 dirac=0 relus=0 "
                      "join=none\n"));
}

}  // namespace
}  // namespace reluscape
