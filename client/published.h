#pragma once

// The points of other papers as a table, without a coordinator.

#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace reluscape {

struct PublishedOptions {
  std::string data_set = {};    // empty: all
  std::string method = {};      // empty: all; in upper or lower case
  std::string format = "text";  // or "markdown", "latex", "csv", "json"
};

// INVALID_ARGUMENT names the option that is wrong, NOT_FOUND says that no paper has such points.
absl::Status PrintPublished(const PublishedOptions& options, std::ostream& out);

}  // namespace reluscape
