#pragma once

// What can be said about a network without training and without a coordinator.

#include <cstdint>
#include <optional>
#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace reluscape {

struct DescribeOptions {
  // A name, a canonical text, or a file: one of the two as text, or an architecture.json of
  // `reluscape export`.
  std::string network;
  // Of a name; a canonical text has its own. Where it is missing, the one that the name fixes, else
  // 32.
  std::optional<int64_t> side = {};
  int64_t classes = 100;  // of a name
  bool json = false;
};

// Prints counts per network, section and layer. INVALID_ARGUMENT for what is no network.
absl::Status Describe(const DescribeOptions& options, std::ostream& out);

}  // namespace reluscape
