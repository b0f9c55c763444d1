#include "search/cost/bfv_packing.h"

#include <algorithm>
#include <array>
#include <bit>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "search/cost/whole_numbers.h"

namespace reluscape {
namespace {

int64_t NextPowerOfTwo(int64_t value) {
  return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(value)));
}

// Non-zero digits of the non-adjacent form, which are the set bits of value ^ 3 value.
constexpr int64_t NafDigits(uint64_t value) { return std::popcount(value ^ (3 * value)); }

// kRotationSteps[m]: key switches of rotating by each of the steps 1 .. m - 1.
constexpr auto kRotationSteps = [] {
  std::array<int32_t, kBfvSlots + 1> sums = {};
  for (size_t m = 2; m < sums.size(); ++m) {
    sums[m] = sums[m - 1] + static_cast<int32_t>(NafDigits(m - 1));
  }
  return sums;
}();

int64_t RotationSteps(int64_t m) { return kRotationSteps[static_cast<size_t>(m)]; }

// Channels of a layer's last block of `per_half`.
int64_t LastBlock(int64_t channels, int64_t per_half) {
  return channels % per_half == 0 ? per_half : channels % per_half;
}

// The width to which a repeated pattern of `rep` channels is summed up, where the inputs end within
// a half: the repeat of the inputs themselves then bounds it.
int64_t RepeatWidth(int64_t in_channels, int64_t per_half, int64_t rep) {
  const int64_t last = LastBlock(in_channels, per_half);
  const int64_t parts = CeilDiv(last, rep);
  const int64_t whole =
      (rep * parts) % last == rep - 1 ? NextPowerOfTwo(parts) : NextPowerOfTwo(parts + 1);
  return std::min(whole * rep, per_half);
}

absl::StatusOr<BfvCounts> CountConvolution(const LinearLayer& layer) {
  const int64_t pixels = layer.height * layer.width;
  if (pixels > kBfvHalfSlots) {
    return absl::InvalidArgumentError(
        absl::StrCat(layer.name, ": found an input of ", layer.height, "x", layer.width, " = ",
                     pixels, " pixels; allowed: at most ", kBfvHalfSlots,
                     " (64x64), what one half of a BFV ciphertext with N = 8192 holds"));
  }
  if (2 * layer.padding != layer.kernel - 1) {
    return absl::InvalidArgumentError(
        absl::StrCat(layer.name, ": found kernel ", layer.kernel, " with padding ", layer.padding,
                     "; allowed: an odd kernel with SAME padding, (kernel - 1) / 2"));
  }
  const int64_t per_half = kBfvHalfSlots / NextPowerOfTwo(pixels);  // cph
  const int64_t taps = layer.kernel * layer.kernel;
  const int64_t in_ct = CeilDiv(layer.in_channels, 2 * per_half);
  const int64_t out_ct = CeilDiv(layer.out_channels, 2 * per_half);
  const int64_t in_halves = CeilDiv(layer.in_channels, per_half);
  const int64_t out_halves = CeilDiv(layer.out_channels, per_half);
  const bool odd = out_halves % 2 == 1;
  const int64_t perms = odd && out_halves > 1 ? out_halves + 1 : out_halves;
  const int64_t halves = perms > 1 ? 2 : 1;
  const int64_t rows = std::max<int64_t>(1, perms / 2);
  const int64_t last = LastBlock(layer.out_channels, per_half);
  const bool repeats = last <= per_half / 2 && odd;

  BfvCounts counts = {.upload_ciphertexts = taps * in_ct, .download_ciphertexts = out_ct};
  // Every pair of a row p and an input ciphertext c. With a repeat, exactly one row of each input
  // ciphertext is the repeated one: that which meets the last output ciphertext.
  const int64_t repeated = repeats ? in_ct : 0;
  const int64_t plain = rows * in_ct - repeated;
  const int64_t rep = NextPowerOfTwo(last);
  counts.plaintext_multiplications =
      halves * taps * (plain * per_half + (repeats ? repeated * rep : 0));
  counts.key_switches = halves * plain * RotationSteps(per_half);
  for (int64_t c = 0; c < repeated; ++c) {
    const int64_t row = (out_ct - 1 - c % out_ct + out_ct) % out_ct;
    const bool inputs_end = (2 * row + c + 1) % in_ct == 0;
    const int64_t width = inputs_end ? RepeatWidth(layer.in_channels, per_half, rep) : per_half;
    counts.key_switches += halves * (RotationSteps(rep) + Log2(width / rep));
  }
  // Column swaps: every pair of several permutations but a repeated one in row 0, which is that of
  // each c with (0 + c) mod out_ct = out_ct - 1.
  if (perms > 1) {
    counts.key_switches += rows * in_ct - (repeats ? in_ct / out_ct : 0);
  } else if (in_halves > 1) {
    counts.key_switches += in_ct;
  }
  return counts;
}

absl::StatusOr<BfvCounts> CountFullyConnected(const LinearLayer& layer) {
  if (layer.in_channels > kBfvSlots || layer.out_channels > kBfvSlots) {
    return absl::InvalidArgumentError(
        absl::StrCat(layer.name, ": found a fully connected layer ", layer.in_channels, " -> ",
                     layer.out_channels, "; allowed: at most ", kBfvSlots,
                     " on both sides, the slots of a BFV ciphertext with N = 8192"));
  }
  const int64_t in = NextPowerOfTwo(layer.in_channels);
  const int64_t per_ciphertext = kBfvSlots / in;
  const int64_t groups = CeilDiv(NextPowerOfTwo(layer.out_channels), per_ciphertext);
  // Rotations by 1 .. groups - 1, then the sum over what is left of the inputs.
  return BfvCounts{.plaintext_multiplications = groups,
                   .key_switches = RotationSteps(groups) + Log2(in / groups),
                   .upload_ciphertexts = 1,
                   .download_ciphertexts = 1};
}

}  // namespace

absl::StatusOr<BfvCounts> CountBfv(const LinearLayer& layer) {
  return layer.fully_connected ? CountFullyConnected(layer) : CountConvolution(layer);
}

}  // namespace reluscape
