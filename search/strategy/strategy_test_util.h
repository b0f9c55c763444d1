#pragma once

// A small space with made-up accuracies, for tests of strategies.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/strategy/strategy.h"

namespace reluscape {

// Networks of a width, two depths, which may trade places, and a layout. Wide and deep ones are
// accurate and dear; those of width 0 with depths of 0 do not exist.
class TestSpace : public SearchSpace {
 public:
  struct Options {
    size_t costs = 1;
    size_t budgets = 1;
    int widths = 4;
    bool listed = true;
    bool seeds = true;
  };

  explicit TestSpace(const Options& options) : options_(options) {
    dimensions_ = {{.name = "width", .choices = options.widths, .ordered = true},
                   {.name = "depths[0]", .choices = 3, .ordered = true},
                   {.name = "depths[1]", .choices = 3, .ordered = true},
                   {.name = "layout", .choices = 2},
                   {.name = "fixed", .choices = 1}};
    for (int width = 0; width < options.widths; ++width) {
      for (int a = 0; a < 3; ++a) {
        for (int b = 0; b < 3; ++b) {
          for (int layout = 0; layout < 2; ++layout) {
            const SpacePoint point = {width, a, b, layout, 0};
            if (Find(point) == point) all_.push_back(point);
          }
        }
      }
    }
    if (options.seeds) seeds_ = {{1, 0, 2, 0, 0}, {2, 1, 1, 0, 0}, {3, 0, 0, 1, 0}};
  }

  const std::vector<SpaceDimension>& dimensions() const override { return dimensions_; }
  const std::vector<SpacePoint>* All() override { return options_.listed ? &all_ : nullptr; }

  std::optional<SpacePoint> Find(const SpacePoint& point) override {
    SpacePoint found = point;
    if (found[1] > found[2]) std::swap(found[1], found[2]);
    if (found[0] == 0 && found[2] == 0) return std::nullopt;
    return found;
  }

  const NetworkOutlook& Look(const SpacePoint& point) override {
    const auto [at, is_new] = outlooks_.try_emplace(point);
    NetworkOutlook& outlook = at->second;
    if (!is_new) return outlook;
    outlook.hash = absl::StrCat("net-", point[0], point[1], point[2], point[3]);
    outlook.kinds = {point[3]};
    outlook.features = {0.5 * point[0], 0.5 * (point[1] + point[2])};
    outlook.work = 1 + Size(point);
    for (size_t b = 0; b < options_.budgets; ++b) {
      // The smallest Budget of narrow networks breaks a hard limit.
      if (b > 0 && b + 1 == options_.budgets && point[0] == 0) continue;
      BudgetOutlook budget;
      budget.budget = int64_t{1000} >> b;
      budget.feature = std::log2(static_cast<double>(budget.budget));
      for (size_t k = 0; k < options_.costs; ++k) {
        const double share = k == 1 ? 1 : std::pow(0.5, static_cast<double>(b));
        budget.costs.push_back((0.1 + 0.8 * Size(point)) * share + 0.02 * static_cast<double>(k));
      }
      outlook.budgets.push_back(budget);
    }
    return outlook;
  }

  const std::vector<SpacePoint>& Seeds() override { return seeds_; }

  // A trial of `point` with results of its first `results` Budgets.
  Trial TrialOf(const SpacePoint& point, size_t results) {
    Trial trial = {.point = point, .outlook = Look(point), .results = {}};
    for (size_t b = 0; b < std::min(results, trial.outlook.budgets.size()); ++b) {
      const BudgetOutlook& budget = trial.outlook.budgets[b];
      const double accuracy =
          0.95 - 0.3 * std::exp(-2 * Size(point)) - 0.02 * point[3] - 0.03 * (10 - budget.feature);
      trial.results.push_back({.budget = budget.budget,
                               .feature = budget.feature,
                               .accuracy = accuracy,
                               .costs = budget.costs});
    }
    return trial;
  }

  size_t size() const { return all_.size(); }

 private:
  double Size(const SpacePoint& point) const {
    return (point[0] + point[1] + point[2]) / (options_.widths + 3.0);
  }

  const Options options_;
  std::vector<SpaceDimension> dimensions_;
  std::vector<SpacePoint> all_, seeds_;
  std::map<SpacePoint, NetworkOutlook> outlooks_;
};

}  // namespace reluscape
