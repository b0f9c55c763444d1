#include "client/scatter.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace reluscape {
namespace {

// The ends of a logarithmic axis; apart, so that one value has a place, too.
struct LogAxis {
  double low = 0;
  double high = 0;

  int PlaceOf(double value, int places) const {
    const double part = (std::log(value) - std::log(low)) / (std::log(high) - std::log(low));
    return std::clamp(static_cast<int>(part * places), 0, places - 1);
  }
};

template <typename Get>
LogAxis AxisOf(const std::vector<std::pair<double, double>>& points, Get get) {
  LogAxis axis = {.low = get(points.front()), .high = get(points.front())};
  for (const auto& point : points) {
    axis.low = std::min(axis.low, get(point));
    axis.high = std::max(axis.high, get(point));
  }
  if (axis.high <= axis.low) axis.high = axis.low * 2;
  return axis;
}

std::string Short(double value) {
  if (value >= 1e9) return absl::StrFormat("%.3gG", value / 1e9);
  if (value >= 1e6) return absl::StrFormat("%.3gM", value / 1e6);
  return value >= 1e4 ? absl::StrFormat("%.3gk", value / 1e3) : absl::StrFormat("%.3g", value);
}

}  // namespace

std::string Scatter(const std::vector<std::pair<double, double>>& points, const std::string& x_name,
                    const std::string& y_name, int columns, int lines) {
  std::vector<std::pair<double, double>> shown;
  for (const auto& point : points) {
    if (point.first > 0 && point.second > 0) shown.push_back(point);
  }
  if (shown.empty()) return "";
  const LogAxis x = AxisOf(shown, [](const auto& point) { return point.first; });
  const LogAxis y = AxisOf(shown, [](const auto& point) { return point.second; });
  std::vector<std::vector<int>> counts(static_cast<size_t>(lines),
                                       std::vector<int>(static_cast<size_t>(columns), 0));
  for (const auto& [a, b] : shown) {
    const int line = lines - 1 - y.PlaceOf(b, lines);
    ++counts[static_cast<size_t>(line)][static_cast<size_t>(x.PlaceOf(a, columns))];
  }
  std::string text = absl::StrCat(y_name, "\n");
  for (size_t line = 0; line < counts.size(); ++line) {
    const std::string label = line == 0                   ? Short(y.high)
                              : line + 1 == counts.size() ? Short(y.low)
                                                          : "";
    std::string row;
    for (const int count : counts[line]) {
      row += count == 0 ? ' ' : count == 1 ? '.' : count < 10 ? 'o' : '#';
    }
    while (!row.empty() && row.back() == ' ') row.pop_back();
    absl::StrAppend(&text, absl::StrFormat("%7s |", label), row, "\n");
  }
  absl::StrAppend(&text, std::string(8, ' '), "+", std::string(static_cast<size_t>(columns), '-'),
                  "\n");
  const std::string low = Short(x.low);
  const std::string high = Short(x.high);
  const std::string middle = absl::StrCat(x_name, " (both axes logarithmic)");
  const auto gap = [&](size_t used) {
    const auto width = static_cast<size_t>(columns);
    return std::string(width > used ? (width - used) / 2 : 1, ' ');
  };
  const std::string blanks = gap(low.size() + middle.size() + high.size());
  absl::StrAppend(&text, std::string(9, ' '), low, blanks, middle, blanks, high, "\n");
  return text;
}

}  // namespace reluscape
