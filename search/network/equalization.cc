#include "search/network/equalization.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxWeight = int64_t{1} << 32;  // times 64^4 it is 2^56

// The smallest first multiplier for which `relus` (per stage; those behind stage 1 still without
// the first multiplier, a factor that all of them share) follow `order`; 0 where there is none.
// So stages behind the first are compared among themselves once, and stage 1 only bounds the
// multiplier from both sides: no search over it is needed.
int64_t SmallestFirstMultiplier(const std::vector<int64_t>& relus,
                                const std::vector<int64_t>& order, int64_t bound) {
  int64_t low = kMinEqualizationBound;
  int64_t high = bound;
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    const int64_t more = relus[static_cast<size_t>(order[i]) - 1];
    const int64_t fewer = relus[static_cast<size_t>(order[i + 1]) - 1];
    if (order[i] == 1) {
      high = std::min(high, (more - 1) / fewer);  // more > first * fewer
    } else if (order[i + 1] == 1) {
      low = std::max(low, fewer / more + 1);  // first * more > fewer
    } else if (more <= fewer) {
      return 0;
    }
  }
  return low <= high ? low : 0;
}

}  // namespace

absl::StatusOr<std::vector<int64_t>> BasicBlockStageWeights(const std::vector<int64_t>& blocks,
                                                            int64_t side) {
  Architecture architecture;
  architecture.side = side;
  architecture.base_channels = 1;
  architecture.blocks = blocks;
  architecture.multipliers.assign(blocks.empty() ? 0 : blocks.size() - 1, 1.0);
  FieldErrors errors;
  const std::vector<StageShape> stages = StageShapes(architecture, errors);
  RETURN_IF_ERROR(errors.ToStatus());
  std::vector<int64_t> weights;
  weights.reserve(stages.size());
  for (const StageShape& stage : stages) weights.push_back(stage.blocks * stage.side * stage.side);
  return weights;
}

void CheckEqualization(const EqualizationProblem& problem, FieldErrors& errors) {
  const auto stages = static_cast<int64_t>(problem.stage_weights.size());
  if (stages < kMinStages || stages > kMaxStages) {
    errors.Add("stage_weights", absl::StrCat(stages, " stages"),
               absl::StrCat(kMinStages, " to ", kMaxStages, " stages"));
  }
  for (const int64_t weight : problem.stage_weights) {
    if (weight < 1 || weight > kMaxWeight) {
      errors.Add("stage_weights", absl::StrCat(weight), absl::StrCat("1 to ", kMaxWeight));
    }
  }
  std::vector<int64_t> sorted = problem.order;
  std::sort(sorted.begin(), sorted.end());
  bool permutation = static_cast<int64_t>(sorted.size()) == stages;
  for (size_t i = 0; permutation && i < sorted.size(); ++i) {
    permutation = sorted[i] == static_cast<int64_t>(i) + 1;
  }
  if (!permutation) {
    errors.Add("order", absl::StrCat("[", absl::StrJoin(problem.order, ", "), "]"),
               absl::StrCat("each stage number from 1 to ", stages, " once"));
  }
  if (problem.bound < kMinEqualizationBound || problem.bound > kMaxEqualizationBound) {
    errors.Add("bound", absl::StrCat(problem.bound),
               absl::StrCat(kMinEqualizationBound, " to ", kMaxEqualizationBound));
  }
}

absl::StatusOr<std::vector<std::vector<int64_t>>> SolveEqualization(
    const EqualizationProblem& problem) {
  FieldErrors errors;
  CheckEqualization(problem, errors);
  RETURN_IF_ERROR(errors.ToStatus());

  const size_t stages = problem.stage_weights.size();
  std::vector<std::vector<int64_t>> solutions;
  // multipliers[0] stays 0 until the group of the others is known to have one.
  std::vector<int64_t> multipliers(stages - 1, kMinEqualizationBound);
  for (;;) {
    std::vector<int64_t> relus = problem.stage_weights;
    int64_t product = 1;
    for (size_t i = 1; i < multipliers.size(); ++i) {
      product *= multipliers[i];
      relus[i + 1] *= product;
    }
    multipliers[0] = SmallestFirstMultiplier(relus, problem.order, problem.bound);
    if (multipliers[0] != 0) solutions.push_back(multipliers);

    size_t digit = multipliers.size() - 1;  // count on, the last multiplier fastest
    while (digit > 0 && multipliers[digit] == problem.bound) {
      multipliers[digit] = kMinEqualizationBound;
      --digit;
    }
    if (digit == 0) return solutions;
    ++multipliers[digit];
  }
}

}  // namespace reluscape
