#include <optional>

#include "absl/strings/str_cat.h"
#include "search/network/architecture.h"
#include "search/network/architecture_text.h"
#include "search/network/check_architecture.h"

namespace reluscape {
namespace {

// A width before scaling and rounding. The numerator is at most 65536 * 64 * (10^6)^4 < 2^102.
struct Width {
  __int128 numerator = 0;
  __int128 denominator = 1;

  // The exact product rounded half up, then DeepReDuce's scale rounded down, and at least 1.
  int64_t Channels(int64_t scale_thousandths) const {
    const __int128 rounded = (2 * numerator + denominator) / (2 * denominator);
    const __int128 full = rounded < 1 ? 1 : rounded;
    const __int128 scaled = full * scale_thousandths / 1000;
    // Far above the limit the exact number does not matter, only that it fits.
    constexpr __int128 kHuge = __int128{1} << 60;
    return scaled < 1 ? 1 : static_cast<int64_t>(scaled > kHuge ? kHuge : scaled);
  }
};

int64_t ChannelExpansion(const Architecture& architecture) {
  return architecture.family == Family::kBottleneck ? kBottleneckExpansion : 1;
}

// Whether sides that are halved are rounded down, as pools of 2 without padding do; convolutions
// of stride 2 round up.
bool HalvesByPool(const Architecture& architecture) {
  return architecture.family == Family::kVgg ||
         architecture.downsampling == Downsampling::kAveragePool;
}

// Adds an error and returns 0 where the side cannot be halved.
int64_t Halved(const Architecture& architecture, int64_t side, const std::string& by,
               FieldErrors& errors) {
  if (side == 1) {
    errors.Add("side", absl::StrCat(architecture.side),
               absl::StrCat("a side that ", by, " can halve: its input is already 1 pixel wide"));
    return 0;
  }
  return HalvesByPool(architecture) ? side / 2 : (side + 1) / 2;
}

void CheckTail(const Architecture& architecture, int64_t last_side, FieldErrors& errors) {
  int64_t side = last_side;
  if (architecture.family == Family::kVgg) {
    side = Halved(architecture, side, "the pool behind the last section", errors);
    if (side == 0) return;
  }
  if (architecture.last_map > side || side % architecture.last_map != 0) {
    errors.Add("last_map", absl::StrCat(architecture.last_map),
               absl::StrCat("a divisor of ", side, ", the side of the last map"));
  }
}

// Connections that ask for more than their ends have.
void CheckConnections(const Architecture& architecture, const std::vector<SectionShape>& sections,
                      FieldErrors& errors) {
  if (architecture.shortcut == Shortcut::kDownsample) {
    int64_t previous = StemWidth(architecture);
    for (size_t i = 0; i < sections.size(); ++i) {
      if (sections[i].output < previous) {
        errors.Add("shortcut",
                   absl::StrCat("downsample where section ", i + 1, " has ", sections[i].output,
                                " channels behind ", previous),
                   "sections that do not get narrower: it adds channels and removes none");
        return;
      }
      previous = sections[i].output;
    }
  }
  if (architecture.source == SharedSource::kStem) {
    int64_t stride = 1;
    for (size_t i = 0; i < sections.size(); ++i, stride *= 2) {
      if ((StemSide(architecture) - 1) / stride + 1 != sections[i].side) {
        errors.Add("source",
                   absl::StrCat("stem, of side ", StemSide(architecture), ", where section ", i + 1,
                                " has side ", sections[i].side),
                   "section, or sides that a convolution of stride 2 and a pool halve alike");
        return;
      }
    }
  }
}

}  // namespace

int64_t StemWidth(const Architecture& architecture) {
  return Width{.numerator = architecture.base_channels}.Channels(
      Thousandths(architecture.channel_scale).value_or(1000));
}

int64_t StemSide(const Architecture& architecture) {
  // Padding is half the kernel in convolution and pool.
  const int64_t side = (architecture.side - 1) / architecture.stem_stride + 1;
  return architecture.stem_pool ? (side + 1) / 2 : side;
}

std::vector<SectionShape> SectionShapes(const Architecture& architecture, FieldErrors& errors) {
  // The caller's list may already hold others.
  FieldErrors own;
  CheckFields(architecture, own);
  for (const FieldError& error : own.errors()) errors.Add(error.field, error.found, error.allowed);
  if (!own.empty()) return {};

  const int64_t scale = *Thousandths(architecture.channel_scale);
  std::vector<SectionShape> shapes;
  Width exact{.numerator = static_cast<__int128>(architecture.base_channels) * architecture.widen};
  int64_t side = StemSide(architecture);
  for (size_t i = 0; i < architecture.blocks.size(); ++i) {
    if (i > 0) {
      exact.numerator *= *Thousandths(architecture.multipliers[i - 1]);
      exact.denominator *= 1000;
      side = Halved(architecture, side, absl::StrCat("section ", i + 1), errors);
      if (side == 0) return {};
    }
    const int64_t width = exact.Channels(scale);
    const int64_t output = width * ChannelExpansion(architecture);
    if (output > kMaxChannels) {
      const std::string wide = absl::StrCat(" (section ", i + 1, " is ", output, " channels wide)");
      const std::string allowed = absl::StrCat("sections of at most ", kMaxChannels, " channels");
      if (i == 0) {
        errors.Add("base_channels", absl::StrCat(architecture.base_channels, wide), allowed);
      } else {
        errors.Add(absl::StrCat("multipliers[", i - 1, "]"),
                   absl::StrCat(FormatDecimal(architecture.multipliers[i - 1]), wide), allowed);
      }
      return {};
    }
    shapes.push_back(
        {.width = width, .output = output, .side = side, .blocks = architecture.blocks[i]});
  }
  CheckTail(architecture, side, own);
  CheckConnections(architecture, shapes, own);
  for (const FieldError& error : own.errors()) errors.Add(error.field, error.found, error.allowed);
  if (!own.empty()) return {};
  return shapes;
}

}  // namespace reluscape
