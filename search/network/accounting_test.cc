#include "search/network/accounting.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>
#include <optional>

#include "base/sha256.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

Network Built(const std::string& name, int64_t side = 32, int64_t classes = 100) {
  const auto architecture = ParseArchitecture(name, side, classes);
  EXPECT_TRUE(architecture.ok()) << name << ": " << architecture.status();
  return *BuildNetwork(*architecture);
}

NetworkCounts Counted(const std::string& name, int64_t side = 32, int64_t classes = 100) {
  const auto counts = CountNetwork(Built(name, side, classes));
  EXPECT_TRUE(counts.ok()) << name << ": " << counts.status();
  return *counts;
}

// Parameters of the layers whose operation is of another kind than batch norm.
int64_t WeightsWithoutBatchNorm(const std::string& name, int64_t side, int64_t classes) {
  const Network network = Built(name, side, classes);
  const NetworkCounts counts = *CountNetwork(network);
  int64_t weights = 0;
  for (size_t i = 0; i < network.ops.size(); ++i) {
    if (network.ops[i].kind != OpKind::kBatchNorm) weights += counts.layers[i].parameters;
  }
  return weights;
}

struct Row {
  std::string name;
  int64_t side;
  int64_t classes;
  std::vector<int64_t> stage_relus;
  int64_t relus;
  int64_t relus_with_stem;
  std::optional<int64_t> macs;
  std::optional<int64_t> weights;  // without batch norm
};

// Exact counts derived by hand from the layout in DeepReShape and SNL's public code. Checked from
// outside: 557,056, 2,228,224 and 303,104 are the totals that Cryptonite (ASPLOS 2023) prints for
// ResNet18 at both sides and ResNet32; 491,520 and 1,966,080 are the mask units of SNL's code.
const Row kRows[] = {
    {"resnet18",
     32,
     100,
     {262144, 131072, 65536, 32768},
     491'520,
     557'056,
     555'468'800,
     11'210'532},
    {"hrn-5x5x3x@16",
     32,
     100,
     {65536, 81920, 102400, 76800},
     326'656,
     343'040,
     1'053'353'152,
     48'635'348},
    {"hrn-5x7x2x@16",
     32,
     100,
     {65536, 81920, 143360, 71680},
     362'496,
     378'880,
     1'270'330'752,
     49'363'348},
    {"hrn-2x5x3x@32",
     32,
     100,
     {131072, 65536, 81920, 61440},
     339'968,
     372'736,
     709'621'504,
     31'189'700},
    {"hrn-2x5x3x@16",
     32,
     100,
     {65536, 32768, 40960, 30720},
     169'984,
     186'368,
     177'650'560,
     7'821'716},
    {"hrn-2x5x3x@8", 32, 100, {32768, 16384, 20480, 15360}, 84'992, 93'184, 44'535'232, 1'967'612},
    {"hrn-2x5x2x@32",
     32,
     100,
     {131072, 65536, 81920, 40960},
     319'488,
     352'256,
     472'021'504,
     16'309'700},
    {"hrn-4x5x3x@16",
     32,
     100,
     {65536, 65536, 81920, 61440},
     274'432,
     290'816,
     678'246'144,
     31'151'380},
    {"hrn-2x2x2x@16", 32, 100, {65536, 32768, 16384, 8192}, 122'880, 139'264, 35'058'176, 710'676},
    {"hrn-2x2x2x@32",
     32,
     100,
     {131072, 65536, 32768, 16384},
     245'760,
     278'528,
     139'322'368,
     2'815'940},
    {"hrn-2x2x2x@128",
     32,
     100,
     {524288, 262144, 131072, 65536},
     983'040,
     1'114'112,
     2'218'233'856,
     44'735'972},
    {"hrn-2x2x2x@256",
     32,
     100,
     {1048576, 524288, 262144, 131072},
     1'966'080,
     2'228'224,
     8'865'652'736,
     178'731'876},
    {"hrn-3x3x3x@16",
     32,
     100,
     {65536, 49152, 36864, 27648},
     179'200,
     195'584,
     158'644'416,
     6'412'756},
    {"hrn-4x4x4x@16",
     32,
     100,
     {65536, 65536, 65536, 65536},
     262'144,
     278'528,
     659'574'784,
     33'099'284},
    {"hrn-5x5x5x@16",
     32,
     100,
     {65536, 81920, 102400, 128000},
     377'856,
     394'240,
     2'210'553'152,
     121'035'348},
    {"hrn-8x8x8x@16",
     32,
     100,
     {65536, 131072, 262144, 524288},
     983'040,
     999'424,
     32'358'219'776,
     1'926'739'476},
    {"hrn-3x7x2x@16",
     32,
     100,
     {65536, 49152, 86016, 43008},
     243'712,
     260'096,
     464'455'296,
     17'806'996},
    {"resnet20", 32, 100, {98304, 49152, 24576}, 172'032, 188'416, std::nullopt, std::nullopt},
    {"resnet32", 32, 100, {163840, 81920, 40960}, 286'720, 303'104, std::nullopt, std::nullopt},
    {"resnet18",
     64,
     200,
     {1048576, 524288, 262144, 131072},
     1'966'080,
     2'228'224,
     2'221'772'800,
     11'261'832},
};

TEST(CountNetworkTest, ReproducesEveryRowOfTheReferenceTable) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.name);
    const NetworkCounts counts = Counted(row.name, row.side, row.classes);
    std::vector<int64_t> stage_relus;
    for (const StageCounts& stage : counts.stages) stage_relus.push_back(stage.relus);
    EXPECT_EQ(stage_relus, row.stage_relus);
    EXPECT_EQ(counts.relus, row.relus);
    EXPECT_EQ(counts.relus_with_stem, row.relus_with_stem);
    if (row.macs) {
      EXPECT_EQ(counts.macs, *row.macs);
    }
    if (row.weights) {
      EXPECT_EQ(WeightsWithoutBatchNorm(row.name, row.side, row.classes), *row.weights);
    }
  }
}

// Weights with batch norm, of SNL's running code.
TEST(CountNetworkTest, ParametersAreThoseOfSnlsCode) {
  EXPECT_EQ(Counted("resnet18").parameters, 11'220'132);
  EXPECT_EQ(Counted("resnet18", 64, 200).parameters, 11'271'432);
  const std::string resnet9 =
      "basic:side=32:classes=100:m=64:blocks=1x1x1x1:multipliers=2x2x2:stem-relu=no";
  EXPECT_EQ(Counted(resnet9).parameters, 4'949'412);
  EXPECT_EQ(Counted(resnet9).relus, 245'760);
}

// He et al., "Deep Residual Learning for Image Recognition", table 6 prints 0.27M, 0.46M, 0.66M,
// 0.85M and 1.7M parameters for ten classes. Theirs have shortcuts without parameters: ours are
// larger by the two projections and their batch norms, 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64.
TEST(CountNetworkTest, CifarResNetsHaveThePublishedSizes) {
  constexpr int64_t kProjections = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64;
  const std::map<std::string, double> published = {{"resnet20", 0.27e6},
                                                   {"resnet32", 0.46e6},
                                                   {"resnet44", 0.66e6},
                                                   {"resnet56", 0.85e6},
                                                   {"resnet110", 1.7e6}};
  for (const auto& [name, parameters] : published) {
    const auto counted = static_cast<double>(Counted(name, 32, 10).parameters - kProjections);
    EXPECT_NEAR(counted, parameters, 0.02 * parameters) << name;
  }
}

TEST(CountNetworkTest, AStemReluIsCountedOnceInBothTotals) {
  const NetworkCounts without = Counted("resnet18");
  const NetworkCounts with = Counted("resnet18+stem-relu");
  EXPECT_EQ(with.relus, 557'056);
  EXPECT_EQ(with.relus_with_stem, 557'056);
  EXPECT_EQ(without.relus_with_stem, with.relus);
  EXPECT_EQ(with.macs, without.macs);
  EXPECT_EQ(with.parameters, without.parameters);
  for (size_t i = 0; i < with.stages.size(); ++i) {
    EXPECT_EQ(with.stages[i].relus, without.stages[i].relus);
  }
}

TEST(CountNetworkTest, DoublingTheSideQuadruplesReLUsAndConvolutions) {
  for (const char* name : {"resnet18@4", "resnet20", "hrn-5x5x3x@4:resnet34"}) {
    const NetworkCounts small = Counted(name, 32);
    const NetworkCounts large = Counted(name, 64);
    const int64_t classifier = small.layers.back().macs;
    EXPECT_EQ(large.relus, 4 * small.relus) << name;
    EXPECT_EQ(large.macs - classifier, 4 * (small.macs - classifier)) << name;
    EXPECT_EQ(large.parameters, small.parameters) << name;
  }
}

TEST(CountNetworkTest, LayersAddUpToStagesAndTotals) {
  for (const char* name : {"resnet18", "resnet56", "hrn-4x6x3x@4:resnet34+stem-relu"}) {
    const Network network = Built(name);
    const NetworkCounts counts = *CountNetwork(network);
    ASSERT_EQ(counts.layers.size(), network.ops.size());
    int64_t relus = 0;
    int64_t macs = 0;
    int64_t parameters = 0;
    std::map<int, int64_t> by_stage;
    for (size_t i = 0; i < counts.layers.size(); ++i) {
      const LayerCounts& layer = counts.layers[i];
      EXPECT_EQ(layer.name, network.ops[i].name);
      EXPECT_EQ(layer.output, network.ops[i].output);
      relus += layer.relus;
      macs += layer.macs;
      parameters += layer.parameters;
      by_stage[layer.stage] += layer.relus;
    }
    EXPECT_EQ(relus, counts.relus);
    EXPECT_EQ(macs, counts.macs);
    EXPECT_EQ(parameters, counts.parameters);
    for (size_t i = 0; i < counts.stages.size(); ++i) {
      EXPECT_EQ(counts.stages[i].relus, by_stage[static_cast<int>(i) + 1]);
    }
  }
}

TEST(CountNetworkTest, StagesCarryWidthSideAndBlocks) {
  const NetworkCounts counts = Counted("hrn-4x6x3x@16:resnet34", 64);
  ASSERT_EQ(counts.stages.size(), 4u);
  const int64_t expected[4][3] = {{16, 64, 3}, {64, 32, 4}, {384, 16, 6}, {1152, 8, 3}};
  for (size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(counts.stages[i].width, expected[i][0]);
    EXPECT_EQ(counts.stages[i].side, expected[i][1]);
    EXPECT_EQ(counts.stages[i].blocks, expected[i][2]);
  }
}

TEST(CountNetworkTest, TheLargestArchitectureIsCountedWithoutOverflow) {
  const NetworkCounts counts = Counted(
      "basic:side=256:classes=100000:m=65536:blocks=200x200x200x200x200:multipliers=1x1x1x1:"
      "stem-relu=yes",
      256, 100'000);
  // By hand: 2 * 200 * 65536 * (256^2 + 128^2 + 64^2 + 32^2 + 16^2) and the stem's 65536 * 256^2.
  EXPECT_EQ(counts.relus, int64_t{400} * 65536 * 87296 + int64_t{65536} * 65536);
  EXPECT_GT(counts.macs, int64_t{1} << 60);
}

TEST(CountNetworkTest, BrokenListsAreRefusedByOperation) {
  using Change = std::function<void(Network&)>;
  const int64_t huge = std::numeric_limits<int64_t>::max();
  const std::vector<std::pair<Change, std::string>> cases = {
      {[](Network& n) { n.ops.clear(); }, "network of 0 operations"},
      {[](Network& n) { n.ops.resize(100'001, n.ops[3]); }, "network of 100001 operations"},
      {[](Network& n) { n.ops[2].name = "stem.conv"; },
       "operation 2 (stem.conv, batchnorm): its name"},
      {[](Network& n) { n.ops[2].name = ""; }, "operation 2 (, batchnorm): its name is empty"},
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
      {[](Network& n) { n.ops[2].stage = 2; }, "stage 2 behind stage 0"},
      {[](Network& n) { n.ops[9].stage = 0; }, "stage 0 behind stage 1"},
      {[](Network& n) { n.ops[0].stage = 1; }, "stage 1 behind stage 0"},
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

TEST(CountNetworkTest, SumsThatOverflowAreErrors) {
  // A 1x1 convolution from 2^31 to 2^31 channels on one pixel has 2^62 weights; two of them do not
  // fit 63 bits together.
  const int64_t channels = int64_t{1} << 31;
  Network network;
  network.ops.push_back(
      {.kind = OpKind::kInput, .name = "input", .inputs = {}, .output = {channels, 1, 1}});
  network.ops.push_back(
      {.kind = OpKind::kConv, .name = "a", .inputs = {0}, .output = {channels, 1, 1}, .kernel = 1});
  Network two = network;
  two.ops.push_back(network.ops[1]);
  two.ops.back().name = "b";
  two.ops.back().inputs = {1};
  for (Network* n : {&network, &two}) {
    n->ops.push_back(
        {.kind = OpKind::kLinear, .name = "classifier", .inputs = {1}, .output = {2, 1, 1}});
  }
  ASSERT_TRUE(CountNetwork(network).ok()) << CountNetwork(network).status();
  EXPECT_EQ(CountNetwork(network)->layers[1].parameters, int64_t{1} << 62);
  EXPECT_THAT(std::string(CountNetwork(two).status().message()),
              HasSubstr("parameters overflow 63 bits"));
  two.ops[1].kernel = two.ops[2].kernel = 3;
  two.ops[1].padding = two.ops[2].padding = 1;
  EXPECT_THAT(std::string(CountNetwork(two).status().message()), HasSubstr("overflow 63 bits"));
}

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
    op.stage = 7;
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
    change(network.ops[3]);  // stage1.block1.conv1
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
                         .stage = 1});
  EXPECT_EQ(NetworkHash(network),
            Sha256Hex("reluscape network 2\n"
                      "input in= out=3x8x8 kernel=0 stride=1 padding=0 dirac=0 relus=0 join=none\n"
                      "linear in=0 out=2x1x1 kernel=0 stride=1 padding=0 dirac=0 relus=0 "
                      "join=none\n"));
}

}  // namespace
}  // namespace reluscape
