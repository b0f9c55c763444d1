// Expected hypervolume improvement (Emmerich, Giannakoglou, Naujoks, IEEE Transactions on
// Evolutionary Computation 10(4), 2006), with two differences. Costs are known before anything is
// trained, so that accuracy alone is modelled. And a network is worth what all its Budgets
// together add to the front, per device time that it takes.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "search/strategy/expected_gain.h"
#include "search/strategy/gaussian_process.h"
#include "search/strategy/normal.h"
#include "search/strategy/search_history.h"
#include "search/strategy/search_pool.h"
#include "search/strategy/search_state.h"

namespace reluscape {
namespace {

// Results before a model says anything.
constexpr size_t kLeastMeasured = 3;
// Networks whose gain is computed in full, if the bounds of the others do not end it before.
constexpr size_t kMostExact = 256;
// PredictEach rounds.
constexpr double kRounding = 1.01;
// What a model still expects where there is nothing to gain.
constexpr double kLeastGain = 1e-12;

// Where the model believes the networks to be that were decided: a lucky training makes no front.
ExpectedGain GainOver(const SearchHistory& history, const GaussianProcess& model, size_t budgets,
                      int64_t draws) {
  std::vector<Objectives> front;
  for (size_t i = 0; i < history.costs.size(); ++i) {
    Objectives& point = front.emplace_back(1, std::exp(model.means()[i]));
    point.insert(point.end(), history.costs[i].begin(), history.costs[i].end());
  }
  return ExpectedGain(front, history.costs.front().size(),
                      NormalDraws(budgets, static_cast<size_t>(draws)));
}

// Of all Budgets of a network, as if none took anything from another, per work: no less than its
// gain.
double BoundOf(const ExpectedGain& gain, const NetworkOutlook& network,
               const std::vector<Prediction>& predictions) {
  double sum = 0;
  for (size_t i = 0; i < predictions.size(); ++i) {
    sum += gain.Bound(network.budgets[i].costs,
                      {.mean = predictions[i].mean, .deviation = predictions[i].deviation});
  }
  return sum / network.work;
}

double ExactOf(const ExpectedGain& gain, const NetworkOutlook& network,
               const GaussianProcess& model) {
  std::vector<ModelPoint> points;
  std::vector<std::vector<double>> costs;
  for (const BudgetOutlook& budget : network.budgets) {
    points.push_back({.network = &network, .budget = budget.feature});
    costs.push_back(budget.costs);
  }
  const JointPrediction prediction = model.Predict(points);
  return gain.Of(costs, prediction.means, prediction.factor) / network.work;
}

struct Best {
  size_t at = 0;
  double gain = 0;  // per work
};

// The gain of whole networks is computed in the order of its bounds, until none that is left can be
// better.
Best BestOf(const std::vector<const NetworkOutlook*>& networks, const GaussianProcess& model,
            const ExpectedGain& gain) {
  const std::vector<std::vector<Prediction>> predictions = model.PredictEach(networks);
  std::vector<double> bounds;
  for (size_t i = 0; i < networks.size(); ++i) {
    bounds.push_back(BoundOf(gain, *networks[i], predictions[i]));
  }
  std::vector<size_t> order(networks.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return bounds[a] != bounds[b] ? bounds[a] > bounds[b] : a < b;
  });
  Best best;
  for (size_t i = 0; i < std::min(order.size(), kMostExact); ++i) {
    if (bounds[order[i]] * kRounding <= best.gain) break;
    const double exact = ExactOf(gain, *networks[order[i]], model);
    if (exact > best.gain) best = {.at = order[i], .gain = exact};
  }
  return best;
}

}  // namespace

std::optional<Proposed> ProposeEhvi(SearchState& state) {
  if (std::optional<Proposed> initial = state.Initial(); initial.has_value()) return initial;
  const SearchHistory history = HistoryOf(state.problem(), state.trials());
  if (history.measured.size() < kLeastMeasured) return state.Drawn("drawn: too few results");
  const std::vector<SpacePoint> pool = PoolOf(state);
  if (pool.empty()) return std::nullopt;
  std::vector<const NetworkOutlook*> networks;
  size_t budgets = 1;
  for (const SpacePoint& point : pool) {
    networks.push_back(&state.space().Look(point));
    budgets = std::max(budgets, networks.back()->budgets.size());
  }
  const GaussianProcess model(history.measured, history.values, history.expected,
                              FitKernel(history.measured, history.values));
  const Best best =
      BestOf(networks, model, GainOver(history, model, budgets, state.problem().settings.draws()));
  if (best.gain * networks[best.at]->work < kLeastGain) {
    return state.Drawn("drawn: no network is expected to add to the front");
  }
  return Proposed{pool[best.at],
                  absl::StrFormat("expected gain %.2g, the most per device time of %d networks",
                                  best.gain * networks[best.at]->work, networks.size())};
}

}  // namespace reluscape
