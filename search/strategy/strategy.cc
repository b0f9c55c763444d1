#include "search/strategy/strategy.h"

#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/pareto/hypervolume.h"
#include "search/strategy/search_state.h"

namespace reluscape {
namespace {

// The sizes that all networks have in common, by the first network that says them.
struct CommonSizes {
  std::optional<size_t> kinds, features, costs;
};

absl::Status CheckSize(const std::string& what, const std::string& hash, size_t found,
                       std::optional<size_t>& common) {
  if (!common.has_value()) common = found;
  if (*common == found) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("network ", ShortHash(hash), ": found ", found,
                                                 " ", what, " where others have ", *common));
}

absl::Status CheckCosts(const std::string& hash, size_t found, CommonSizes& common) {
  RETURN_IF_ERROR(CheckSize("costs", hash, found, common.costs));
  if (found >= 1 && found < kMaxHypervolumeObjectives) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("network ", ShortHash(hash), ": found ", found, " costs; allowed: 1 to ",
                   kMaxHypervolumeObjectives - 1, " beside accuracy"));
}

absl::Status CheckTrial(const Trial& trial, size_t dimensions, CommonSizes& common) {
  const NetworkOutlook& outlook = trial.outlook;
  if (!trial.point.empty() && trial.point.size() != dimensions) {
    return absl::InvalidArgumentError(absl::StrCat("network ", ShortHash(outlook.hash), ": found ",
                                                   trial.point.size(),
                                                   " choices where the space has ", dimensions));
  }
  RETURN_IF_ERROR(CheckSize("kinds", outlook.hash, outlook.kinds.size(), common.kinds));
  RETURN_IF_ERROR(CheckSize("features", outlook.hash, outlook.features.size(), common.features));
  for (const BudgetOutlook& budget : outlook.budgets) {
    RETURN_IF_ERROR(CheckCosts(outlook.hash, budget.costs.size(), common));
  }
  for (const TrialResult& result : trial.results) {
    RETURN_IF_ERROR(CheckCosts(outlook.hash, result.costs.size(), common));
    if (!std::isfinite(result.accuracy)) {
      return absl::InvalidArgumentError(
          absl::StrCat("network ", ShortHash(outlook.hash), ": an accuracy is no number"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckArguments(const SearchProblem& problem, SearchSpace& space,
                            const std::vector<Trial>& trials) {
  if (!(problem.reference_error > 0)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "reference error: found ", problem.reference_error, "; allowed: a number above 0"));
  }
  CommonSizes common;
  for (const Trial& trial : trials) {
    RETURN_IF_ERROR(CheckTrial(trial, space.dimensions().size(), common));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::optional<Proposed>> Propose(const SearchProblem& problem, SearchSpace& space,
                                                const std::vector<Trial>& trials) {
  RETURN_IF_ERROR(CheckArguments(problem, space, trials));
  SearchState state(problem, space, trials);
  switch (problem.settings.strategy()) {
    case v1::SearchSpec::ENUMERATE:
      return ProposeEnumerated(state);
    case v1::SearchSpec::DEEPRESHAPE:
      return ProposeSeed(state);
    case v1::SearchSpec::RANDOM:
      return state.Drawn();
    case v1::SearchSpec::EVOLUTION:
      return ProposeEvolved(state);
    case v1::SearchSpec::NSGA2:
      return ProposeNsga2(state);
    case v1::SearchSpec::EHVI:
      return ProposeEhvi(state);
    default:
      return absl::InvalidArgumentError("search.strategy: found none that is known");
  }
}

absl::StatusOr<std::optional<Proposed>> ProposeEnumerated(SearchState& state) {
  const std::vector<SpacePoint>* const all = state.space().All();
  if (all == nullptr) {
    return absl::InvalidArgumentError(
        "search.strategy: enumerate needs a space that can be listed, and this one has too many "
        "networks; narrow candidates.space, or take random, evolution, nsga2 or ehvi");
  }
  std::optional<SpacePoint> point = state.FirstUntried(*all);
  if (!point.has_value()) return std::nullopt;
  return Proposed{*std::move(point), absl::StrCat("next of ", all->size(), " networks in order")};
}

std::optional<Proposed> ProposeSeed(SearchState& state) {
  const std::vector<SpacePoint>& seeds = state.space().Seeds();
  std::optional<SpacePoint> point = state.FirstUntried(seeds);
  if (!point.has_value()) return std::nullopt;
  return Proposed{*std::move(point),
                  absl::StrCat("next of ", seeds.size(), " networks of DeepReShape's rule")};
}

}  // namespace reluscape
