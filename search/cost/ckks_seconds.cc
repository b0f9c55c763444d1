#include "search/cost/ckks_seconds.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace reluscape {
namespace {

// Whether Orion's rule prices it: per diagonal and level.
bool IsLinear(CkksPart part) {
  return part == CkksPart::kConvolution || part == CkksPart::kSkip || part == CkksPart::kPool ||
         part == CkksPart::kFullyConnected || part == CkksPart::kBatchNorm;
}

// Adds count * curve; false where the curve has no value and the count is not 0.
bool AddWork(double count, const LevelCurve& curve, int64_t level, double& seconds) {
  if (count == 0) return true;
  const std::optional<double> each = curve.At(level);
  if (!each) return false;
  seconds += count * *each;
  return true;
}

bool AddPlaintext(double count, const CkksTable& table, int64_t level, double& seconds) {
  if (!table.encode.empty() && !AddWork(count, table.encode, level, seconds)) return false;
  if (!table.plaintext_multiplication.empty()) {
    return AddWork(count, table.plaintext_multiplication, level, seconds);
  }
  return AddWork(count / 2, table.ciphertext_multiplication, level, seconds);
}

bool AddCiphertext(double count, const CkksTable& table, int64_t level, double& seconds) {
  if (!AddWork(count, table.ciphertext_multiplication, level, seconds)) return false;
  return table.relinearization.empty() || AddWork(count, table.relinearization, level, seconds);
}

}  // namespace

bool HasPrice(const CkksNode& node, const CkksPreset& preset) {
  if (node.part == CkksPart::kFree) return true;
  if (preset.linear_s && IsLinear(node.part)) return true;
  return !preset.table.ciphertext_multiplication.empty() && !preset.table.rescale.empty() &&
         (node.ops.rotations == 0 || !preset.table.rotate.empty());
}

std::optional<double> OperationSeconds(const CkksNode& node, const CkksPreset& preset,
                                       int64_t level) {
  if (!HasPrice(node, preset)) return std::nullopt;
  const int64_t runs_at = node.fixed_level > 0 ? node.fixed_level : level;
  double seconds = 0;
  for (const LevelWork& work : node.work) {
    const int64_t at = runs_at - work.below;
    if (preset.linear_s && IsLinear(node.part)) {
      seconds += *preset.linear_s * work.plaintext_multiplications * static_cast<double>(at);
      continue;
    }
    if (!AddWork(work.rotations, preset.table.rotate, at, seconds) ||
        !AddPlaintext(work.plaintext_multiplications, preset.table, at, seconds) ||
        !AddCiphertext(work.ciphertext_multiplications, preset.table, at, seconds) ||
        !AddWork(work.rescales, preset.table.rescale, at, seconds)) {
      return std::nullopt;
    }
  }
  return seconds;
}

absl::StatusOr<LevelPrices> SecondsByLevel(const CkksProgram& program, const CkksPreset& preset,
                                           int64_t levels, bool any_target) {
  LevelPrices prices;
  for (int64_t level = 0; level <= levels; ++level) {
    const std::optional<double> seconds = preset.table.bootstrap.At(level);
    const bool allowed = level == levels || (any_target && level > 0);
    prices.bootstrap.push_back(allowed && seconds ? *seconds : kNoBootstrap);
  }
  if (prices.bootstrap.back() == kNoBootstrap) {
    return absl::InvalidArgumentError(absl::StrCat(
        "levels: found ", levels, "; allowed: those of ", preset.name,
        "'s table of bootstraps, which ends at ", preset.table.bootstrap.last_level()));
  }
  for (const CkksNode& node : program.nodes) {
    std::vector<double> by_level;
    if (HasPrice(node, preset) && !node.work.empty()) {
      by_level.assign(static_cast<size_t>(levels) + 1, 0);
      for (int64_t level = node.level.depth; level <= levels; ++level) {
        const std::optional<double> seconds = OperationSeconds(node, preset, level);
        if (!seconds) {
          return absl::InvalidArgumentError(
              absl::StrCat(node.name, ": found no price at level ",
                           node.fixed_level > 0 ? node.fixed_level : level, "; allowed: levels of ",
                           preset.name, "'s table of operations"));
        }
        by_level[static_cast<size_t>(level)] = *seconds;
      }
    }
    prices.operation.push_back(std::move(by_level));
  }
  return prices;
}

}  // namespace reluscape
