#pragma once

// `reluscape space`: what a job file's search space holds, before anything is trained.

#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace reluscape {

enum class SpaceFormat { kText, kCsv, kJson };

struct SpaceOptions {
  std::string file;  // job file, "-" is standard input
  SpaceFormat format = SpaceFormat::kText;
};

// Text: numbers, ranges and a drawing. CSV: a line per network that was looked at. JSON: the
// numbers and ranges. INVALID_ARGUMENT for a job file that is wrong or has no space.
absl::Status ShowSpace(const SpaceOptions& options, std::ostream& out);

}  // namespace reluscape
