// NSGA-II: Deb, Pratap, Agarwal, Meyarivan, IEEE Transactions on Evolutionary Computation 6(2),
// 2002. One child at a time: whatever has results by then takes part, so that nobody waits for a
// generation.
//
// What is ranked and spread are results; what survives and has children are networks. A network's
// rank is the best of its results' ranks, its crowding distance the largest of those of that rank:
// it is worth as much as its best Budget.

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/pareto/front.h"
#include "search/pareto/nondominated_sort.h"
#include "search/strategy/search_state.h"

namespace reluscape {
namespace {

constexpr int kMostMatings = 40;  // as evolution's kMostChildren
constexpr double kCrossover = 0.9;

struct Member {
  size_t trial = 0;
  int rank = 0;
  double crowding = 0;

  // Whether it survives rather than `other`: a total order, the older first where all is equal.
  bool operator<(const Member& other) const {
    if (rank != other.rank) return rank < other.rank;
    if (crowding != other.crowding) return crowding > other.crowding;
    return trial < other.trial;
  }
};

// The networks of the space that survive, best first.
std::vector<Member> Population(const SearchState& state) {
  std::vector<Objectives> points;
  std::vector<size_t> owners;
  for (size_t i = 0; i < state.trials().size(); ++i) {
    for (const TrialResult& result : state.trials()[i].results) {
      points.push_back(ObjectivesOf(state.problem(), result));
      owners.push_back(i);
    }
  }
  const std::vector<int> ranks = Ranks(points);
  const std::vector<double> crowding = CrowdingDistances(points, ranks);
  std::vector<Member> members;
  for (size_t i = 0; i < points.size(); ++i) {
    if (state.trials()[owners[i]].point.empty()) continue;
    const Member member = {.trial = owners[i], .rank = ranks[i], .crowding = crowding[i]};
    if (members.empty() || members.back().trial != member.trial) {
      members.push_back(member);
    } else {
      members.back() = std::min(members.back(), member);
    }
  }
  std::sort(members.begin(), members.end());
  const auto size = static_cast<size_t>(state.problem().settings.population());
  if (members.size() > size) members.resize(size);
  return members;
}

// The better of two: the population is sorted.
const Trial& Tournament(SearchState& state, const std::vector<Member>& population) {
  const size_t a = state.random().Below(population.size());
  const size_t b = state.random().Below(population.size());
  return state.trials()[population[std::min(a, b)].trial];
}

}  // namespace

std::optional<Proposed> ProposeNsga2(SearchState& state) {
  if (std::optional<Proposed> initial = state.Initial(); initial.has_value()) return initial;
  const std::vector<Member> population = Population(state);
  for (int mating = 0; mating < kMostMatings && !population.empty(); ++mating) {
    const Trial& mother = Tournament(state, population);
    const Trial& father = Tournament(state, population);
    SpacePoint child = mother.point;
    const bool crossed = &mother != &father && state.random().Uniform() < kCrossover;
    for (size_t i = 0; crossed && i < child.size(); ++i) {
      if (state.random().Below(2) == 0) child[i] = father.point[i];
    }
    std::optional<SpacePoint> found = state.space().Find(state.Mutated(std::move(child)));
    if (!found.has_value() || state.IsTried(*found)) continue;
    std::string parents = ShortHash(mother.outlook.hash);
    if (crossed) absl::StrAppend(&parents, " and ", ShortHash(father.outlook.hash));
    return Proposed{*std::move(found), absl::StrCat(crossed ? "child of " : "mutation of ", parents,
                                                    " in a population of ", population.size())};
  }
  return state.Drawn(population.empty() ? "drawn: no network of the space has results"
                                        : "drawn: matings gave nothing new");
}

}  // namespace reluscape
