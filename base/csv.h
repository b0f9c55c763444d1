#pragma once

// Comma-separated values. Thread-safe.

#include <string>
#include <vector>

namespace reluscape {

// One record of RFC 4180: fields with a comma, a quote or a line break are quoted; ends in CR LF.
std::string CsvRecord(const std::vector<std::string>& fields);

}  // namespace reluscape
