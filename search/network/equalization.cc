#include "search/network/equalization.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "search/network/accounting.h"

namespace reluscape {
namespace {

constexpr int64_t kMaxWeight = int64_t{1} << 32;  // times 64^4 it is 2^56

// ReLUs of a section as a function of the first multiplier: constant + slope * multiplier.
struct Line {
  int64_t constant = 0;
  int64_t slope = 0;
};

// Of every section, at the given multipliers behind the first.
std::vector<Line> SectionLines(const std::vector<SectionWeight>& weights,
                               const std::vector<int64_t>& multipliers) {
  std::vector<Line> lines = {{.constant = weights[0].own, .slope = 0},
                             {.constant = weights[1].previous, .slope = weights[1].own}};
  int64_t width = 1;  // of the section before, over the first multiplier
  for (size_t i = 2; i < weights.size(); ++i) {
    const int64_t wider = width * multipliers[i - 1];
    lines.push_back({.constant = 0, .slope = weights[i].previous * width + weights[i].own * wider});
    width = wider;
  }
  return lines;
}

// The smallest first multiplier for which the lines follow `order`, each value above the next; 0
// where there is none. Every pair of neighbours bounds it from one side: no search is needed.
int64_t SmallestFirstMultiplier(const std::vector<Line>& lines, const std::vector<int64_t>& order,
                                int64_t bound) {
  int64_t low = kMinEqualizationBound;
  int64_t high = bound;
  for (size_t i = 0; i + 1 < order.size(); ++i) {
    const Line& more = lines[static_cast<size_t>(order[i]) - 1];
    const Line& fewer = lines[static_cast<size_t>(order[i + 1]) - 1];
    const int64_t slope = more.slope - fewer.slope;
    const int64_t least = fewer.constant - more.constant + 1;  // slope * multiplier >= least
    if (slope > 0) {
      if (least > 0) low = std::max(low, (least - 1) / slope + 1);
    } else if (least > 0) {
      return 0;
    } else if (slope < 0) {
      high = std::min(high, least / slope);  // neither is positive: rounds down
    }
  }
  return low <= high ? low : 0;
}

absl::StatusOr<std::vector<SectionCounts>> CountSections(const Architecture& architecture) {
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  ASSIGN_OR_RETURN(NetworkCounts counts, CountNetwork(network));
  return std::move(counts.sections);
}

}  // namespace

absl::StatusOr<std::vector<SectionWeight>> SectionWeights(const Architecture& backbone) {
  Architecture unit = backbone;
  unit.base_channels = 1;
  unit.multipliers.assign(unit.multipliers.size(), 1.0);
  unit.channel_scale = 1;
  unit.reuse = 1;
  unit.culled.clear();
  ASSIGN_OR_RETURN(const std::vector<SectionCounts> counts, CountSections(unit));
  std::vector<SectionWeight> weights(counts.size());
  weights[0].own = counts[0].relus;
  // With section i + 1 alone twice as wide as the section before, what it gains is its own part.
  for (size_t i = 1; i < weights.size(); ++i) {
    Architecture wider = unit;
    wider.multipliers[i - 1] = 2.0;
    ASSIGN_OR_RETURN(const std::vector<SectionCounts> wider_counts, CountSections(wider));
    weights[i].own = wider_counts[i].relus - counts[i].relus;
    weights[i].previous = counts[i].relus - weights[i].own;
  }
  return weights;
}

void CheckOrder(const std::vector<int64_t>& order, int64_t sections, const std::string& field,
                FieldErrors& errors) {
  std::vector<int64_t> sorted = order;
  std::sort(sorted.begin(), sorted.end());
  bool permutation = static_cast<int64_t>(sorted.size()) == sections;
  for (size_t i = 0; permutation && i < sorted.size(); ++i) {
    permutation = sorted[i] == static_cast<int64_t>(i) + 1;
  }
  if (!permutation) {
    errors.Add(field, absl::StrCat("[", absl::StrJoin(order, ", "), "]"),
               absl::StrCat("each section number from 1 to ", sections, " once"));
  }
}

void CheckEqualization(const EqualizationProblem& problem, FieldErrors& errors) {
  const auto sections = static_cast<int64_t>(problem.section_weights.size());
  if (sections < kMinSections || sections > kMaxSections) {
    errors.Add("section_weights", absl::StrCat(sections, " sections"),
               absl::StrCat(kMinSections, " to ", kMaxSections, " sections"));
  }
  for (size_t i = 0; i < problem.section_weights.size(); ++i) {
    const auto [own, previous] = problem.section_weights[i];
    if (own < 1 || own > kMaxWeight) {
      errors.Add("section_weights", absl::StrCat(own), absl::StrCat("1 to ", kMaxWeight));
    }
    const int64_t most = i == 0 ? 0 : kMaxWeight;
    if (previous < 0 || previous > most) {
      errors.Add("section_weights", absl::StrCat(previous, " of the section before"),
                 absl::StrCat("0 to ", most));
    }
  }
  CheckOrder(problem.order, sections, "order", errors);
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

  const size_t sections = problem.section_weights.size();
  std::vector<std::vector<int64_t>> solutions;
  // multipliers[0] stays as it is until the group of the others is known to have one.
  std::vector<int64_t> multipliers(sections - 1, kMinEqualizationBound);
  for (;;) {
    multipliers[0] = SmallestFirstMultiplier(SectionLines(problem.section_weights, multipliers),
                                             problem.order, problem.bound);
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
