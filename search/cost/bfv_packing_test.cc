#include "search/cost/bfv_packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "search/cost/bfv_seconds.h"
#include "search/cost/he_schedule.h"

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

LinearLayer FullyConnected(int64_t in, int64_t out) {
  return {.name = "layer", .fully_connected = true, .in_channels = in, .out_channels = out};
}

struct MeasuredLayer {
  const char* network;
  int index;
  bool fully_connected;
  int64_t side;
  int64_t in;
  int64_t out;
  int64_t kernel;
  int64_t stride;
  BfvCounts counts;
  double seconds;  // measured, one thread
};

// private_inference_cost.md, section 10 (c): the layers of two networks on CIFAR as the artifact of
// the ASPLOS 2023 characterization measured them (kvgarimella/cryptonite, MIT licence), AMD EPYC
// 7502, SEAL 3.6.5, N = 8192.
const MeasuredLayer kMeasured[] = {
    {"resnet32", 0, false, 32, 3, 16, 3, 1, {144, 18, 9, 2}, 0.4340473},
    {"resnet32", 1, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8534728},
    {"resnet32", 2, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8451628},
    {"resnet32", 3, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8462032},
    {"resnet32", 4, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8482882},
    {"resnet32", 5, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8468683},
    {"resnet32", 6, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8542785},
    {"resnet32", 7, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8508684},
    {"resnet32", 8, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8449283},
    {"resnet32", 9, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8450555},
    {"resnet32", 10, false, 32, 16, 16, 3, 1, {288, 36, 18, 2}, 0.8481074},
    {"resnet32", 11, false, 32, 16, 32, 3, 2, {576, 72, 18, 4}, 1.6846},
    {"resnet32", 12, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.9235332},
    {"resnet32", 13, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.9335266},
    {"resnet32", 14, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.9210749},
    {"resnet32", 15, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.9209507},
    {"resnet32", 16, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.9220206},
    {"resnet32", 17, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.9217837},
    {"resnet32", 18, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.927072},
    {"resnet32", 19, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.9211946},
    {"resnet32", 20, false, 16, 32, 32, 3, 1, {288, 57, 9, 1}, 0.9218167},
    {"resnet32", 21, false, 16, 32, 64, 3, 2, {576, 114, 9, 2}, 1.8421},
    {"resnet32", 22, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.3069},
    {"resnet32", 23, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.2638},
    {"resnet32", 24, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.2497},
    {"resnet32", 25, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.1394},
    {"resnet32", 26, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.2982},
    {"resnet32", 27, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.3088},
    {"resnet32", 28, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.1093},
    {"resnet32", 29, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.1945},
    {"resnet32", 30, false, 8, 64, 64, 3, 1, {576, 156, 9, 1}, 2.2594},
    {"resnet32", 31, true, 1, 1024, 10, 1, 1, {2, 10, 1, 1}, 0.0547067},
    {"resnet18", 0, false, 32, 3, 64, 3, 1, {576, 72, 9, 8}, 1.6988},
    {"resnet18", 1, false, 32, 64, 64, 3, 1, {4608, 576, 72, 8}, 13.5142},
    {"resnet18", 2, false, 32, 64, 64, 3, 1, {4608, 576, 72, 8}, 13.4495},
    {"resnet18", 3, false, 32, 64, 64, 3, 1, {4608, 576, 72, 8}, 13.4172},
    {"resnet18", 4, false, 32, 64, 64, 3, 1, {4608, 576, 72, 8}, 13.3948},
    {"resnet18", 5, false, 32, 64, 128, 3, 2, {9216, 1152, 72, 16}, 26.7558},
    {"resnet18", 6, false, 16, 128, 128, 3, 1, {4608, 912, 36, 4}, 14.5279},
    {"resnet18", 7, false, 16, 128, 128, 3, 1, {4608, 912, 36, 4}, 14.5311},
    {"resnet18", 8, false, 16, 128, 128, 3, 1, {4608, 912, 36, 4}, 14.5088},
    {"resnet18", 9, false, 16, 128, 256, 3, 2, {9216, 1824, 36, 8}, 29.5328},
    {"resnet18", 10, false, 8, 256, 256, 3, 1, {4608, 1252, 18, 2}, 15.8275},
    {"resnet18", 11, false, 8, 256, 256, 3, 1, {4608, 1252, 18, 2}, 15.8042},
    {"resnet18", 12, false, 8, 256, 256, 3, 1, {4608, 1252, 18, 2}, 15.8131},
    {"resnet18", 13, false, 8, 256, 512, 3, 2, {9216, 2504, 18, 4}, 31.7222},
    {"resnet18", 14, false, 4, 512, 512, 3, 1, {4608, 1593, 9, 1}, 17.1431},
    {"resnet18", 15, false, 4, 512, 512, 3, 1, {4608, 1593, 9, 1}, 17.1464},
    {"resnet18", 16, false, 4, 512, 512, 3, 1, {4608, 1593, 9, 1}, 17.1434},
    {"resnet18", 17, true, 1, 2048, 10, 1, 1, {4, 13, 1, 1}, 0.072263},
};

// Layers whose measured seconds lie above the model, unexplained.
bool IsOddLayer(const MeasuredLayer& row) {
  return std::string(row.network) == "resnet32" && row.index >= 22 && row.index <= 30;
}

TEST(BfvPackingTest, Section10cCountsAreExact) {
  for (const MeasuredLayer& row : kMeasured) {
    const auto counts = CountBfv(
        row.fully_connected ? FullyConnected(row.in, row.out)
                            : ConvLayer(row.side, row.in, row.out, row.kernel, row.stride));
    ASSERT_TRUE(counts.ok()) << counts.status();
    EXPECT_EQ(*counts, row.counts) << row.network << " layer " << row.index;
  }
}

TEST(BfvPackingTest, Section10cSecondsLieInTheirBands) {
  for (const MeasuredLayer& row : kMeasured) {
    const double tolerance = row.fully_connected ? 0.30 : IsOddLayer(row) ? 0.16 : 0.03;
    EXPECT_NEAR(BfvEvaluationSeconds(row.counts), row.seconds, tolerance * row.seconds)
        << row.network << " layer " << row.index;
  }
}

TEST(BfvPackingTest, Section4HeThreadsReproduceTheMeasuredSpeedUps) {
  struct Row {
    const char* network;
    int64_t threads;
    double measured;  // conv seconds; the first of each network is on one thread
  };
  constexpr Row kRows[] = {{"resnet18", 1, 292.4}, {"resnet18", 2, 151.8}, {"resnet18", 4, 79.8},
                           {"resnet18", 8, 49.0},  {"resnet32", 1, 39.1},  {"resnet32", 2, 19.8},
                           {"resnet32", 4, 10.7},  {"resnet32", 8, 6.0}};
  double serial = 0;
  double measured_serial = 0;
  for (const Row& row : kRows) {
    std::vector<double> seconds;
    for (const MeasuredLayer& layer : kMeasured) {
      if (std::string(layer.network) == row.network && !layer.fully_connected) {
        seconds.push_back(BfvEvaluationSeconds(layer.counts));
      }
    }
    const double scheduled = ScheduledSeconds(seconds, row.threads);
    if (row.threads == 1) {
      serial = scheduled;
      measured_serial = row.measured;
    }
    const double speed_up = measured_serial / row.measured;
    EXPECT_NEAR(serial / scheduled, speed_up, 0.06 * speed_up)
        << row.network << " on " << row.threads << " threads";
  }
}

TEST(HeScheduleTest, GivesLayersInOrderToTheLeastLoadedThread) {
  EXPECT_DOUBLE_EQ(ScheduledSeconds({}, 3), 0);
  EXPECT_DOUBLE_EQ(ScheduledSeconds({1, 2, 3}, 1), 6);
  // 1 | 1, then the 4 behind the first 1: longest-first would reach 4.
  EXPECT_DOUBLE_EQ(ScheduledSeconds({1, 1, 4}, 2), 5);
  EXPECT_DOUBLE_EQ(ScheduledSeconds({1, 1, 4}, 100), 4);
}

// The slow reference: the packing's loops as private_inference_cost.md section 4 writes them, pair
// by pair, and the non-adjacent form digit by digit.
int64_t SlowNafDigits(int64_t value) {
  int64_t digits = 0;
  while (value != 0) {
    if (value % 2 != 0) {
      const int64_t digit = 2 - value % 4;  // 1 or -1
      value -= digit;
      ++digits;
    }
    value /= 2;
  }
  return digits;
}

int64_t SlowRotations(int64_t m) {
  int64_t sum = 0;
  for (int64_t j = 1; j < m; ++j) sum += SlowNafDigits(j);
  return sum;
}

int64_t SlowPowerOfTwo(int64_t value) {
  int64_t power = 1;
  while (power < value) power *= 2;
  return power;
}

int64_t SlowLog2(int64_t value) {
  int64_t log = 0;
  while (value > 1) {
    value /= 2;
    ++log;
  }
  return log;
}

int64_t SlowCeil(int64_t a, int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

BfvCounts SlowConvolution(const LinearLayer& layer) {
  const int64_t cph = 4096 / SlowPowerOfTwo(layer.height * layer.width);
  const int64_t in_ct = SlowCeil(layer.in_channels, 2 * cph);
  const int64_t out_ct = SlowCeil(layer.out_channels, 2 * cph);
  const int64_t in_h = SlowCeil(layer.in_channels, cph);
  const int64_t out_h = SlowCeil(layer.out_channels, cph);
  const int64_t perms = out_h % 2 == 1 && out_h > 1 ? out_h + 1 : out_h;
  const int64_t h = perms > 1 ? 2 : 1;
  const int64_t c_last = layer.out_channels % cph == 0 ? cph : layer.out_channels % cph;
  const int64_t rep = SlowPowerOfTwo(c_last);
  const bool possible = 2 * c_last <= cph && out_h % 2 == 1;
  const int64_t k2 = layer.kernel * layer.kernel;
  BfvCounts counts = {.upload_ciphertexts = k2 * in_ct, .download_ciphertexts = out_ct};
  for (int64_t p = 0; p < std::max<int64_t>(1, perms / 2); ++p) {
    for (int64_t c = 0; c < in_ct; ++c) {
      const int64_t base = ((p + c) * 2 * cph) % (out_ct * 2 * cph);
      const bool repeated = possible && base + c_last == layer.out_channels && out_h != 2;
      const int64_t m = repeated ? rep : cph;
      counts.plaintext_multiplications += h * m * k2;
      counts.key_switches += h * SlowRotations(m);
      if (repeated) {
        int64_t z = cph;
        if ((2 * p + c + 1) % in_ct == 0) {
          const int64_t ci_last = layer.in_channels % cph == 0 ? cph : layer.in_channels % cph;
          const int64_t r = SlowCeil(ci_last, rep);
          const int64_t e =
              (rep * r) % ci_last == rep - 1 ? SlowPowerOfTwo(r) : SlowPowerOfTwo(r + 1);
          z = std::min(e * rep, cph);
        }
        counts.key_switches += h * SlowLog2(z / rep);
      }
      if ((perms > 1 && !(p == 0 && repeated)) || p > 0) ++counts.key_switches;
      if (p == 0 && out_h == 1 && in_h > 1) ++counts.key_switches;
    }
  }
  return counts;
}

TEST(BfvPackingTest, Section4RotationSums) {
  const std::pair<int64_t, int64_t> rows[] = {{1, 0},   {2, 1},    {4, 4},     {8, 11},   {16, 28},
                                              {32, 67}, {64, 156}, {128, 355}, {256, 796}};
  for (const auto& [m, sum] : rows) {
    EXPECT_EQ(SlowRotations(m), sum) << m;
    // A fully connected layer of g = m groups rotates by 1 .. m - 1 and then sums up 8192/m inputs.
    const auto counts = CountBfv(FullyConnected(8192, m));
    ASSERT_TRUE(counts.ok());
    EXPECT_EQ(counts->key_switches, sum + SlowLog2(8192 / m)) << m;
  }
}

TEST(BfvPackingTest, EqualsTheSlowLoopsOnRandomLayers) {
  std::mt19937_64 random(20261121);
  const auto pick = [&random](int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  };
  for (int i = 0; i < 3000; ++i) {
    const int64_t most = i % 10 == 0 ? 1200 : 200;
    LinearLayer layer = ConvLayer(1, pick(1, most), pick(1, most), 2 * pick(0, 3) + 1, pick(1, 3));
    layer.height = pick(1, 64);
    layer.width = pick(1, 4096 / layer.height);
    const auto counts = CountBfv(layer);
    ASSERT_TRUE(counts.ok()) << counts.status();
    EXPECT_EQ(*counts, SlowConvolution(layer))
        << layer.in_channels << " -> " << layer.out_channels << ", " << layer.height << "x"
        << layer.width << ", kernel " << layer.kernel;
  }
}

TEST(BfvPackingTest, EqualsTheSlowLoopsOnEveryWidthOfASmallMap) {
  for (const int64_t side : {4, 8, 16, 32, 64}) {
    for (int64_t in = 1; in <= 40; ++in) {
      for (int64_t out = 1; out <= 40; ++out) {
        const LinearLayer layer = ConvLayer(side, in, out, 3);
        ASSERT_EQ(*CountBfv(layer), SlowConvolution(layer))
            << in << " -> " << out << " at " << side;
      }
    }
  }
}

TEST(BfvPackingTest, TwiceTheWidthsCostFourTimesOnceSeveralCiphertextsAreFull) {
  for (const int64_t side : {8, 16, 32, 64}) {
    const int64_t full = 2 * 4096 / (side * side);  // channels of one ciphertext
    const auto one = CountBfv(ConvLayer(side, full, full, 3));
    const auto two = CountBfv(ConvLayer(side, 2 * full, 2 * full, 3));
    ASSERT_TRUE(one.ok() && two.ok());
    EXPECT_EQ(two->plaintext_multiplications, 4 * one->plaintext_multiplications);
    EXPECT_EQ(two->key_switches, 4 * one->key_switches);
    EXPECT_EQ(two->upload_ciphertexts, 2 * one->upload_ciphertexts);
    EXPECT_EQ(two->download_ciphertexts, 2 * one->download_ciphertexts);
  }
}

TEST(BfvPackingTest, WhatDoesNotFitIsRefusedWithTheReason) {
  EXPECT_TRUE(CountBfv(ConvLayer(64, 3, 16, 3)).ok());
  const auto large = CountBfv(ConvLayer(112, 64, 64, 3));
  EXPECT_EQ(large.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(large.status().message()),
              testing::AllOf(HasSubstr("layer: "), HasSubstr("112x112"), HasSubstr("4096")));
  EXPECT_FALSE(CountBfv(ConvLayer(65, 3, 16, 3)).ok());
  LinearLayer valid = ConvLayer(32, 16, 16, 3);
  valid.padding = 0;
  EXPECT_THAT(std::string(CountBfv(valid).status().message()), HasSubstr("padding 0"));
  EXPECT_TRUE(CountBfv(FullyConnected(8192, 8192)).ok());
  EXPECT_THAT(std::string(CountBfv(FullyConnected(8193, 10)).status().message()),
              HasSubstr("8193 -> 10"));
  EXPECT_FALSE(CountBfv(FullyConnected(64, 8193)).ok());
}

}  // namespace
}  // namespace reluscape
