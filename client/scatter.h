#pragma once

// Points of two positive numbers, drawn with letters for a terminal. Thread-safe.

#include <string>
#include <utility>
#include <vector>

namespace reluscape {

// Both axes logarithmic, `columns` x `lines` places; a place shows how many points fall there: '.'
// one, 'o' up to nine, '#' more. With the numbers at the ends of both axes. Empty where there is no
// point of two positive numbers.
std::string Scatter(const std::vector<std::pair<double, double>>& points, const std::string& x_name,
                    const std::string& y_name, int columns, int lines);

}  // namespace reluscape
