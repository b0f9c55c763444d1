#include "tests/bench/modelled_costs.h"

#include <algorithm>
#include <cmath>

#include "search/strategy/expected_gain.h"
#include "search/strategy/gaussian_process.h"
#include "search/strategy/normal.h"
#include "search/strategy/search_history.h"
#include "search/strategy/search_pool.h"
#include "search/strategy/search_state.h"

namespace reluscape {
namespace {

constexpr size_t kCostDraws = 8;

GaussianProcess ModelOf(const SearchHistory& history, const std::vector<double>& values) {
  return GaussianProcess(history.measured, values, history.expected,
                         FitKernel(history.measured, values));
}

}  // namespace

absl::StatusOr<std::optional<Proposed>> ProposeWithModelledCosts(const SearchProblem& problem,
                                                                 SearchSpace& space,
                                                                 const std::vector<Trial>& trials) {
  SearchState state(problem, space, trials);
  if (std::optional<Proposed> initial = state.Initial(); initial.has_value()) return initial;
  const SearchHistory history = HistoryOf(problem, trials);
  const std::vector<SpacePoint> pool = PoolOf(state);
  if (pool.empty()) return std::nullopt;
  std::vector<double> costs;
  std::vector<Objectives> front;
  const GaussianProcess errors = ModelOf(history, history.values);
  for (size_t i = 0; i < history.measured.size(); ++i) costs.push_back(history.costs[i].front());
  const GaussianProcess cost_model = ModelOf(history, costs);
  for (size_t i = 0; i < history.costs.size(); ++i) {
    front.push_back({std::exp(errors.means()[i]), cost_model.means()[i]});
  }
  const ExpectedGain gain(front, /*costs=*/1, {});
  const std::vector<std::vector<double>> draws = NormalDraws(/*size=*/1, kCostDraws);
  size_t best = 0;
  double best_gain = -1;
  for (size_t i = 0; i < pool.size(); ++i) {
    const std::vector<ModelPoint> point = {{.network = &space.Look(pool[i]), .budget = 0}};
    const JointPrediction error = errors.Predict(point);
    const JointPrediction cost = cost_model.Predict(point);
    double sum = 0;
    for (const std::vector<double>& draw : draws) {
      sum += gain.Of({cost.means[0] + cost.factor[0][0] * draw[0]})
                 .Expected({.mean = error.means[0], .deviation = error.Deviation(0)});
    }
    if (sum > best_gain) {
      best = i;
      best_gain = sum;
    }
  }
  return Proposed{pool[best], "of two models"};
}

}  // namespace reluscape
