#include "search/strategy/search_pool.h"

#include <cstddef>
#include <optional>
#include <utility>

namespace reluscape {
namespace {

constexpr size_t kMostPool = 4096;
// Looking at a network for the first time may take a millisecond.
constexpr size_t kDrawnPool = 1024;

class Pool {
 public:
  explicit Pool(SearchState& state) : state_(state) {}

  void Add(const SpacePoint& found) {
    if (full() || state_.IsTried(found) || !seen_.insert(found).second) return;
    points_.push_back(found);
  }

  void AddNeighbours(const SpacePoint& point) {
    const std::vector<SpaceDimension>& dimensions = state_.space().dimensions();
    for (size_t i = 0; i < dimensions.size(); ++i) {
      for (int choice = 0; choice < dimensions[i].choices && !full(); ++choice) {
        SpacePoint neighbour = point;
        neighbour[i] = choice;
        if (const std::optional<SpacePoint> found = state_.space().Find(neighbour);
            found.has_value()) {
          Add(*found);
        }
      }
    }
  }

  bool full() const { return points_.size() >= kMostPool; }
  std::vector<SpacePoint> Take() { return std::move(points_); }

 private:
  SearchState& state_;
  PointSet seen_;
  std::vector<SpacePoint> points_;
};

}  // namespace

std::vector<SpacePoint> PoolOf(SearchState& state) {
  const std::vector<SpacePoint>* const all = state.space().All();
  Pool pool(state);
  if (all != nullptr && all->size() <= kMostPool) {
    for (const SpacePoint& point : *all) pool.Add(point);
    return pool.Take();
  }
  for (int draw = 0; draw < static_cast<int>(kDrawnPool); ++draw) {
    const std::optional<SpacePoint> point = state.Draw();
    if (!point.has_value()) break;
    pool.Add(*point);
  }
  // The newest members first: around them the least was tried.
  const std::vector<size_t> members = FrontTrials(state.problem(), state.trials());
  for (size_t i = members.size(); i-- > 0;) {
    const SpacePoint& point = state.trials()[members[i]].point;
    if (!point.empty()) pool.AddNeighbours(point);
  }
  for (const SpacePoint& seed : state.space().Seeds()) {
    pool.Add(seed);
    pool.AddNeighbours(seed);
  }
  return pool.Take();
}

}  // namespace reluscape
