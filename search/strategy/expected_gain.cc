#include "search/strategy/expected_gain.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <utility>

#include "search/strategy/normal.h"

namespace reluscape {
namespace {

double BoxOf(const std::vector<double>& corner) {
  double volume = 1;
  for (const double side : corner) volume *= std::max(0.0, 1 - side);
  return volume;
}

Objectives Clipped(const std::vector<double>& costs, const std::vector<double>& corner) {
  Objectives clipped = costs;
  for (size_t i = 0; i < clipped.size(); ++i) clipped[i] = std::max(clipped[i], corner[i]);
  return clipped;
}

}  // namespace

double ExpectedShortfall(const LogError& error, double bound) {
  if (!(bound > 0)) return 0;
  if (!(error.deviation > 0)) return std::max(0.0, bound - std::exp(error.mean));
  const double d = (std::log(bound) - error.mean) / error.deviation;
  return bound * NormalBelow(d) - std::exp(error.mean + 0.5 * error.deviation * error.deviation) *
                                      NormalBelow(d - error.deviation);
}

GainOfError::GainOfError(std::vector<double> errors, std::vector<double> rates) {
  for (size_t i = 0; i < rates.size(); ++i) {
    const double next = i + 1 < rates.size() ? rates[i + 1] : 0;
    if (rates[i] > next) {
      bends_.push_back({i + 1 < rates.size() ? errors[i + 1] : 1, rates[i] - next});
    }
  }
}

double GainOfError::At(double error) const {
  double gain = 0;
  for (const Bend& bend : bends_) gain += bend.weight * std::max(0.0, bend.error - error);
  return gain;
}

double GainOfError::Expected(const LogError& error) const {
  double gain = 0;
  for (const Bend& bend : bends_) gain += bend.weight * ExpectedShortfall(error, bend.error);
  return gain;
}

ExpectedGain::ExpectedGain(const std::vector<Objectives>& front, size_t costs,
                           std::vector<std::vector<double>> draws)
    : costs_(costs), draws_(std::move(draws)) {
  std::vector<Objectives> below;
  for (const Objectives& point : front) {
    if (std::all_of(point.begin(), point.end(), [](double value) { return value < 1; })) {
      below.push_back(point);
    }
  }
  const std::vector<bool> on_front = OnFront(below);
  for (size_t i = 0; i < below.size(); ++i) {
    if (on_front[i]) front_.push_back(std::move(below[i]));
  }
  std::sort(front_.begin(), front_.end());
  for (const Objectives& point : front_) front_costs_.emplace_back(point.begin() + 1, point.end());
}

GainOfError ExpectedGain::Of(const std::vector<double>& costs,
                             const std::vector<std::vector<double>>& others) const {
  // What is left of the box of the costs: of what is no better than `costs`, that is, as the points
  // of the front come in, the best first.
  GrowingFront taken(Objectives(costs_, 1.0));
  double left = BoxOf(costs);
  for (const std::vector<double>& other : others) left -= taken.Add(Clipped(other, costs));
  std::vector<double> errors = {0};
  std::vector<double> rates = {std::max(0.0, left)};
  for (size_t i = 0; i < front_.size() && rates.back() > 0; ++i) {
    left -= taken.Add(Clipped(front_costs_[i], costs));
    errors.push_back(front_[i][0]);
    rates.push_back(std::max(0.0, left));
  }
  return GainOfError(std::move(errors), std::move(rates));
}

double ExpectedGain::Bound(const std::vector<double>& costs, const LogError& error) const {
  const double box = BoxOf(costs);
  double gain = 0;
  double rate = box;
  for (size_t i = 0; i < front_.size() && rate > 0; ++i) {
    double taken = 1;
    for (size_t k = 0; k < costs_; ++k) taken *= 1 - std::max(costs[k], front_[i][k + 1]);
    if (box - taken >= rate) continue;
    gain += (rate - (box - taken)) * ExpectedShortfall(error, front_[i][0]);
    rate = box - taken;
  }
  return gain + rate * ExpectedShortfall(error, 1);
}

double ExpectedGain::Of(const std::vector<std::vector<double>>& costs,
                        const std::vector<double>& means,
                        const std::vector<std::vector<double>>& factor) const {
  const size_t count = costs.size();
  std::vector<GainOfError> single;
  double sum = 0;
  for (size_t i = 0; i < count; ++i) {
    double variance = 0;
    for (const double part : factor[i]) variance += part * part;
    single.push_back(Of(costs[i]));
    sum += single.back().Expected({.mean = means[i], .deviation = std::sqrt(variance)});
  }
  if (count < 2) return sum;

  // By point and those that are there before it, which are better.
  std::map<std::pair<size_t, std::vector<bool>>, GainOfError> memory;
  double taken = 0;
  for (const std::vector<double>& draw : draws_) {
    std::vector<double> errors(count);
    for (size_t i = 0; i < count; ++i) {
      errors[i] =
          std::exp(std::inner_product(factor[i].begin(), factor[i].end(), draw.begin(), means[i]));
    }
    std::vector<size_t> order(count);
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
      return errors[a] != errors[b] ? errors[a] < errors[b] : a < b;
    });
    std::vector<bool> before(count, false);
    std::vector<std::vector<double>> others;
    for (const size_t i : order) {
      // Behind those that are better, a point adds what they leave at its error and above.
      if (!others.empty()) {
        const auto key = std::make_pair(i, before);
        auto at = memory.find(key);
        if (at == memory.end()) at = memory.emplace(key, Of(costs[i], others)).first;
        taken += single[i].At(errors[i]) - at->second.At(errors[i]);
      }
      before[i] = true;
      others.push_back(costs[i]);
    }
  }
  return sum - taken / static_cast<double>(draws_.size());
}

}  // namespace reluscape
