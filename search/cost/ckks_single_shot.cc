// Single-shot packing: the matrix of a linear operation over the slots, block by block of one input
// and one output ciphertext, and the generalized diagonals that are not zero.
//
// Pixel (y, x) of channel c lies in map c / g^2 at row y g + (c % g^2) / g and column
// x g + (c % g^2) % g. Because the output's gap is the input's times the stride, a kernel tap moves
// by the same number of slots at every pixel, so that a diagonal is a difference of channel offsets
// plus a tap's offset: no pixel needs to be looked at.

#include <algorithm>
#include <bit>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/cost/ckks_packing.h"
#include "search/cost/whole_numbers.h"
#include "search/network/checked_math.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxBlocks = 4096;  // 64 ciphertexts to 64: a search for seconds, not for days

// The diagonals of one block, by their number.
class Diagonals {
 public:
  // Numbers are taken modulo `height`, a power of two.
  explicit Diagonals(int64_t height) : present_(static_cast<size_t>(height), false) {}

  void Add(int64_t number) { present_[static_cast<size_t>(number) & (present_.size() - 1)] = true; }

  // Adds the counts of the block: rotations of the cheapest baby step that is a power of two.
  void Count(CkksOps& ops) const {
    std::vector<size_t> numbers;
    for (size_t i = 0; i < present_.size(); ++i) {
      if (present_[i]) numbers.push_back(i);
    }
    if (numbers.empty()) return;
    int64_t rotations = std::numeric_limits<int64_t>::max();
    for (size_t step = 1; step <= present_.size(); step *= 2) {
      rotations = std::min(rotations, Rotations(numbers, step));
    }
    ops.plaintext_multiplications += static_cast<int64_t>(numbers.size());
    ops.rotations += rotations;
  }

 private:
  // Distinct baby steps and giant steps but those by 0.
  int64_t Rotations(const std::vector<size_t>& numbers, size_t step) const {
    std::vector<bool> baby(step, false);
    std::vector<bool> giant(present_.size() / step, false);  // both are powers of two
    for (const size_t number : numbers) {
      baby[number % step] = true;
      giant[number / step] = true;
    }
    return std::count(baby.begin() + 1, baby.end(), true) +
           std::count(giant.begin() + 1, giant.end(), true);
  }

  std::vector<bool> present_;
};

// Where a channel's first pixel lies in its ciphertext, and which one that is.
struct Place {
  int64_t ciphertext = 0;
  int64_t offset = 0;  // slots
};

class SingleShot final : public CkksPacking {
 public:
  explicit SingleShot(int64_t slots) : slots_(slots) {}

  bool CountsTheOperationItself() const override { return true; }

  absl::StatusOr<LinearOps> Convolution(const CkksLayout& in, int64_t out_channels, int64_t kernel,
                                        int64_t stride) const override {
    ASSIGN_OR_RETURN(const CkksLayout out, StridedLayout(in, out_channels, stride));
    return Taps(in, out, kernel, kernel / 2, /*per_channel=*/false);
  }

  absl::StatusOr<CkksDownsample> Downsample(const CkksLayout& in, int64_t out_channels,
                                            int64_t stride) const override {
    ASSIGN_OR_RETURN(const CkksLayout out, StridedLayout(in, out_channels, stride));
    CkksDownsample result;
    ASSIGN_OR_RETURN(result.ops, Taps(in, out, /*kernel=*/1, /*padding=*/0, /*per_channel=*/true));
    return result;
  }

  absl::StatusOr<LinearOps> AveragePool(const CkksLayout& in, int64_t kernel, int64_t stride,
                                        int64_t padding) const override {
    ASSIGN_OR_RETURN(const CkksLayout out, StridedLayout(in, in.channels, stride));
    return Taps(in, out, kernel, padding, /*per_channel=*/true);
  }

  bool NeedsVector() const override { return false; }

  absl::StatusOr<LinearOps> Collect(const CkksLayout& /*in*/, int64_t /*kernel*/) const override {
    return absl::InvalidArgumentError("single-shot packing collects no vectors");
  }

  absl::StatusOr<LinearOps> FullyConnected(const CkksLayout& in, int64_t outputs,
                                           bool last) const override {
    RETURN_IF_ERROR(CheckMap(in));
    const int64_t rows = CeilDiv(outputs, slots_);
    RETURN_IF_ERROR(CheckBlocks(Ciphertexts(in), rows));
    const int64_t height = rows == 1 && !last ? BlockHeight(outputs) : slots_;
    LinearOps ops;
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t block_outputs = std::min(slots_, outputs - row * slots_);
      FullyConnectedRow(in, block_outputs, height, ops.first);
    }
    Finish(rows, height, ops.first);
    return ops;
  }

 private:
  absl::Status CheckMap(const CkksLayout& layout) const {
    const std::optional<int64_t> map =
        CheckedProduct({layout.gap, layout.gap, layout.height, layout.width});
    if (map && *map <= slots_ && slots_ % *map == 0) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "found maps of ", layout.height, "x", layout.width, " pixels at gap ", layout.gap,
        "; allowed: gap^2 x height x width that divides ", slots_,
        " slots, since a map that is split over ciphertexts is not modelled for single-shot "
        "packing"));
  }

  static absl::Status CheckBlocks(int64_t in, int64_t out) {
    const std::optional<int64_t> blocks = CheckedProduct({in, out});
    if (blocks && *blocks <= kMaxBlocks) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "found ", in, " input and ", out,
        " output ciphertexts; allowed for single-shot packing: ", kMaxBlocks, " pairs of them"));
  }

  Place PlaceOf(const CkksLayout& layout, int64_t channel) const {
    const int64_t cell = layout.gap * layout.gap;
    const int64_t row = channel % cell / layout.gap;
    const int64_t column = channel % cell % layout.gap;
    const int64_t slot = channel / cell * (layout.height * layout.width * cell) +
                         row * layout.width * layout.gap + column;
    return {.ciphertext = slot / slots_, .offset = slot % slots_};
  }

  int64_t Ciphertexts(const CkksLayout& layout) const {
    const int64_t cell = layout.gap * layout.gap;
    return CeilDiv(CeilDiv(layout.channels, cell) * cell * layout.height * layout.width, slots_);
  }

  static int64_t BlockHeight(int64_t rows) {
    return static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(rows)));
  }

  // Offsets of the channels in each ciphertext, distinct.
  std::vector<std::vector<int64_t>> Offsets(const CkksLayout& layout) const {
    std::vector<std::vector<int64_t>> offsets(static_cast<size_t>(Ciphertexts(layout)));
    for (int64_t channel = 0; channel < layout.channels; ++channel) {
      const Place place = PlaceOf(layout, channel);
      offsets[static_cast<size_t>(place.ciphertext)].push_back(place.offset);
    }
    return offsets;
  }

  absl::StatusOr<LinearOps> Taps(const CkksLayout& in, const CkksLayout& out, int64_t kernel,
                                 int64_t padding, bool per_channel) const {
    RETURN_IF_ERROR(CheckMap(in));
    RETURN_IF_ERROR(CheckMap(out));
    RETURN_IF_ERROR(CheckBlocks(Ciphertexts(in), Ciphertexts(out)));
    const std::vector<int64_t> taps = TapOffsets(in, out, kernel, padding);
    const int64_t rows = Ciphertexts(out);
    const int64_t cell = out.gap * out.gap;
    const int64_t height =
        rows == 1 ? BlockHeight(CeilDiv(out.channels, cell) * cell * out.height * out.width)
                  : slots_;
    LinearOps ops;
    if (per_channel) {
      CountPerChannel(in, out, taps, height, ops.first);
    } else {
      CountAllPairs(in, out, taps, height, ops.first);
    }
    Finish(rows, height, ops.first);
    return ops;
  }

  // Slots by which the taps that touch any pixel lie away from the output pixel.
  static std::vector<int64_t> TapOffsets(const CkksLayout& in, const CkksLayout& out,
                                         int64_t kernel, int64_t padding) {
    const auto touches = [kernel, padding](int64_t tap, int64_t side, int64_t out_side) {
      // Some output pixel y has 0 <= y * stride + tap - padding < side.
      const int64_t stride = side / out_side;
      const int64_t shift = tap % kernel - padding;
      const int64_t first = shift < 0 ? (-shift + stride - 1) / stride : 0;
      return first < out_side && first * stride + shift < side;
    };
    std::vector<int64_t> offsets;
    for (int64_t y = 0; y < kernel; ++y) {
      for (int64_t x = 0; x < kernel; ++x) {
        if (!touches(y, in.height, out.height) || !touches(x, in.width, out.width)) continue;
        offsets.push_back((y - padding) * in.gap * (in.width * in.gap) + (x - padding) * in.gap);
      }
    }
    return offsets;
  }

  void CountAllPairs(const CkksLayout& in, const CkksLayout& out, const std::vector<int64_t>& taps,
                     int64_t height, CkksOps& ops) const {
    const std::vector<std::vector<int64_t>> sources = Offsets(in);
    const std::vector<std::vector<int64_t>> targets = Offsets(out);
    for (const std::vector<int64_t>& target : targets) {
      for (const std::vector<int64_t>& source : sources) {
        // Many pairs of channels share a difference.
        std::vector<bool> differences(static_cast<size_t>(2 * slots_), false);
        for (const int64_t to : target) {
          for (const int64_t from : source) {
            differences[static_cast<size_t>(from - to + slots_)] = true;
          }
        }
        Diagonals diagonals(height);
        for (int64_t difference = -slots_; difference < slots_; ++difference) {
          if (!differences[static_cast<size_t>(difference + slots_)]) continue;
          for (const int64_t tap : taps) diagonals.Add(difference + tap);
        }
        diagonals.Count(ops);
      }
    }
  }

  // Output channel c is made from input channel c alone; the output may have more.
  void CountPerChannel(const CkksLayout& in, const CkksLayout& out,
                       const std::vector<int64_t>& taps, int64_t height, CkksOps& ops) const {
    const int64_t columns = Ciphertexts(in);
    std::vector<std::pair<int64_t, int64_t>> pairs;  // block, difference
    for (int64_t channel = 0; channel < std::min(in.channels, out.channels); ++channel) {
      const Place from = PlaceOf(in, channel);
      const Place to = PlaceOf(out, channel);
      pairs.emplace_back(to.ciphertext * columns + from.ciphertext, from.offset - to.offset);
    }
    std::sort(pairs.begin(), pairs.end());
    for (size_t i = 0; i < pairs.size();) {
      Diagonals diagonals(height);
      const int64_t block = pairs[i].first;
      for (; i < pairs.size() && pairs[i].first == block; ++i) {
        for (const int64_t tap : taps) diagonals.Add(pairs[i].second + tap);
      }
      diagonals.Count(ops);
    }
  }

  // Every input's column against `outputs` rows that follow each other.
  void FullyConnectedRow(const CkksLayout& in, int64_t outputs, int64_t height,
                         CkksOps& ops) const {
    std::vector<std::vector<bool>> columns(static_cast<size_t>(Ciphertexts(in)),
                                           std::vector<bool>(static_cast<size_t>(slots_), false));
    for (int64_t channel = 0; channel < in.channels; ++channel) {
      const Place place = PlaceOf(in, channel);
      for (int64_t y = 0; y < in.height; ++y) {
        for (int64_t x = 0; x < in.width; ++x) {
          const int64_t slot = place.offset + y * in.gap * (in.width * in.gap) + x * in.gap;
          columns[static_cast<size_t>(place.ciphertext)][static_cast<size_t>(slot)] = true;
        }
      }
    }
    for (const std::vector<bool>& column : columns) {
      // A column's diagonals are the numbers column - outputs + 1 to column: one walk over a
      // window.
      Diagonals diagonals(height);
      int64_t next = 1 - outputs;  // the first number that no column before covers
      for (int64_t slot = 0; slot < slots_; ++slot) {
        if (!column[static_cast<size_t>(slot)]) continue;
        for (next = std::max(next, slot - outputs + 1); next <= slot; ++next) diagonals.Add(next);
      }
      diagonals.Count(ops);
    }
  }

  // One rescale per output ciphertext; repeated outputs are summed.
  void Finish(int64_t rows, int64_t height, CkksOps& ops) const {
    ops.rescales += rows;
    ops.rotations += Log2(slots_ / height);
  }

  int64_t slots_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CkksPacking>> SingleShotPacking(int64_t slots) {
  if (slots < 2 || slots > (int64_t{1} << 20) || !IsPowerOfTwo(slots)) {
    return absl::InvalidArgumentError(
        absl::StrCat("slots: found ", slots, "; allowed: a power of two, 2 to 2^20"));
  }
  return std::make_unique<SingleShot>(slots);
}

}  // namespace reluscape
