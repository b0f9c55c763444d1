#include "search/strategy/search_state.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace reluscape {
namespace {

// Points that are drawn of a space that cannot be listed before the search has ended: where fewer
// than one in a hundred is new, one is found all the same but for one case in 10^8.
constexpr int kMostDraws = 2000;
// Of a list, before what is left of it is listed.
constexpr int kQuickDraws = 32;
// Of an ordered dimension; the rest may be any other choice, so that nothing is out of reach.
constexpr double kNeighbourStep = 0.8;

// Another choice of `dimension` than `now`.
int OtherChoice(const SpaceDimension& dimension, int now, Random& random) {
  if (dimension.ordered && dimension.choices > 2 && random.Uniform() < kNeighbourStep) {
    if (now == 0) return 1;
    if (now == dimension.choices - 1) return now - 1;
    return random.Below(2) == 0 ? now - 1 : now + 1;
  }
  const int other = static_cast<int>(random.Below(static_cast<uint64_t>(dimension.choices - 1)));
  return other < now ? other : other + 1;
}

}  // namespace

Objectives ObjectivesOf(const SearchProblem& problem, const TrialResult& result) {
  Objectives objectives = {(1 - result.accuracy) / problem.reference_error};
  objectives.insert(objectives.end(), result.costs.begin(), result.costs.end());
  return objectives;
}

std::vector<size_t> FrontTrials(const SearchProblem& problem, const std::vector<Trial>& trials,
                                size_t first) {
  std::vector<Objectives> points;
  std::vector<size_t> owners;
  for (size_t i = first; i < trials.size(); ++i) {
    for (const TrialResult& result : trials[i].results) {
      points.push_back(ObjectivesOf(problem, result));
      owners.push_back(i);
    }
  }
  const std::vector<bool> on_front = OnFront(points);
  std::vector<size_t> members;
  for (size_t i = 0; i < points.size(); ++i) {
    if (on_front[i] && (members.empty() || members.back() != owners[i])) {
      members.push_back(owners[i]);
    }
  }
  return members;
}

std::string ShortHash(const std::string& hash) { return hash.substr(0, 8); }

size_t PointHash::operator()(const SpacePoint& point) const {
  uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a, 64 bits, by choices
  for (const int choice : point) hash = (hash ^ static_cast<uint64_t>(choice)) * 0x100000001b3ULL;
  return static_cast<size_t>(hash);
}

SearchState::SearchState(const SearchProblem& problem, SearchSpace& space,
                         const std::vector<Trial>& trials)
    : problem_(problem),
      space_(space),
      trials_(trials),
      random_(DeriveSeed(problem.seed, "proposal", trials.size())) {
  for (const Trial& trial : trials) {
    tried_.insert(trial.outlook.hash);
    if (!trial.point.empty()) tried_points_.insert(trial.point);
  }
}

bool SearchState::IsTried(const SpacePoint& point) const {
  // Points first: most are tried ones, and looking at a network may take long.
  return tried_points_.contains(point) || tried_.contains(space_.Look(point).hash);
}

std::optional<SpacePoint> SearchState::FirstUntried(const std::vector<SpacePoint>& points) const {
  const auto found = std::find_if(points.begin(), points.end(),
                                  [&](const SpacePoint& point) { return !IsTried(point); });
  if (found == points.end()) return std::nullopt;
  return *found;
}

std::optional<SpacePoint> SearchState::Draw() {
  if (const std::vector<SpacePoint>* const all = space_.All(); all != nullptr) {
    // As even as what follows, and quick where most are left.
    for (int draw = 0; draw < kQuickDraws && !all->empty(); ++draw) {
      const SpacePoint& point = (*all)[random_.Below(all->size())];
      if (!IsTried(point)) return point;
    }
    std::vector<size_t> left;
    for (size_t i = 0; i < all->size(); ++i) {
      if (!tried_points_.contains((*all)[i])) left.push_back(i);
    }
    while (!left.empty()) {
      const size_t at = random_.Below(left.size());
      if (!IsTried((*all)[left[at]])) return (*all)[left[at]];
      left[at] = left.back();
      left.pop_back();
    }
    return std::nullopt;
  }
  for (int draw = 0; draw < kMostDraws; ++draw) {
    SpacePoint point;
    for (const SpaceDimension& dimension : space_.dimensions()) {
      point.push_back(static_cast<int>(random_.Below(static_cast<uint64_t>(dimension.choices))));
    }
    std::optional<SpacePoint> found = space_.Find(point);
    if (found.has_value() && !IsTried(*found)) return found;
  }
  return std::nullopt;
}

std::optional<Proposed> SearchState::Drawn(std::string_view why) {
  std::optional<SpacePoint> point = Draw();
  if (!point.has_value()) return std::nullopt;
  return Proposed{*std::move(point), std::string(why)};
}

std::optional<Proposed> SearchState::Initial() {
  const int64_t initial = problem_.settings.initial();
  if (static_cast<int64_t>(trials_.size()) >= initial) return std::nullopt;
  const std::vector<SpacePoint>& seeds = space_.Seeds();
  std::unordered_set<std::string> seed_hashes;
  for (const SpacePoint& seed : seeds) seed_hashes.insert(space_.Look(seed).hash);
  const int64_t used = std::count_if(trials_.begin(), trials_.end(), [&](const Trial& trial) {
    return seed_hashes.contains(trial.outlook.hash);
  });
  if (used < initial / 2) {
    if (std::optional<SpacePoint> seed = FirstUntried(seeds); seed.has_value()) {
      return Proposed{*std::move(seed), "to begin with: of DeepReShape's rule"};
    }
  }
  return Drawn("to begin with: drawn");
}

SpacePoint SearchState::Mutated(SpacePoint point) {
  const std::vector<SpaceDimension>& dimensions = space_.dimensions();
  std::vector<size_t> open;
  for (size_t i = 0; i < dimensions.size(); ++i) {
    if (dimensions[i].choices > 1) open.push_back(i);
  }
  random_.Shuffle(open);
  const size_t changes = random_.Uniform() < problem_.settings.second_mutation() ? 2 : 1;
  for (size_t i = 0; i < std::min(changes, open.size()); ++i) {
    point[open[i]] = OtherChoice(dimensions[open[i]], point[open[i]], random_);
  }
  return point;
}

}  // namespace reluscape
