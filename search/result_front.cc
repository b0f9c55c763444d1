#include "search/result_front.h"

#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "search/objective.h"
#include "search/pareto/front.h"

namespace reluscape {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// NaN where nothing is known, which keeps a Result off every Front.
double ValueOf(const ResultView& result, const std::string& name) {
  if (name == "relus") return static_cast<double>(result.relus);
  if (name == "macs") return static_cast<double>(result.macs);
  if (name == "parameters") return static_cast<double>(result.parameters);
  if (const auto cost = result.costs.find(name); cost != result.costs.end()) {
    return cost->second.value;
  }
  constexpr char kPrefix[] = "latency.";
  if (name.starts_with(kPrefix)) {
    const auto latency = result.latency.find(name.substr(std::string(kPrefix).size()));
    if (latency != result.latency.end()) return latency->second;
  }
  return kUnknown;
}

// Why the Result is on no Front whatever the others are; empty where nothing says so.
std::string Obstacle(const std::vector<std::string>& objectives,
                     const std::vector<CostLimit>& limits, const ResultView& result) {
  for (const CostLimit& limit : limits) {
    const double value = ValueOf(result, limit.metric);
    if (std::isnan(value)) {
      return absl::StrCat("no value of ", limit.metric, " for the limit ", CostLimitText(limit));
    }
    if (!(value <= limit.at_most)) {
      return absl::StrCat("above the limit ", CostLimitText(limit), ": ", value);
    }
  }
  for (const std::string& name : objectives) {
    if (!std::isfinite(ValueOf(result, name))) {
      return absl::StrCat("no value of the objective ", name);
    }
  }
  return "";
}

}  // namespace

void MarkFront(const std::vector<std::string>& objectives, const std::vector<CostLimit>& limits,
               std::vector<ResultView>& results) {
  using Group = std::tuple<std::string, std::string, std::string>;
  std::map<Group, std::vector<size_t>> groups;
  for (size_t i = 0; i < results.size(); ++i) {
    const ResultView& r = results[i];
    groups[{r.recipe, r.measurement.data_hash, r.measurement.split_hash}].push_back(i);
  }
  for (const auto& [group, members] : groups) {
    std::vector<Objectives> points;
    for (const size_t i : members) {
      results[i].off_front = Obstacle(objectives, limits, results[i]);
      Objectives point = {results[i].off_front.empty() ? -results[i].accuracy_validation
                                                       : kUnknown};
      for (const std::string& name : objectives) point.push_back(ValueOf(results[i], name));
      points.push_back(std::move(point));
    }
    const std::vector<bool> on_front = OnFront(points);
    for (size_t k = 0; k < members.size(); ++k) {
      ResultView& result = results[members[k]];
      result.on_front = on_front[k];
      if (!result.on_front && result.off_front.empty()) result.off_front = "dominated";
    }
  }
}

void MarkFront(const std::vector<std::string>& objectives, std::vector<ResultView>& results) {
  MarkFront(objectives, /*limits=*/{}, results);
}

}  // namespace reluscape
