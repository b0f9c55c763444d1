#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>

#include "search/network/network_test_util.h"

namespace reluscape {
namespace {

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
  std::vector<int64_t> section_relus;
  int64_t relus;
  int64_t relus_with_stem;
  std::optional<int64_t> macs;
  std::optional<int64_t> weights;  // without batch norm
};

// Exact counts derived by hand from the layout in DeepReShape and SNL's public code, apart from
// this program. Checked from outside: 557,056, 2,228,224 and 303,104 are the totals that Cryptonite
// (ASPLOS 2023) prints for ResNet18 at both sides and ResNet32; 491,520 and 1,966,080 are the mask
// units of SNL's code.
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
    // Its total "with stem" adds the ReLU before the last pool: there is none behind its stem.
    {"wrn-22-8",
     32,
     100,
     {671744, 458752, 229376},
     1'359'872,
     1'392'640,
     2'454'161'408,
     17'193'492},
    // DeepReShape's thinned network, exact.
    {"hrn-5x5x3x@16+thinned",
     32,
     100,
     {32768, 40960, 51200, 38400},
     163'328,
     179'712,
     std::nullopt,
     std::nullopt},
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
    std::vector<int64_t> section_relus;
    for (const SectionCounts& section : counts.sections) section_relus.push_back(section.relus);
    EXPECT_EQ(section_relus, row.section_relus);
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
  EXPECT_EQ(Counted("wrn-22-8").parameters, 17'204'276);
}

// DeepReDuce's public networks: ReLU counts next to which the accuracies of a third-party
// transcription stand (229.4K, 57.3K and 12.3K on CIFAR-100, 114.7K on TinyImageNet).
TEST(DeepReduceCountsTest, EveryPublicConfiguration) {
  struct Configuration {
    std::string name;
    int64_t side;
    std::vector<int64_t> section_relus;
    int64_t relus;
  };
  const Configuration configurations[] = {
      {"drd-c100-230k", 32, {0, 131072, 65536, 32768}, 229'376},
      {"drd-c100-57k", 32, {0, 32768, 16384, 8192}, 57'344},
      {"drd-c100-12k", 32, {0, 8192, 4096, 0}, 12'288},
      {"drd-tiny-115k", 64, {0, 65536, 32768, 16384}, 114'688},
  };
  for (const Configuration& configuration : configurations) {
    const NetworkCounts counts = Counted(configuration.name, configuration.side, 100);
    std::vector<int64_t> section_relus;
    for (const SectionCounts& section : counts.sections) section_relus.push_back(section.relus);
    EXPECT_EQ(section_relus, configuration.section_relus) << configuration.name;
    EXPECT_EQ(counts.relus, configuration.relus) << configuration.name;
  }
}

// The mask tensors of SNL's running code, in their order: sizes and numbers.
TEST(SnlCountsTest, MaskTensorsAreThoseOfSnlsCode) {
  const auto layers = [](const std::string& name) {
    std::vector<std::pair<int64_t, int>> runs;
    for (const LayerCounts& layer : Counted(name).layers) {
      if (layer.relus == 0) continue;
      if (runs.empty() || runs.back().first != layer.relus) runs.push_back({layer.relus, 0});
      ++runs.back().second;
    }
    return runs;
  };
  using Runs = std::vector<std::pair<int64_t, int>>;
  EXPECT_EQ(layers("resnet18"), (Runs{{65536, 4}, {32768, 4}, {16384, 4}, {8192, 4}}));
  // 16,384; 5 x 131,072; 131,072; 5 x 65,536; 65,536; 5 x 32,768.
  EXPECT_EQ(layers("wrn-22-8"), (Runs{{16384, 1}, {131072, 6}, {65536, 6}, {32768, 5}}));
}

}  // namespace
}  // namespace reluscape
