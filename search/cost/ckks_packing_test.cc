#include "search/cost/ckks_packing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "base/random.h"

namespace reluscape {
namespace {

using testing::HasSubstr;

constexpr int64_t kSlots = 32'768;

std::unique_ptr<CkksPacking> Multiplexed(int64_t slots = kSlots) {
  return *MultiplexedPacking(slots);
}
std::unique_ptr<CkksPacking> SingleShot(int64_t slots = kSlots) {
  return *SingleShotPacking(slots);
}

int64_t Rotations(const LinearOps& ops) { return ops.first.rotations + ops.second.rotations; }
int64_t Plaintext(const LinearOps& ops) {
  return ops.first.plaintext_multiplications + ops.second.plaintext_multiplications;
}
int64_t Rescales(const LinearOps& ops) { return ops.first.rescales + ops.second.rescales; }

struct LayerRow {
  const char* layer;
  int times;
  CkksLayout in;
  int64_t out_channels;
  int64_t stride;
  int64_t rotations;
};

// CKKS reference, section 6: ResNet-20 on CIFAR-10.
const LayerRow kResNet20[] = {
    {"stem", 1, {3, 32, 32, 1}, 16, 1, 29},       {"16 -> 16", 6, {16, 32, 32, 1}, 16, 1, 57},
    {"16 -> 32", 1, {16, 32, 32, 1}, 32, 2, 107}, {"32 -> 32", 5, {32, 16, 16, 2}, 32, 1, 83},
    {"32 -> 64", 1, {32, 16, 16, 2}, 64, 2, 159}, {"64 -> 64", 5, {64, 8, 8, 4}, 64, 1, 127}};

TEST(MultiplexedPackingTest, ConvolutionsOfResNet20HaveTheReferencesRotations) {
  const auto packing = Multiplexed();
  int64_t sum = 0;
  for (const LayerRow& row : kResNet20) {
    const LinearOps ops = *packing->Convolution(row.in, row.out_channels, 3, row.stride);
    EXPECT_EQ(Rotations(ops), row.rotations) << row.layer;
    sum += row.times * Rotations(ops);
  }
  EXPECT_EQ(sum, 1687);
}

TEST(MultiplexedPackingTest, OtherOperationsOfResNet20HaveTheReferencesCounts) {
  const auto packing = Multiplexed();
  const LinearOps example = *packing->Convolution({16, 32, 32, 1}, 16, 3, 1);
  EXPECT_EQ(Plaintext(example), 88);
  EXPECT_EQ(Rescales(example), 9);
  const CkksDownsample to_32 = *packing->Downsample({16, 32, 32, 1}, 32, 2);
  const CkksDownsample to_64 = *packing->Downsample({32, 16, 16, 2}, 64, 2);
  EXPECT_EQ(Rotations(to_32.ops), 19);
  EXPECT_EQ(Rotations(to_64.ops), 23);
  EXPECT_EQ(Plaintext(to_64.ops), 16);  // k t
  EXPECT_EQ(Rescales(to_64.ops), 1);
  EXPECT_FALSE(to_32.projected || to_64.projected);
  const LinearOps pool = *packing->Collect({64, 8, 8, 4}, 8);
  EXPECT_EQ(Rotations(pool), 21);
  EXPECT_EQ(Plaintext(pool), 16);
  const LinearOps classifier = *packing->FullyConnected({64, 1, 1, 1}, 10, /*last=*/true);
  EXPECT_EQ(Rotations(classifier), 72);
  EXPECT_EQ(Plaintext(classifier), 73);
}

// The slow reference: the loops of a multiplexed convolution, counting as they go.
struct LoopCounts {
  int64_t rotations = 0;
  int64_t plaintext = 0;
  int64_t rescales = 0;
};
LoopCounts ConvolveByLoops(const CkksLayout& in, int64_t out_channels, int64_t kernel,
                           int64_t stride, int64_t slots) {
  const auto maps = [](int64_t channels, int64_t gap) {
    int64_t t = 0;
    while (t * gap * gap < channels) ++t;
    return t;
  };
  const auto repeats = [&](int64_t h, int64_t w, int64_t gap, int64_t t) {
    int64_t p = 1;
    while (2 * p * gap * gap * h * w * t <= slots) p *= 2;
    return p;
  };
  const int64_t t = maps(in.channels, in.gap);
  const int64_t p = repeats(in.height, in.width, in.gap, t);
  const int64_t out_gap = in.gap * stride;
  const int64_t out_t = maps(out_channels, out_gap);
  const int64_t out_p = repeats(in.height / stride, in.width / stride, out_gap, out_t);
  LoopCounts counts;
  for (int64_t i = 0; i < kernel; ++i) {
    for (int64_t j = 0; j < kernel; ++j) {
      if (i != kernel / 2 || j != kernel / 2) ++counts.rotations;
    }
  }
  for (int64_t done = 0; done < out_channels; done += p) {  // p output channels at a time
    counts.plaintext += kernel * kernel;
    ++counts.rescales;
    for (int64_t reach = 1; reach < in.gap; reach *= 2) counts.rotations += 2;  // rows, columns
    if ((t & (t - 1)) == 0) {
      for (int64_t reach = 1; reach < t; reach *= 2) ++counts.rotations;
    } else {
      for (int64_t map = 1; map < t; ++map) ++counts.rotations;
    }
    for (int64_t channel = done; channel < std::min(done + p, out_channels); ++channel) {
      ++counts.rotations;  // to its place
      ++counts.plaintext;  // its selection
    }
  }
  ++counts.rescales;
  for (int64_t copy = 1; copy < out_p; ++copy) ++counts.rotations;
  return counts;
}

TEST(MultiplexedPackingTest, ConvolutionsOfOneCiphertextAgreeWithTheLoops) {
  Random random(11);
  const auto draw = [&random](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random.Below(static_cast<uint64_t>(high - low + 1)));
  };
  int compared = 0;
  while (compared < 500) {
    const int64_t slots = int64_t{1} << draw(10, 15);
    const int64_t stride = draw(1, 2);
    const CkksLayout in = {.channels = draw(1, 100),
                           .height = 2 * draw(1, 20),
                           .width = 2 * draw(1, 20),
                           .gap = int64_t{1} << draw(0, 3)};
    const int64_t out_channels = draw(1, 100);
    const int64_t kernel = 1 + 2 * draw(0, 3);
    const auto fits = [slots](const CkksLayout& layout) {
      const int64_t cell = layout.gap * layout.gap;
      return (layout.channels + cell - 1) / cell * cell * layout.height * layout.width <= slots;
    };
    const CkksLayout out = *StridedLayout(in, out_channels, stride);
    if (!fits(in) || !fits(out)) continue;
    const LinearOps ops = *Multiplexed(slots)->Convolution(in, out_channels, kernel, stride);
    const LoopCounts loops = ConvolveByLoops(in, out_channels, kernel, stride, slots);
    EXPECT_EQ(Rotations(ops), loops.rotations);
    EXPECT_EQ(Plaintext(ops), loops.plaintext);
    EXPECT_EQ(Rescales(ops), loops.rescales);
    ++compared;
  }
}

TEST(MultiplexedPackingTest, TwoCiphertextsAreChargedByPairs) {
  const auto packing = Multiplexed();
  // 64 channels of 32x32 fill two ciphertexts; each pair is a convolution of 32 to 32 channels.
  const LinearOps one = *packing->Convolution({32, 32, 32, 1}, 32, 3, 1);
  const LinearOps two = *packing->Convolution({64, 32, 32, 1}, 64, 3, 1);
  EXPECT_EQ(Rotations(two), 4 * Rotations(one));
  EXPECT_EQ(Plaintext(two), 4 * Plaintext(one));
  const LinearOps from_two = *packing->Convolution({64, 32, 32, 1}, 32, 3, 1);
  EXPECT_EQ(Rotations(from_two), 2 * Rotations(one));
  // 33 channels: one full ciphertext and one with a single channel.
  const LinearOps more = *packing->Convolution({33, 32, 32, 1}, 32, 3, 1);
  const LinearOps single = *packing->Convolution({1, 32, 32, 1}, 32, 3, 1);
  EXPECT_EQ(Rotations(more), Rotations(one) + Rotations(single));
}

TEST(MultiplexedPackingTest, DownsamplingThatDoesNotFitIsPricedAsAProjection) {
  // t = 12 maps are no multiple of 8.
  const CkksDownsample down = *Multiplexed()->Downsample({12, 32, 32, 1}, 24, 2);
  EXPECT_TRUE(down.projected);
  EXPECT_EQ(down.ops, *Multiplexed()->Convolution({12, 32, 32, 1}, 24, 1, 2));
}

TEST(MultiplexedPackingTest, RefusesWhatDoesNotFitWithTheReason) {
  const auto message = [](const auto& result) { return std::string(result.status().message()); };
  EXPECT_THAT(message(Multiplexed()->Convolution({3, 224, 224, 1}, 64, 7, 2)),
              HasSubstr("found 3 channels of 224x224 pixels at gap 1; allowed: maps of at most "
                        "32768 slots"));
  EXPECT_THAT(message(Multiplexed(8192)->Convolution({3, 112, 112, 1}, 64, 3, 1)),
              HasSubstr("at most 8192 slots"));
  EXPECT_THAT(message(Multiplexed()->Convolution({64, 7, 7, 8}, 64, 3, 2)),
              HasSubstr("found stride 2 over 64 channels of 7x7"));
  EXPECT_THAT(message(Multiplexed()->FullyConnected({32'000, 1, 1, 1}, 1'000, true)),
              HasSubstr("allowed: a vector"));
  EXPECT_THAT(message(Multiplexed()->Collect({4096, 4, 4, 1}, 1)), HasSubstr("found a vector"));
  EXPECT_THAT(message(Multiplexed()->Collect({64, 8, 8, 4}, 3)), HasSubstr("windows that fill it"));
  EXPECT_THAT(message(Multiplexed()->Convolution({1LL << 40, 32, 32, 1}, 1LL << 40, 3, 1)),
              HasSubstr("which is the most allowed"));
  EXPECT_THAT(message(MultiplexedPacking(1000)), HasSubstr("slots: found 1000"));
  EXPECT_THAT(message(SingleShotPacking(0)), HasSubstr("slots: found 0"));
}

// CKKS reference, section 6: Orion's packing of ResNet-20 with 1x1 convolutions on its shortcuts.
TEST(SingleShotPackingTest, ResNet20HasTheReferencesCounts) {
  const auto packing = SingleShot();
  int64_t rotations = 0;
  int64_t plaintext = 0;
  const auto add = [&](const LinearOps& ops, int64_t times) {
    rotations += times * Rotations(ops);
    plaintext += times * Plaintext(ops);
  };
  for (const LayerRow& row : kResNet20) {
    add(*packing->Convolution(row.in, row.out_channels, 3, row.stride), row.times);
  }
  add(*packing->Convolution({16, 32, 32, 1}, 32, 1, 2), 1);
  add(*packing->Convolution({32, 16, 16, 2}, 64, 1, 2), 1);
  EXPECT_EQ(rotations, 801);
  EXPECT_EQ(plaintext, 8052);
  add(*packing->AveragePool({64, 8, 8, 4}, 8, 8, 0), 1);
  add(*packing->FullyConnected({64, 1, 1, 32}, 10, /*last=*/true), 1);
  EXPECT_EQ(rotations, 852);
}

// The slow reference: the matrix itself, entry by entry.
struct Matrix {
  int64_t rows = 0;
  std::set<std::pair<int64_t, int64_t>> entries;  // row, column
};

int64_t SlotOf(const CkksLayout& layout, int64_t channel, int64_t y, int64_t x) {
  const int64_t cell = layout.gap * layout.gap;
  const int64_t width = layout.width * layout.gap;
  const int64_t map = layout.height * layout.gap * width;
  const int64_t row = y * layout.gap + channel % cell / layout.gap;
  return channel / cell * map + row * width + x * layout.gap + channel % layout.gap;
}

Matrix ConvolutionMatrix(const CkksLayout& in, const CkksLayout& out, int64_t kernel,
                         int64_t padding, int64_t stride, bool per_channel) {
  const int64_t cell = out.gap * out.gap;
  Matrix matrix = {.rows = (out.channels + cell - 1) / cell * cell * out.height * out.width,
                   .entries = {}};
  for (int64_t o = 0; o < out.channels; ++o) {
    for (int64_t i = 0; i < in.channels; ++i) {
      if (per_channel && i != o) continue;
      for (int64_t y = 0; y < out.height; ++y) {
        for (int64_t x = 0; x < out.width; ++x) {
          for (int64_t tap = 0; tap < kernel * kernel; ++tap) {
            const int64_t from_y = y * stride + tap / kernel - padding;
            const int64_t from_x = x * stride + tap % kernel - padding;
            if (from_y < 0 || from_x < 0 || from_y >= in.height || from_x >= in.width) continue;
            matrix.entries.insert({SlotOf(out, o, y, x), SlotOf(in, i, from_y, from_x)});
          }
        }
      }
    }
  }
  return matrix;
}

CkksOps CountMatrix(const Matrix& matrix, int64_t slots, bool last) {
  const int64_t row_blocks = (matrix.rows + slots - 1) / slots;
  int64_t height = slots;
  if (row_blocks == 1 && !last) {
    height = 1;
    while (height < matrix.rows) height *= 2;
  }
  std::map<std::pair<int64_t, int64_t>, std::set<int64_t>> blocks;
  for (const auto& [row, column] : matrix.entries) {
    const int64_t difference = column % slots - row % slots;
    blocks[{row / slots, column / slots}].insert((difference % height + height) % height);
  }
  CkksOps ops;
  for (const auto& [block, diagonals] : blocks) {
    int64_t best = slots;
    for (int64_t step = 1; step <= slots; step *= 2) {
      std::set<int64_t> baby;
      std::set<int64_t> giant;
      for (const int64_t diagonal : diagonals) {
        baby.insert(diagonal % step);
        giant.insert(diagonal / step);
      }
      baby.erase(0);
      giant.erase(0);
      best = std::min(best, static_cast<int64_t>(baby.size() + giant.size()));
    }
    ops.rotations += best;
    ops.plaintext_multiplications += static_cast<int64_t>(diagonals.size());
  }
  for (int64_t h = height; h < slots; h *= 2) ++ops.rotations;
  ops.rescales = row_blocks;
  return ops;
}

TEST(SingleShotPackingTest, AgreesWithTheMatrixItself) {
  Random random(5);
  const auto draw = [&random](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random.Below(static_cast<uint64_t>(high - low + 1)));
  };
  for (int i = 0; i < 150; ++i) {
    const int64_t side = int64_t{4} << draw(0, 1);
    const int64_t gap = int64_t{1} << draw(0, 1);
    const int64_t stride = draw(1, 2);
    const int64_t slots = 256 * (draw(0, 2) == 0 ? 4 : 1);
    const CkksLayout in = {.channels = draw(1, 14), .height = side, .width = side, .gap = gap};
    const CkksLayout out = *StridedLayout(in, draw(1, 14), stride);
    const int64_t kernel = 1 + 2 * draw(0, 1);
    const auto packing = SingleShot(slots);
    const LinearOps convolution = *packing->Convolution(in, out.channels, kernel, stride);
    EXPECT_EQ(convolution.first,
              CountMatrix(ConvolutionMatrix(in, out, kernel, kernel / 2, stride, false), slots,
                          /*last=*/false))
        << i;
    const CkksDownsample down = *packing->Downsample(in, out.channels, stride);
    EXPECT_EQ(down.ops.first,
              CountMatrix(ConvolutionMatrix(in, out, 1, 0, stride, true), slots, false))
        << i;
    const CkksLayout pooled = *StridedLayout(in, in.channels, 2);
    EXPECT_EQ(packing->AveragePool(in, 3, 2, 1)->first,
              CountMatrix(ConvolutionMatrix(in, pooled, 3, 1, 2, true), slots, false))
        << i;
    Matrix dense = {.rows = draw(1, 40), .entries = {}};
    for (int64_t row = 0; row < dense.rows; ++row) {
      for (int64_t c = 0; c < in.channels; ++c) {
        for (int64_t pixel = 0; pixel < side * side; ++pixel) {
          dense.entries.insert({row, SlotOf(in, c, pixel / side, pixel % side)});
        }
      }
    }
    for (const bool last : {false, true}) {
      EXPECT_EQ(packing->FullyConnected(in, dense.rows, last)->first,
                CountMatrix(dense, slots, last))
          << i;
    }
  }
}

TEST(SingleShotPackingTest, RefusesWhatItDoesNotModel) {
  const auto message = [](const auto& result) { return std::string(result.status().message()); };
  EXPECT_THAT(message(SingleShot()->Convolution({3, 224, 224, 1}, 64, 7, 2)),
              HasSubstr("found maps of 224x224 pixels at gap 1"));
  EXPECT_THAT(message(SingleShot()->Convolution({16, 28, 28, 1}, 16, 3, 1)),
              HasSubstr("that divides 32768 slots"));
  EXPECT_THAT(message(SingleShot()->Convolution({64'000, 32, 32, 1}, 64'000, 3, 1)),
              HasSubstr("pairs of them"));
}

}  // namespace
}  // namespace reluscape
