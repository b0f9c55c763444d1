#pragma once

// The job files that `reluscape example-job` prints: client/example_job.json and, of a job that
// searches a space, client/example_search.json, put into the program at build time.

#include <string>

#include "absl/status/statusor.h"

namespace reluscape {

// The files as they are.
const char* ExampleJobText();
const char* ExampleSearchText();

// An example, perhaps with another data set. `classes` and `side` are left out where they are 0.
absl::StatusOr<std::string> ExampleJob(bool search, const std::string& data_set, int64_t classes,
                                       int64_t side);

}  // namespace reluscape
