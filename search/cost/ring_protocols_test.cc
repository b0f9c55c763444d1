// CrypTFlow2, Cheetah and SPU against the tables of private_inference_cost.md.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>

#include "search/cost/cheetah.h"
#include "search/cost/cost_test_util.h"
#include "search/cost/cryptflow2.h"
#include "search/cost/ot_comparison.h"
#include "search/cost/spu.h"

namespace reluscape {
namespace {

using ::testing::HasSubstr;

LinearLayer ConvLayer(int64_t side, int64_t in, int64_t out, int64_t kernel, int64_t stride = 1) {
  return {.name = "layer",
          .height = side,
          .width = side,
          .in_channels = in,
          .out_height = (side - 1) / stride + 1,
          .out_width = (side - 1) / stride + 1,
          .out_channels = out,
          .kernel = kernel,
          .stride = stride,
          .padding = kernel / 2};
}

double Output(const Estimate& estimate, const std::string& name) {
  return FindOutput(estimate, name).value_or(-1);
}

TEST(OtComparisonTest, Sections5And6Table) {
  struct Row {
    int64_t ring_bits, digits, triples, cryptflow2_bits;
    double cryptflow2_bytes;
    int64_t cheetah_bits;
    double cheetah_bytes;
  };
  const Row rows[] = {{32, 8, 11, 4'316, 539.5, 414, 51.8},
                      {37, 9, 12, 4'772, 596.5, 466, 58.2},
                      {64, 16, 26, 8'968, 1'121, 845, 105.6}};
  for (const Row& row : rows) {
    EXPECT_EQ(ComparisonDigits(row.ring_bits), row.digits);
    EXPECT_EQ(ComparisonTriples(row.ring_bits), row.triples);
    EXPECT_EQ(Cryptflow2ReluBits(row.ring_bits), row.cryptflow2_bits);
    EXPECT_DOUBLE_EQ(static_cast<double>(Cryptflow2ReluBits(row.ring_bits)) / 8,
                     row.cryptflow2_bytes);
    const double cheetah_bits = static_cast<double>(CheetahReluTenthBits(row.ring_bits)) / 10;
    EXPECT_NEAR(cheetah_bits, static_cast<double>(row.cheetah_bits), 0.5);
    EXPECT_NEAR(cheetah_bits / 8, row.cheetah_bytes, 0.0501);
  }
}

TEST(OtComparisonTest, Section5DirectionsAndFlights) {
  // 32 q + 18 T + 2 l + 128 and 6 + ceil(log2 q), with q = 9 and T = 12.
  EXPECT_EQ(Cryptflow2ReluServerBits(37), 32 * 9 + 18 * 12 + 74 + 128);
  EXPECT_EQ(Cryptflow2ReluFlights(37), 6 + 4);
  EXPECT_EQ(CheetahReluFlights(37), 4 + 4);
  EXPECT_EQ(Cryptflow2ReluFlights(32), 6 + 3);
}

TEST(Cryptflow2Test, ReluBytesOfANetworkAreThoseOfTheTable) {
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  const Setting setting = SettingOf("epyc_7502", "epyc_7502", "1000/1000/0.01");
  const ProtocolModel& model = **FindProtocolModel("cryptflow2");
  const Estimate all = *PricePrivateInference(model, KeepAllRelus(layers), setting);
  const Estimate none = *PricePrivateInference(model, *KeepRelus(layers, 0), setting);
  EXPECT_EQ(*all.online.bytes.both - *none.online.bytes.both, 303'104 * 4'772 / 8);
  EXPECT_EQ(*none.online.bytes.both, 90 * layers.macs);
  EXPECT_EQ(Output(none, "online_flights"), 0);
  EXPECT_EQ(Output(all, "online_flights"), 31 * 10);
  // Directions of OT linear layers are not known; those of ReLUs are.
  EXPECT_EQ(FindOutput(all, "online_up_bytes"), std::nullopt);
  const auto relu = std::find_if(all.layers.begin(), all.layers.end(),
                                 [](const LayerEstimate& layer) { return layer.kind == "relu"; });
  EXPECT_EQ(*relu->online_bytes.down, 16'384 * 706 / 8);
  EXPECT_EQ(*relu->online_bytes.up, 16'384 * (4'772 - 706) / 8);
  EXPECT_TRUE(IsLowerBound(all));
  EXPECT_EQ(FindOutput(all, "online.linear_s"), std::nullopt);
  EXPECT_EQ(all.total_band.high, std::nullopt);
}

TEST(Cryptflow2Test, HomomorphicLayersAreLabelledAsAnAssumption) {
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  const Estimate estimate =
      PriceAll("cryptflow2_he", layers, SettingOf("epyc_7502", "epyc_7502", "lan"));
  EXPECT_EQ(estimate.online.terms.front().name, term::kHeEvaluation);
  for (const TimeTerm& time : estimate.online.terms) {
    if (time.name == term::kTransfer || time.name == term::kRoundTrips) continue;
    EXPECT_EQ(time.standing, Standing::kAssumed) << time.name;
    EXPECT_FALSE(time.reason.empty()) << time.name;
  }
  EXPECT_EQ(Output(estimate, "he.plaintext_multiplications"), 11'954);
}

TEST(CheetahTest, Section6ConvolutionExamples) {
  struct Row {
    LinearLayer layer;
    CheetahCounts counts;
  };
  const Row rows[] = {{ConvLayer(32, 16, 16, 3), {6, 96, 16}},
                      {ConvLayer(32, 64, 128, 1, 2), {4, 512, 128}},
                      {ConvLayer(64, 16, 16, 3), {64, 1024, 64}}};
  for (const Row& row : rows) EXPECT_EQ(CountCheetah(row.layer), row.counts);
  EXPECT_EQ(kCheetahUploadBytes * 6, 374'550);
  // 16 ciphertexts of 4096 * 50 bits and 38 bits for each of 16 * 1024 outputs.
  EXPECT_EQ(CheetahDownloadBytes(rows[0].layer, rows[0].counts, 37),
            16 * 4096 * 50 / 8 + 38 * 16 * 1024 / 8);
}

// The slow reference: lays tiles and channel groups out one by one.
CheetahCounts SlowCheetah(const LinearLayer& layer) {
  int64_t height = layer.height;
  int64_t width = layer.width;
  if (layer.kernel == 1) {
    height = (height + layer.stride - 1) / layer.stride;
    width = (width + layer.stride - 1) / layer.stride;
  }
  height += layer.kernel - 1;
  width += layer.kernel - 1;
  int64_t group = 0;  // channels of one ciphertext
  int64_t tiles = 0;
  if (height * width <= 4096) {
    tiles = 1;
    while (group < layer.in_channels && (group + 1) * height * width <= 4096 &&
           (group + 1) * layer.kernel * layer.kernel <= 4096) {
      ++group;
    }
  } else {
    group = 1;
    const int64_t tile_height = std::min<int64_t>(height, 64);
    const int64_t tile_width = std::min<int64_t>(width, 64);
    // Each tile yields tile - kernel + 1 rows and columns of results.
    for (int64_t y = 0; y < height - layer.kernel + 1; y += tile_height - layer.kernel + 1) {
      for (int64_t x = 0; x < width - layer.kernel + 1; x += tile_width - layer.kernel + 1) ++tiles;
    }
  }
  CheetahCounts counts;
  for (int64_t done = 0; done < layer.in_channels; done += group) {
    counts.upload_ciphertexts += tiles;
  }
  for (int64_t out = 0; out < layer.out_channels; ++out) {
    counts.multiplications += counts.upload_ciphertexts;
    counts.download_ciphertexts += tiles;
  }
  return counts;
}

TEST(CheetahTest, EqualsTheSlowLayoutOnRandomLayers) {
  std::mt19937_64 random(20261121);
  const auto pick = [&random](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int i = 0; i < 5000; ++i) {
    LinearLayer layer = ConvLayer(1, pick(1, 600), pick(1, 80), 2 * pick(0, 3) + 1, pick(1, 3));
    layer.height = pick(1, 230);
    layer.width = layer.height;
    EXPECT_EQ(CountCheetah(layer), SlowCheetah(layer))
        << layer.in_channels << " at " << layer.height << ", kernel " << layer.kernel << ", stride "
        << layer.stride;
  }
}

TEST(CheetahTest, SecondsOnItsOwnMachine) {
  const NetworkLayers layers = *LayersOf(ChainNetwork({16, 32, 32}).Conv(16).Relu().Classify(10));
  const Estimate estimate =
      PriceAll("cheetah", layers, SettingOf("cheetah_server", "cheetah_server", "loopback"));
  // 96 multiplications and 16 results of the convolution; of the classifier 4 inputs' ciphertexts
  // for each of 10 outputs.
  EXPECT_NEAR(Output(estimate, "online.he_evaluation_s"),
              84.5e-6 * (96 + 4 * 10) + 0.27e-3 * (16 + 10), 1e-9);
  // 1.0 us per ReLU on 4 threads.
  EXPECT_NEAR(Output(estimate, "online.ot_s"), 16'384 * 1e-6, 1e-9);
  EXPECT_EQ(Output(estimate, "online_bytes"), 62'425 * (6 + 4) + 26 * 4096 * 50 / 8 +
                                                  38 * 16'384 / 8 + (38 * 10 + 7) / 8 +
                                                  (4'660 * 16'384 + 79) / 80);
  EXPECT_EQ(Output(estimate, "online_flights"), 2 * 2 + 8);
  EXPECT_THAT(estimate.not_modelled, testing::Contains(HasSubstr("truncation")));
}

TEST(CheetahTest, UnknownDirectionsAreNullAndBoundAnAsymmetricTransferFromBelow) {
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  const Estimate same =
      PriceAll("cheetah", layers, SettingOf("cheetah_server", "cheetah_server", "100/100"));
  EXPECT_EQ(same.online.bytes.up, std::nullopt);
  EXPECT_NEAR(Output(same, "online.transfer_s"), Output(same, "online_bytes") * 8e-8, 1e-9);
  const Estimate uneven =
      PriceAll("cheetah", layers, SettingOf("cheetah_server", "cheetah_server", "50/100"));
  EXPECT_GT(Output(uneven, "online.transfer_s"), Output(same, "online.transfer_s"));
  const auto transfer =
      std::find_if(uneven.online.terms.begin(), uneven.online.terms.end(),
                   [](const TimeTerm& time) { return time.name == term::kTransfer; });
  EXPECT_EQ(transfer->standing, Standing::kAtLeast);
  EXPECT_FALSE(transfer->reason.empty());
}

TEST(SpuTest, Section7Semi2kBytes) {
  EXPECT_EQ(Semi2kReluBytes(64), 72);
  EXPECT_EQ(Semi2kReluBytes(32), 40);
  EXPECT_EQ(Semi2kReluBytes(128), 136);
  // 3x3, 32x32, 3 -> 64.
  const MatrixProduct product = MatrixProductOf(ConvLayer(32, 3, 64, 3));
  EXPECT_EQ(product.m, 1024);
  EXPECT_EQ(product.k, 27);
  EXPECT_EQ(product.n, 64);
  EXPECT_EQ(Semi2kLinearBytes(product), 497'152);
}

TEST(SpuTest, Section7Semi2kNetworkBytesPerParty) {
  const NetworkLayers layers = *LayersOf(ChainNetwork({3, 32, 32}).Conv(64).Relu().Classify(10));
  const Estimate estimate =
      PriceAll("spu_semi2k", layers, SettingOf("cheetah_server", "cheetah_server", "lan"));
  const int64_t classifier = 8 * (65'536 + 65'536 * 10) + 4 * 10;
  EXPECT_EQ(*estimate.online.bytes.up, 497'152 + classifier + 72 * 65'536);
  EXPECT_EQ(*estimate.online.bytes.down, *estimate.online.bytes.up);
  EXPECT_EQ(Output(estimate, "online_flights"), 2 + 2 + 8);
}

TEST(SpuTest, Section7CheetahBytes) {
  // 3x3, 32x32, 16 -> 16: kt = 128 (144 inputs, 8192/16 = 512), 2 blocks; 2 blocks of outputs.
  const auto conv = SpuCheetahLinearBytes("conv", {1024, 144, 16}, /*shared_weights=*/false);
  ASSERT_TRUE(conv.ok());
  EXPECT_NEAR(static_cast<double>(*conv), 185.0e3 * 2 + 254.4e3 * 2 + 3.13 * 16'384,
              0.01 * static_cast<double>(*conv));
  const auto shared = SpuCheetahLinearBytes("conv", {1024, 144, 16}, /*shared_weights=*/true);
  EXPECT_NEAR(static_cast<double>(*shared), 2 * static_cast<double>(*conv), 1);
  // One row: 512 inputs fit one block.
  const auto row = SpuCheetahLinearBytes("fc", {1, 512, 10}, /*shared_weights=*/false);
  EXPECT_NEAR(static_cast<double>(*row), 185.0e3 + 127.5e3 + 31.3, 3200);
  EXPECT_THAT(std::string(SpuCheetahLinearBytes("wide", {9000, 4, 9000}, false).status().message()),
              HasSubstr("wide: found"));
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  const Setting setting = SettingOf("cheetah_server", "cheetah_server", "lan");
  const ProtocolModel& model = **FindProtocolModel("spu_cheetah");
  const Estimate all = *PricePrivateInference(model, KeepAllRelus(layers), setting);
  const Estimate none = *PricePrivateInference(model, *KeepRelus(layers, 0), setting);
  EXPECT_NEAR(static_cast<double>(*all.online.bytes.both - *none.online.bytes.both),
              303'104 * (98.5 + 5.7), 31);
}

TEST(SpuTest, MaskedRelusSaveTheMeasuredShareOfASmallNetwork) {
  // Section 7: with private weights convolutions are a floor.
  const NetworkLayers layers = *LayersOf(ArtifactResNet32());
  const Setting setting = SettingOf("cheetah_server", "cheetah_server", "lan");
  for (const char* protocol : {"spu_semi2k", "spu_cheetah"}) {
    const ProtocolModel& model = **FindProtocolModel(protocol);
    const Estimate all = *PricePrivateInference(model, KeepAllRelus(layers), setting);
    const Estimate tenth = *PricePrivateInference(model, *KeepRelus(layers, 30'310), setting);
    const double saved = Output(all, "online_bytes") / Output(tenth, "online_bytes");
    EXPECT_GT(saved, 1.1) << protocol;
    EXPECT_LT(saved, 6) << protocol;
  }
}

}  // namespace
}  // namespace reluscape
