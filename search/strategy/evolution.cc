// Mutation of members of the front, with ageing as in Real et al., "Regularized Evolution for Image
// Classifier Architecture Search", AAAI 2019.

#include <cstddef>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "search/strategy/search_state.h"

namespace reluscape {
namespace {

// Children that are refused, since there is no such network or it was tried, before one is drawn.
constexpr int kMostChildren = 40;

// The trials that may have children: of the space, and on the front of the newest trials. Each
// once, so that a network with many Budgets has no more children than one with a single Budget.
std::vector<size_t> Parents(const SearchState& state) {
  const size_t trials = state.trials().size();
  const auto newest = static_cast<size_t>(state.problem().settings.newest());
  const size_t first = newest == 0 || newest >= trials ? 0 : trials - newest;
  std::vector<size_t> parents = FrontTrials(state.problem(), state.trials(), first);
  std::erase_if(parents, [&](size_t i) { return state.trials()[i].point.empty(); });
  return parents;
}

}  // namespace

std::optional<Proposed> ProposeEvolved(SearchState& state) {
  if (std::optional<Proposed> initial = state.Initial(); initial.has_value()) return initial;
  const std::vector<size_t> parents = Parents(state);
  for (int child = 0; child < kMostChildren && !parents.empty(); ++child) {
    const Trial& parent = state.trials()[parents[state.random().Below(parents.size())]];
    std::optional<SpacePoint> found = state.space().Find(state.Mutated(parent.point));
    if (!found.has_value() || state.IsTried(*found)) continue;
    return Proposed{*std::move(found), absl::StrCat("mutation of ", ShortHash(parent.outlook.hash),
                                                    ", one of ", parents.size(), " on the front")};
  }
  return state.Drawn(parents.empty() ? "drawn: no network of the space is on the front"
                                     : "drawn: mutations gave nothing new");
}

}  // namespace reluscape
