#include "search/strategy/budgets.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "search/vocabulary/messages.h"

namespace reluscape {

int64_t FractionOf(double fraction, int64_t relus) {
  const double product = fraction * static_cast<double>(relus);
  // 0.29 is a little below 29 / 100: without the margin, 0.29 of 100 ReLUs would be 28.
  return static_cast<int64_t>(
      std::floor(product * (1 + 4 * std::numeric_limits<double>::epsilon())));
}

std::vector<int64_t> BudgetsOf(const v1::BudgetsSpec& spec, int64_t relus) {
  std::vector<int64_t> budgets = ListOf(spec.relus());
  for (const double fraction : spec.fractions()) budgets.push_back(FractionOf(fraction, relus));
  std::erase_if(budgets, [&](int64_t budget) { return budget < 1 || budget >= relus; });
  std::sort(budgets.begin(), budgets.end(), std::greater<>());
  budgets.erase(std::unique(budgets.begin(), budgets.end()), budgets.end());
  return budgets;
}

}  // namespace reluscape
