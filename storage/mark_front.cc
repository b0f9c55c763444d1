#include "storage/mark_front.h"

#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/pareto/front.h"
#include "search/vocabulary/objective.h"

namespace reluscape {
namespace {

constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

// NaN where nothing is known, which keeps a Result off every Front.
double ValueOf(const v1::Result& result, const std::string& name) {
  if (name == "relus") return static_cast<double>(result.report().relus());
  if (name == "macs") return static_cast<double>(result.macs());
  if (name == "parameters") return static_cast<double>(result.parameters());
  if (const auto cost = result.costs().find(name); cost != result.costs().end()) {
    return cost->second.value();
  }
  return kUnknown;
}

// Why the Result is on no Front whatever the others are; empty where nothing says so.
std::string Obstacle(const v1::ResultList& list, const std::vector<CostLimit>& limits,
                     const v1::Result& result) {
  for (const CostLimit& limit : limits) {
    const double value = ValueOf(result, limit.metric);
    if (std::isnan(value)) {
      return absl::StrCat("no value of ", limit.metric, " for the limit ", CostLimitText(limit));
    }
    if (!(value <= limit.at_most)) {
      return absl::StrCat("above the limit ", CostLimitText(limit), ": ", value);
    }
  }
  for (const std::string& name : list.objectives()) {
    if (!std::isfinite(ValueOf(result, name))) {
      return absl::StrCat("no value of the objective ", name);
    }
  }
  return "";
}

}  // namespace

void MarkFront(const std::vector<CostLimit>& limits, v1::ResultList& list) {
  using Group = std::tuple<std::string, std::string, std::string>;
  std::map<Group, std::vector<v1::Result*>> groups;
  for (v1::Result& result : *list.mutable_results()) {
    const v1::Provenance& provenance = result.provenance();
    groups[{result.recipe(), provenance.data_hash(), provenance.split_hash()}].push_back(&result);
  }
  for (const auto& [group, members] : groups) {
    std::vector<Objectives> points;
    for (v1::Result* const result : members) {
      result->set_off_front(Obstacle(list, limits, *result));
      Objectives point = {result->off_front().empty() ? -result->report().accuracy_validation()
                                                      : kUnknown};
      for (const std::string& name : list.objectives()) point.push_back(ValueOf(*result, name));
      points.push_back(std::move(point));
    }
    const std::vector<bool> on_front = OnFront(points);
    for (size_t k = 0; k < members.size(); ++k) {
      v1::Result& result = *members[k];
      result.set_on_front(on_front[k]);
      if (!result.on_front() && result.off_front().empty()) result.set_off_front("dominated");
    }
  }
}

}  // namespace reluscape
