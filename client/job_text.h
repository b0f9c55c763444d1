#pragma once

// The job file that a command names. Not thread-safe: may read standard input.

#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// The content of `file`; "-" is standard input. RESOURCE_EXHAUSTED above what a coordinator takes;
// the errors of ReadFile.
absl::StatusOr<std::string> ReadJobText(const std::string& file);

}  // namespace reluscape
