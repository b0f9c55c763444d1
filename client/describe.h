#pragma once

// What can be said about networks without training and without a coordinator.

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace reluscape {

struct DescribeOptions {
  // A name, a canonical text, or a file: one of the two as text, or an architecture.json of
  // `reluscape export`.
  std::string network;
  int64_t side = 32;      // of a name; a canonical text has its own
  int64_t classes = 100;  // likewise
  bool json = false;
};

// Prints counts per network, stage and layer. INVALID_ARGUMENT for what is no network.
absl::Status Describe(const DescribeOptions& options, std::ostream& out);

struct EqualizeOptions {
  std::string backbone = {};
  std::vector<int64_t> order = {};  // stage numbers, most critical first
  int64_t bound = 16;               // largest multiplier
  int64_t base_channels = 16;       // of the counts; the multipliers do not depend on it
  int64_t side = 32;
  int64_t classes = 100;
  bool json = false;
};

// Prints every HybReNet whose stage ReLU counts follow the order; none is no error.
absl::Status Equalize(const EqualizeOptions& options, std::ostream& out);

}  // namespace reluscape
