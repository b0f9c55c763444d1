#include "search/pareto/nondominated_sort.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <map>

namespace reluscape {
namespace {

// `front` is in lexicographic order and `point` comes after it. Of two objectives the front's last
// has its smallest second value, so that no other needs to be asked.
bool IsDominatedBy(const std::vector<Objectives>& points, const std::vector<size_t>& front,
                   size_t point) {
  if (points[point].size() == 2) return Dominates(points[front.back()], points[point]);
  return std::any_of(front.rbegin(), front.rend(),
                     [&](size_t other) { return Dominates(points[other], points[point]); });
}

void AddDistances(const std::vector<Objectives>& points, std::vector<size_t> members,
                  std::vector<double>& distances) {
  for (size_t objective = 0; objective < points[members[0]].size(); ++objective) {
    const auto value = [&](size_t at) { return points[members[at]][objective]; };
    std::sort(members.begin(), members.end(), [&](size_t a, size_t b) {
      const double left = points[a][objective];
      const double right = points[b][objective];
      return left != right ? left < right : a < b;
    });
    distances[members.front()] = std::numeric_limits<double>::infinity();
    distances[members.back()] = std::numeric_limits<double>::infinity();
    const double range = value(members.size() - 1) - value(0);
    if (!(range > 0)) continue;
    for (size_t i = 1; i + 1 < members.size(); ++i) {
      distances[members[i]] += (value(i + 1) - value(i - 1)) / range;
    }
  }
}

}  // namespace

// Whatever dominates a point stands before it in lexicographic order, and a point that some front
// dominates is dominated by every better one too: the right front is found by halving.
std::vector<int> Ranks(const std::vector<Objectives>& points) {
  std::vector<size_t> order;
  for (size_t i = 0; i < points.size(); ++i) {
    if (AllFinite(points[i])) order.push_back(i);
  }
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return points[a] < points[b]; });
  std::vector<std::vector<size_t>> fronts;
  std::vector<int> ranks(points.size(), -1);
  for (const size_t point : order) {
    const auto front = std::partition_point(
        fronts.begin(), fronts.end(),
        [&](const std::vector<size_t>& members) { return IsDominatedBy(points, members, point); });
    ranks[point] = static_cast<int>(front - fronts.begin());
    if (front == fronts.end()) {
      fronts.push_back({point});
    } else {
      front->push_back(point);
    }
  }
  for (int& rank : ranks) {
    if (rank < 0) rank = static_cast<int>(fronts.size());
  }
  return ranks;
}

std::vector<double> CrowdingDistances(const std::vector<Objectives>& points,
                                      const std::vector<int>& ranks) {
  std::map<int, std::vector<size_t>> by_rank;
  for (size_t i = 0; i < points.size(); ++i) {
    if (AllFinite(points[i])) by_rank[ranks[i]].push_back(i);
  }
  std::vector<double> distances(points.size(), 0.0);
  for (const auto& [rank, members] : by_rank) AddDistances(points, members, distances);
  return distances;
}

}  // namespace reluscape
