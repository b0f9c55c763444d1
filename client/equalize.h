#pragma once

// Families of networks that come from one backbone by its multipliers, without a coordinator.

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace reluscape {

struct EqualizeOptions {
  std::string backbone = {};
  // "hrn": the solutions of ReLU equalization; "base": DeepReShape's BaseCh, all multipliers 2 and
  // 16 to 256 base channels; "uniform": its StageCh, equal multipliers of 2 to 8.
  std::string family = "hrn";
  std::vector<int64_t> order = {};  // of hrn: section numbers, most critical first
  int64_t bound = 16;               // largest multiplier
  std::vector<int64_t> alpha = {};  // of hrn: lower first multipliers to add (alpha relaxation)
  int64_t base_channels = 16;       // of the counts; the multipliers do not depend on it
  // Where one is set, each network has the most base channels that stay within it.
  int64_t max_relus = 0;
  int64_t max_macs = 0;
  int64_t side = 32;
  int64_t classes = 100;
  bool json = false;
};

// Prints the networks of the family with their counts; none is no error. INVALID_ARGUMENT names the
// option that is wrong.
absl::Status Equalize(const EqualizeOptions& options, std::ostream& out);

}  // namespace reluscape
