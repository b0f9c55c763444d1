#pragma once

// What the model of `ehvi` is told of the networks that were decided: for search/strategy/*.cc
// alone.

#include <vector>

#include "search/pareto/front.h"
#include "search/strategy/gaussian_process.h"
#include "search/strategy/strategy.h"

namespace reluscape {

// The logarithm of a scaled error, which the model predicts.
double LogScaledError(const SearchProblem& problem, double accuracy);

struct SearchHistory {
  std::vector<ModelPoint> measured;
  std::vector<double> values;              // by measured: LogScaledError
  std::vector<ModelPoint> expected;        // Budgets without a result
  std::vector<std::vector<double>> costs;  // by measured, then expected
};

// All results and Budgets that wait for one, or, where these are many, of: trials with a result on
// the front, the newest trials, and of the rest some, evenly over time. `trials` outlive the
// history.
SearchHistory HistoryOf(const SearchProblem& problem, const std::vector<Trial>& trials);

}  // namespace reluscape
