#include <cmath>
#include <optional>

#include "absl/strings/str_cat.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

void CheckRange(const std::string& field, int64_t value, int64_t low, int64_t high,
                FieldErrors& errors) {
  if (value < low || value > high) {
    errors.Add(field, absl::StrCat(value), absl::StrCat(low, " to ", high));
  }
}

// A multiplier in thousandths, so that products of multipliers are exact; std::nullopt where it
// is out of range, not a number or has more decimals.
std::optional<int64_t> Thousandths(double multiplier) {
  if (!(multiplier >= kMinMultiplier && multiplier <= kMaxMultiplier)) return std::nullopt;
  const int64_t thousandths = std::llround(multiplier * 1000);
  // A decimal with at most three places is the double next to thousandths / 1000, exactly.
  if (static_cast<double>(thousandths) / 1000 != multiplier) return std::nullopt;
  return thousandths;
}

}  // namespace

std::vector<StageShape> StageShapes(const Architecture& architecture, FieldErrors& errors) {
  CheckRange("side", architecture.side, kMinSide, kMaxSide, errors);
  CheckRange("classes", architecture.classes, kMinClasses, kMaxClasses, errors);
  CheckRange("base_channels", architecture.base_channels, 1, kMaxChannels, errors);
  const auto stages = static_cast<int64_t>(architecture.blocks.size());
  if (stages < kMinStages || stages > kMaxStages) {
    errors.Add("blocks", absl::StrCat(stages, " stages"),
               absl::StrCat(kMinStages, " to ", kMaxStages, " stages"));
    return {};  // the lists below are of no known length
  }
  for (size_t i = 0; i < architecture.blocks.size(); ++i) {
    CheckRange(absl::StrCat("blocks[", i, "]"), architecture.blocks[i], 1, kMaxBlocksPerStage,
               errors);
  }
  if (static_cast<int64_t>(architecture.multipliers.size()) != stages - 1) {
    errors.Add("multipliers", absl::StrCat(architecture.multipliers.size(), " multipliers"),
               absl::StrCat(stages - 1, " for ", stages, " stages"));
    return {};
  }
  std::vector<int64_t> thousandths;
  for (size_t i = 0; i < architecture.multipliers.size(); ++i) {
    const std::optional<int64_t> exact = Thousandths(architecture.multipliers[i]);
    if (!exact) {
      errors.Add(absl::StrCat("multipliers[", i, "]"), absl::StrCat(architecture.multipliers[i]),
                 "0.001 to 1000 with at most three decimals");
      continue;
    }
    thousandths.push_back(*exact);
  }
  if (!errors.empty()) return {};

  std::vector<StageShape> shapes;
  // Width of a stage = numerator / denominator, at most 65536 * (10^6)^4 < 2^127.
  __int128 numerator = architecture.base_channels;
  __int128 denominator = 1;
  int64_t side = architecture.side;
  for (size_t i = 0; i < architecture.blocks.size(); ++i) {
    if (i > 0) {
      numerator *= thousandths[i - 1];
      denominator *= 1000;
      if (side == 1) {
        errors.Add("side", absl::StrCat(architecture.side),
                   absl::StrCat("a side that stage ", i + 1,
                                " can halve: its input is already 1 pixel wide"));
        return {};
      }
      side = (side + 1) / 2;  // kernel 3, padding 1, stride 2
    }
    const __int128 rounded = (2 * numerator + denominator) / (2 * denominator);
    const int64_t width = rounded < 1 ? 1 : static_cast<int64_t>(rounded);
    if (width > kMaxChannels) {
      errors.Add(absl::StrCat("multipliers[", i - 1, "]"),
                 absl::StrCat(architecture.multipliers[i - 1], " (stage ", i + 1, " is ", width,
                              " channels wide)"),
                 absl::StrCat("stages of at most ", kMaxChannels, " channels"));
      return {};
    }
    shapes.push_back({.width = width, .side = side, .blocks = architecture.blocks[i]});
  }
  return shapes;
}

}  // namespace reluscape
