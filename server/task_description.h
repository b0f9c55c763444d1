#pragma once

// What a Worker is told of a Task.

#include <vector>

#include "absl/status/statusor.h"
#include "search/vocabulary/synchronize.h"
#include "storage/store.h"

namespace reluscape {

// Everything that a Worker needs to work on `task`.
absl::StatusOr<v1::TaskDescription> DescribeTask(Transaction& transaction, const TaskRow& task);

// The files that it starts from.
std::vector<v1::Artifact> InputsOf(const v1::TaskDescription& task);

}  // namespace reluscape
