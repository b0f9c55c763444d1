#include "search/vocabulary/objective.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace reluscape {
namespace {

constexpr size_t kLongestMetric = 200;

// A cost metric; `others` are allowed too and named first in an error.
std::optional<std::string> ParseName(const std::string& text,
                                     const std::vector<std::string>& others,
                                     const MetricCatalog& metrics, const std::string& field,
                                     FieldErrors& errors) {
  if (std::find(others.begin(), others.end(), text) != others.end()) return text;
  if (!others.empty() && text.find('.') == std::string::npos) {
    errors.Add(field, absl::StrCat("\"", text.substr(0, kLongestMetric), "\""),
               absl::StrCat(absl::StrJoin(others, ", "), ", ", metrics.Form()));
    return std::nullopt;
  }
  const std::optional<CostMetric> metric = metrics.Parse(text, field, errors);
  if (!metric) return std::nullopt;
  return metric->Text();
}

std::string Stripped(const std::string& text) {
  return std::string(absl::StripAsciiWhitespace(text));
}

}  // namespace

std::optional<std::string> ParseObjective(const std::string& text, const MetricCatalog& metrics,
                                          const std::string& field, FieldErrors& errors) {
  return ParseName(text, {"relus", "macs", "parameters"}, metrics, field, errors);
}

std::optional<CostLimit> ParseCostLimit(const std::string& text, const MetricCatalog& metrics,
                                        const std::string& field, FieldErrors& errors) {
  const size_t sign = text.find("<=");
  if (sign == std::string::npos || text.size() > 2 * kLongestMetric) {
    errors.Add(field, absl::StrCat("\"", text.substr(0, kLongestMetric), "\""),
               "\"<metric> <= <value>\", as in \"cheetah.online_s@wan <= 2\"");
    return std::nullopt;
  }
  const std::string number = Stripped(text.substr(sign + 2));
  double value = 0;
  const bool usable = absl::SimpleAtod(number, &value) && std::isfinite(value) && value >= 0;
  if (!usable) {
    errors.Add(field, absl::StrCat("the value \"", number.substr(0, kLongestMetric), "\""),
               "a number from 0");
  }
  const std::optional<std::string> metric =
      ParseName(Stripped(text.substr(0, sign)), {}, metrics, field, errors);
  if (!usable || !metric) return std::nullopt;
  return CostLimit{.metric = *metric, .at_most = value};
}

std::string CostLimitText(const CostLimit& limit) {
  std::array<char, 40> digits{};  // the shortest text of a double has at most 24
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), limit.at_most);
  return absl::StrCat(limit.metric, " <= ", std::string(digits.data(), end.ptr));
}

std::vector<CostLimit> CostLimitsOf(const v1::LimitsSpec& limits) {
  std::vector<CostLimit> parsed;
  for (const std::string& text : limits.costs()) {
    // In canonical form the value is a number, and the name need not be one of this program.
    const size_t sign = text.find("<=");
    if (sign == std::string::npos) continue;
    CostLimit limit{.metric = Stripped(text.substr(0, sign))};
    if (absl::SimpleAtod(text.substr(sign + 2), &limit.at_most)) parsed.push_back(limit);
  }
  return parsed;
}

std::vector<CostMetric> NamedMetrics(const std::vector<std::string>& objectives,
                                     const std::vector<CostLimit>& limits,
                                     const MetricCatalog& metrics) {
  std::vector<std::string> names = objectives;
  for (const CostLimit& limit : limits) names.push_back(limit.metric);
  std::vector<CostMetric> named;
  for (const std::string& name : names) {
    if (name.find('.') == std::string::npos) continue;
    // A metric that this program does not know any more has no price.
    const absl::StatusOr<CostMetric> metric = metrics.Parse(name);
    if (metric.ok() && std::find(named.begin(), named.end(), *metric) == named.end()) {
      named.push_back(*metric);
    }
  }
  return named;
}

}  // namespace reluscape
