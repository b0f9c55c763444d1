#pragma once

// What the strategies share: for search/strategy/*.cc alone. Not thread-safe.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "absl/status/statusor.h"
#include "base/random.h"
#include "search/pareto/front.h"
#include "search/strategy/strategy.h"

namespace reluscape {

// The scaled error and the scaled costs of a result.
Objectives ObjectivesOf(const SearchProblem& problem, const TrialResult& result);

struct PointHash {
  size_t operator()(const SpacePoint& point) const;
};
using PointSet = std::unordered_set<SpacePoint, PointHash>;

// The trials with a result that no other result dominates, each once, in their order; of the trials
// from `first` on alone.
std::vector<size_t> FrontTrials(const SearchProblem& problem, const std::vector<Trial>& trials,
                                size_t first = 0);

// One call of Propose: its arguments, which networks were tried, and its random numbers, which
// depend on the seed and the number of trials alone.
class SearchState {
 public:
  SearchState(const SearchProblem& problem, SearchSpace& space, const std::vector<Trial>& trials);

  const SearchProblem& problem() const { return problem_; }
  SearchSpace& space() { return space_; }
  const std::vector<Trial>& trials() const { return trials_; }
  Random& random() { return random_; }

  // Of a point such as Find returns.
  bool IsTried(const SpacePoint& point) const;
  // The first that was not tried; nothing where all were.
  std::optional<SpacePoint> FirstUntried(const std::vector<SpacePoint>& points) const;
  // Evenly among the networks that were not tried; of a space that cannot be listed evenly among
  // its points, with a bounded number of draws.
  std::optional<SpacePoint> Draw();
  // As Draw, with the reason `why`.
  std::optional<Proposed> Drawn(std::string_view why = "drawn");
  // While fewer networks than settings.initial were decided: the next seed, as long as seeds make
  // at most half of them, else a drawn network. Nothing afterwards, or where all were tried.
  std::optional<Proposed> Initial();

  // `point` with another choice in one dimension, with probability settings.second_mutation in two.
  // Ordered dimensions mostly step to a neighbour. Not looked up in the space.
  SpacePoint Mutated(SpacePoint point);

 private:
  const SearchProblem& problem_;
  SearchSpace& space_;
  const std::vector<Trial>& trials_;
  Random random_;
  std::unordered_set<std::string> tried_;  // hashes
  PointSet tried_points_;
};

// The first characters of a hash, for reasons.
std::string ShortHash(const std::string& hash);

// The strategies, see v1::SearchSpec. INVALID_ARGUMENT where a strategy does not fit the space.
absl::StatusOr<std::optional<Proposed>> ProposeEnumerated(SearchState& state);
std::optional<Proposed> ProposeSeed(SearchState& state);
std::optional<Proposed> ProposeEvolved(SearchState& state);
std::optional<Proposed> ProposeNsga2(SearchState& state);
std::optional<Proposed> ProposeEhvi(SearchState& state);

}  // namespace reluscape
