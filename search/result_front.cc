#include "search/result_front.h"

#include <cstddef>
#include <limits>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/match.h"
#include "search/pareto/front.h"

namespace reluscape {
namespace {

// One objective of a Result; NaN where nothing is known, which keeps it off every Front.
double ObjectiveOf(const ResultView& result, const std::string& objective) {
  if (objective == "relus") return static_cast<double>(result.relus);
  if (objective == "macs") return static_cast<double>(result.macs);
  if (objective == "parameters") return static_cast<double>(result.parameters);
  if (absl::StartsWith(objective, "latency.")) {
    const auto latency = result.latency.find(objective.substr(std::string("latency.").size()));
    if (latency != result.latency.end()) return latency->second;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

void MarkFront(const std::vector<std::string>& objectives, std::vector<ResultView>& results) {
  using Group = std::tuple<std::string, std::string, std::string>;
  std::map<Group, std::vector<size_t>> groups;
  for (size_t i = 0; i < results.size(); ++i) {
    const ResultView& r = results[i];
    groups[{r.recipe, r.measurement.data_hash, r.measurement.split_hash}].push_back(i);
  }
  for (const auto& [group, members] : groups) {
    std::vector<Objectives> points;
    for (const size_t i : members) {
      Objectives point = {-results[i].accuracy_validation};
      for (const std::string& name : objectives) point.push_back(ObjectiveOf(results[i], name));
      points.push_back(std::move(point));
    }
    const std::vector<bool> on_front = OnFront(points);
    for (size_t k = 0; k < members.size(); ++k) results[members[k]].on_front = on_front[k];
  }
}

}  // namespace reluscape
