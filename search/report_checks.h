#pragma once

// Whether what is reported of a Task can be true: the same for the coordinator and for programs
// that work without one. A report that cannot is refused with the message. Pure functions;
// INVALID_ARGUMENT says what is wrong. Thread-safe.

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "search/sync.h"

namespace reluscape {

absl::Status CheckEpochReport(const EpochReport& epoch);

// `budgets` and `network_relus` are those of the Candidate.
absl::Status CheckSnapshotReport(const SnapshotReport& snapshot,
                                 const std::vector<int64_t>& budgets, int64_t network_relus);

// Of the Task for `budget`, of a network with `network_relus`. `whole`: the Result of a network
// that keeps all its ReLUs, so it has exactly `budget`.
absl::Status CheckResultReport(const ResultReport& result, int64_t budget, int64_t network_relus,
                               bool whole);

}  // namespace reluscape
