#include "search/strategy/search_history.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "search/strategy/search_state.h"

namespace reluscape {
namespace {

// The time of a proposal grows with the square and the cube of these.
constexpr size_t kMostMeasured = 500;
constexpr size_t kMostFront = 250;
constexpr size_t kMostNewest = 100;
// An accuracy of 1 has a logarithm all the same.
constexpr double kLeastError = 1e-4;

// Adds trials of `from` from the last on, as long as no more than `most` results are in.
void Take(const std::vector<Trial>& trials, const std::vector<size_t>& from, size_t most,
          std::vector<bool>& taken, size_t& results) {
  for (size_t i = from.size(); i-- > 0;) {
    const size_t count = trials[from[i]].outlook.budgets.size();
    if (taken[from[i]] || results + count > most) continue;
    taken[from[i]] = true;
    results += count;
  }
}

std::vector<bool> Chosen(const SearchProblem& problem, const std::vector<Trial>& trials) {
  size_t all = 0;
  for (const Trial& trial : trials) {
    all += std::max(trial.outlook.budgets.size(), trial.results.size());
  }
  if (all <= kMostMeasured) return std::vector<bool>(trials.size(), true);
  std::vector<bool> taken(trials.size(), false);
  size_t results = 0;
  Take(trials, FrontTrials(problem, trials), kMostFront, taken, results);
  std::vector<size_t> order(trials.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  Take(trials, order, results + kMostNewest, taken, results);
  // Every `stride`-th of what is left, so that they fill what is left.
  const size_t stride = std::max<size_t>(1, all / (kMostMeasured - results + 1));
  std::vector<size_t> spread;
  for (size_t i = 0; i < trials.size(); i += stride) spread.push_back(i);
  Take(trials, spread, kMostMeasured, taken, results);
  return taken;
}

}  // namespace

double LogScaledError(const SearchProblem& problem, double accuracy) {
  return std::log(std::max(1 - accuracy, kLeastError) / problem.reference_error);
}

SearchHistory HistoryOf(const SearchProblem& problem, const std::vector<Trial>& trials) {
  const std::vector<bool> chosen = Chosen(problem, trials);
  SearchHistory history;
  std::vector<std::vector<double>> expected_costs;
  for (size_t i = 0; i < trials.size(); ++i) {
    if (!chosen[i]) continue;
    for (const TrialResult& result : trials[i].results) {
      history.measured.push_back({.network = &trials[i].outlook, .budget = result.feature});
      history.values.push_back(LogScaledError(problem, result.accuracy));
      history.costs.push_back(result.costs);
    }
    for (const BudgetOutlook& budget : trials[i].outlook.budgets) {
      const bool is_there =
          std::any_of(trials[i].results.begin(), trials[i].results.end(),
                      [&](const TrialResult& result) { return result.budget == budget.budget; });
      if (is_there) continue;
      history.expected.push_back({.network = &trials[i].outlook, .budget = budget.feature});
      expected_costs.push_back(budget.costs);
    }
  }
  history.costs.insert(history.costs.end(), expected_costs.begin(), expected_costs.end());
  return history;
}

}  // namespace reluscape
