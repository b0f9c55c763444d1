// Multiplexed parallel packing: the closed forms of ckks_packing.h, with what they leave open:
//
//  * a parameter-free down-sampling: k t selections and rotations and p_out - 1 rotations that
//    repeat the result. It puts the channels amid zero ones, which the code can do only where t is
//    a multiple of 8; elsewhere a 1x1 convolution stands in;
//  * an average pool before another convolution: the window's sums, then the selections and
//    rotations of a down-sampling (derived, not validated);
//  * collecting a vector: one selection and rotation per row of each k x k cell, map and pixel that
//    is left; of one pixel the code's k t - 1 rotations behind log2 h + log2 w of the sums;
//  * a sum over a window whose side is no power of two takes side - 1 rotations, as lt does.

#include <algorithm>
#include <array>
#include <bit>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/cost/ckks_packing.h"
#include "search/cost/whole_numbers.h"
#include "search/network/checked_math.h"

namespace reluscape {
namespace {

using Count = std::optional<int64_t>;  // std::nullopt: does not fit 63 bits

// Rotations that sum `count` neighbours.
int64_t SumRotations(int64_t count) {
  const auto bits = static_cast<uint64_t>(count);
  return std::has_single_bit(bits) ? std::countr_zero(bits) : count - 1;
}

std::string Text(const CkksLayout& layout) {
  return absl::StrCat(layout.channels, " channels of ", layout.height, "x", layout.width,
                      " pixels at gap ", layout.gap);
}

// Groups of channels, one ciphertext each: all of the first kind but perhaps one of the second.
struct Group {
  int64_t number = 0;
  int64_t channels = 0;
  int64_t maps = 0;     // t
  int64_t repeats = 0;  // p
};
using Groups = std::array<Group, 2>;

class Multiplexed final : public CkksPacking {
 public:
  explicit Multiplexed(int64_t slots) : slots_(slots) {}

  bool CountsTheOperationItself() const override { return false; }

  absl::StatusOr<LinearOps> Convolution(const CkksLayout& in, int64_t out_channels, int64_t kernel,
                                        int64_t stride) const override {
    ASSIGN_OR_RETURN(const CkksLayout out, StridedLayout(in, out_channels, stride));
    ASSIGN_OR_RETURN(const Groups from, Split(in));
    ASSIGN_OR_RETURN(const Groups to, Split(out));
    Total total;
    for (const Group& input : from) {
      for (const Group& output : to) {
        const Count pairs = CheckedProduct({input.number, output.number});
        const int64_t q = CeilDiv(output.channels, std::max<int64_t>(input.repeats, 1));
        const int64_t sums =
            2 * SumRotations(in.gap) + SumRotations(std::max<int64_t>(input.maps, 1));
        const Count taps = CheckedProduct({kernel, kernel});
        total.Add(total.ops.first.rotations, pairs, CheckedSum({taps, -1}));
        total.Add(total.ops.first.plaintext_multiplications, pairs,
                  taps ? CheckedProduct({q, *taps}) : Count());
        total.Add(total.ops.first.rescales, pairs, q);
        total.Add(total.ops.second.rotations, pairs,
                  CheckedSum({CheckedProduct({q, sums}), output.channels, output.repeats - 1}));
        total.Add(total.ops.second.plaintext_multiplications, pairs, output.channels);
        total.Add(total.ops.second.rescales, pairs, 1);
      }
    }
    return total.Checked(in);
  }

  absl::StatusOr<CkksDownsample> Downsample(const CkksLayout& in, int64_t out_channels,
                                            int64_t stride) const override {
    ASSIGN_OR_RETURN(const Groups from, Split(in));
    CkksDownsample result;
    for (const Group& group : from) {
      if (group.number > 0 && group.maps % 8 != 0) result.projected = true;
    }
    if (result.projected) {
      ASSIGN_OR_RETURN(result.ops, Convolution(in, out_channels, /*kernel=*/1, stride));
      return result;
    }
    ASSIGN_OR_RETURN(const CkksLayout out, StridedLayout(in, out_channels, stride));
    ASSIGN_OR_RETURN(const Groups to, Split(out));
    Total total;
    AddSelections(in, from, total);
    AddRepeats(to, total);
    ASSIGN_OR_RETURN(result.ops, total.Checked(in));
    return result;
  }

  absl::StatusOr<LinearOps> AveragePool(const CkksLayout& in, int64_t kernel, int64_t stride,
                                        int64_t /*padding*/) const override {
    ASSIGN_OR_RETURN(const CkksLayout out, StridedLayout(in, in.channels, stride));
    ASSIGN_OR_RETURN(const Groups from, Split(in));
    ASSIGN_OR_RETURN(const Groups to, Split(out));
    Total total;
    for (const Group& group : from) {
      total.Add(total.ops.first.rotations, group.number, 2 * SumRotations(kernel));
    }
    AddSelections(in, from, total);
    AddRepeats(to, total);
    return total.Checked(in);
  }

  bool NeedsVector() const override { return true; }

  absl::StatusOr<LinearOps> Collect(const CkksLayout& in, int64_t kernel) const override {
    if (in.height % kernel != 0 || in.width % kernel != 0) {
      return absl::InvalidArgumentError(absl::StrCat("found windows of ", kernel, " pixels over ",
                                                     Text(in), "; allowed: windows that fill it"));
    }
    ASSIGN_OR_RETURN(const Groups from, Split(in));
    const int64_t pixels = (in.height / kernel) * (in.width / kernel);
    const Count entries = CheckedProduct({in.channels, pixels});
    if (!entries || *entries > slots_) {
      return absl::InvalidArgumentError(absl::StrCat("found a vector of ", in.channels, " x ",
                                                     pixels, " entries; allowed: at most ", slots_,
                                                     ", the slots of a ciphertext"));
    }
    Total total;
    for (const Group& group : from) {
      const Count picks = CheckedProduct({in.gap, group.maps, pixels});
      total.Add(total.ops.first.rotations, group.number,
                CheckedSum({2 * SumRotations(kernel), picks}));
      total.Add(total.ops.first.plaintext_multiplications, group.number, picks);
    }
    total.Add(total.ops.first.rotations, 1, -1);  // the first part stays where it is
    total.Add(total.ops.first.rescales, 1, 1);
    return total.Checked(in);
  }

  absl::StatusOr<LinearOps> FullyConnected(const CkksLayout& in, int64_t outputs,
                                           bool /*last*/) const override {
    const Count diagonals = CheckedSum({in.channels, outputs, -1});
    if (in.height != 1 || in.width != 1 || in.gap != 1 || !diagonals || *diagonals > slots_) {
      return absl::InvalidArgumentError(
          absl::StrCat("found ", Text(in), " and ", outputs, " outputs; allowed: a vector whose ",
                       "entries and outputs are at most ", slots_, " + 1 together"));
    }
    LinearOps ops;
    ops.first = {.rotations = *diagonals - 1,
                 .plaintext_multiplications = *diagonals,
                 .ciphertext_multiplications = 0,
                 .rescales = 1};
    return ops;
  }

 private:
  // Sums up counts and remembers whether one did not fit.
  struct Total {
    LinearOps ops;
    bool fits = true;

    void Add(int64_t& sum, Count times, Count each) {
      const Count product =
          times && each ? (*each < 0 ? Count(*times * *each) : CheckedProduct({*times, *each}))
                        : Count();
      const Count next = CheckedSum({sum, product});
      fits = fits && next.has_value();
      sum = next.value_or(0);
    }

    int64_t Largest() const {
      return std::max({ops.first.rotations, ops.first.plaintext_multiplications, ops.first.rescales,
                       ops.second.rotations, ops.second.plaintext_multiplications,
                       ops.second.rescales});
    }

    absl::StatusOr<LinearOps> Checked(const CkksLayout& in) const {
      if (fits && Largest() <= kMaxCkksCount) return ops;
      return absl::InvalidArgumentError(absl::StrCat("found ", Text(in), " with counts above ",
                                                     kMaxCkksCount, ", which is the most allowed"));
    }
  };

  absl::StatusOr<Groups> Split(const CkksLayout& layout) const {
    const Count cell = CheckedProduct({layout.gap, layout.gap});
    const Count map = cell ? CheckedProduct({*cell, layout.height, layout.width}) : Count();
    if (!map || *map > slots_) {
      return absl::InvalidArgumentError(absl::StrCat(
          "found ", Text(layout), "; allowed: maps of at most ", slots_,
          " slots (gap^2 x height x width), since multiplexed parallel packing does not split a "
          "map over ciphertexts"));
    }
    const int64_t maps = slots_ / *map;      // of a ciphertext
    const int64_t per_group = maps * *cell;  // at most `slots`, since `map` holds `cell`
    Groups groups;
    groups[0] = MakeGroup(layout.channels / per_group, per_group, *cell, maps);
    groups[1] = MakeGroup(1, layout.channels % per_group, *cell, maps);
    if (groups[1].channels == 0) groups[1].number = 0;
    return groups;
  }

  static Group MakeGroup(int64_t number, int64_t channels, int64_t cell, int64_t maps_that_fit) {
    Group group = {.number = number, .channels = channels};
    group.maps = CeilDiv(channels, cell);
    if (group.maps > 0) {
      group.repeats =
          static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(maps_that_fit / group.maps)));
    }
    return group;
  }

  // Every row of a cell and map, masked and rotated to its place.
  static void AddSelections(const CkksLayout& in, const Groups& from, Total& total) {
    for (const Group& group : from) {
      const Count rows = CheckedProduct({in.gap, group.maps});
      total.Add(total.ops.first.rotations, group.number, rows);
      total.Add(total.ops.first.plaintext_multiplications, group.number, rows);
    }
  }

  static void AddRepeats(const Groups& to, Total& total) {
    for (const Group& group : to) {
      total.Add(total.ops.first.rotations, group.number, std::max<int64_t>(group.repeats, 1) - 1);
      total.Add(total.ops.first.rescales, group.number, 1);
    }
  }

  int64_t slots_;
};

}  // namespace

absl::StatusOr<CkksLayout> StridedLayout(const CkksLayout& in, int64_t out_channels,
                                         int64_t stride) {
  if (stride < 1 || in.height % stride != 0 || in.width % stride != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("found stride ", stride, " over ", Text(in),
                     "; allowed: sides that the stride divides, since the slots between the pixels "
                     "that are left become the gap"));
  }
  return CkksLayout{.channels = out_channels,
                    .height = in.height / stride,
                    .width = in.width / stride,
                    .gap = in.gap * stride};
}

absl::StatusOr<std::unique_ptr<CkksPacking>> MultiplexedPacking(int64_t slots) {
  if (slots < 2 || slots > (int64_t{1} << 20) || !IsPowerOfTwo(slots)) {
    return absl::InvalidArgumentError(
        absl::StrCat("slots: found ", slots, "; allowed: a power of two, 2 to 2^20"));
  }
  return std::make_unique<Multiplexed>(slots);
}

}  // namespace reluscape
