#pragma once

// The job file that `reluscape example-job` prints: client/example_job.json, put into the program
// at build time.

#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// The file as it is.
const char* ExampleJobText();

// The example with another data set. `classes` and `side` are left out where they are 0.
absl::StatusOr<std::string> ExampleJob(const std::string& data_set, int64_t classes, int64_t side);

}  // namespace reluscape
