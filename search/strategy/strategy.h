#pragma once

// Strategies: which network of a search space to train next. What a strategy sees is in this file;
// it knows nothing of Jobs, Tasks or image sets.
//
// A proposal is a function of its arguments alone: settings and seed, the space, and the history in
// the order in which it happened. There is no state between two calls, so that a search goes on
// after a crash where it was and can be replayed. Thread-safe; spaces are not.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "reluscape/v1/job.pb.h"

namespace reluscape {

// A network of a space: its choice in each dimension, from 0.
using SpacePoint = std::vector<int>;

struct SpaceDimension {
  std::string name;      // "multipliers[0]"
  int choices = 1;       // at least 1
  bool ordered = false;  // choices whose numbers are close are alike
};

// What a Budget of a network costs, as far as it is known before the network is trained.
struct BudgetOutlook {
  int64_t budget = 0;
  double feature = 0;  // of the budget, for models: log2 of the ReLUs that stay
  // The objectives beside accuracy, scaled: smaller is better, the reference point of hypervolumes
  // is at 1.
  std::vector<double> costs;
};

// A network before it is trained.
struct NetworkOutlook {
  std::string hash;        // equal hashes are the same network
  std::vector<int> kinds;  // compared for equality alone
  std::vector<double>
      features;     // numbers of about unit scale; networks at a small distance are alike
  double work = 1;  // device time that it takes; only ratios count
  // Those that it can be trained to within the hard limits; the others are left out.
  std::vector<BudgetOutlook> budgets;
};

class SearchSpace {
 public:
  virtual ~SearchSpace() = default;

  virtual const std::vector<SpaceDimension>& dimensions() const = 0;

  // Every network once, by the point that `Find` returns, in a fixed order. Null: the space is too
  // large to be listed.
  virtual const std::vector<SpacePoint>* All() = 0;

  // The point that stands for the network of `point`; the same for all points of one network.
  // Nothing where there is no such network, or where no Budget of it keeps to the hard limits.
  virtual std::optional<SpacePoint> Find(const SpacePoint& point) = 0;

  // Of a point that Find or All returned. Stays valid as long as the space.
  virtual const NetworkOutlook& Look(const SpacePoint& point) = 0;

  // Points that a design rule of the field names, the most promising first; such as Find returns.
  virtual const std::vector<SpacePoint>& Seeds() = 0;
};

// What one Budget of a network came to.
struct TrialResult {
  int64_t budget = 0;
  double feature = 0;         // as BudgetOutlook's, of what was measured
  double accuracy = 0;        // in [0, 1]; of validation images
  std::vector<double> costs;  // scaled as BudgetOutlook's, of what was measured
};

// A network whose training was decided: proposed, or named by the user.
struct Trial {
  SpacePoint point;        // as Find returns it; empty: not of the space
  NetworkOutlook outlook;  // its hash, features, Budgets
  // Those that are there by now. A network that lacks some of its Budgets still runs, or has
  // failed.
  std::vector<TrialResult> results;
};

struct SearchProblem {
  // 1 - accuracy at the reference point of hypervolumes; above 0. The scaled error is
  // (1 - accuracy) / reference_error.
  double reference_error = 1;
  uint64_t seed = 0;
  v1::SearchSpec settings;  // checked, with its defaults
};

struct Proposed {
  SpacePoint point;  // such as Find returns; of a network that is in no trial
  // One line for users: "expected gain 0.0021, the most per device time of 3812 networks".
  std::string reason;
};

// The next network, or nothing where every network of the space was tried (or, of a space that
// cannot be listed, where none was found that was not). `trials` in the order in which they were
// decided. INVALID_ARGUMENT where kinds, features or costs differ in number between networks, where
// there are no costs or more than kMaxHypervolumeObjectives - 1, and where the strategy does not
// fit the space.
absl::StatusOr<std::optional<Proposed>> Propose(const SearchProblem& problem, SearchSpace& space,
                                                const std::vector<Trial>& trials);

}  // namespace reluscape
