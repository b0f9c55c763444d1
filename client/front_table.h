#pragma once

// The Results of a Job as a table and as CSV. Pure functions.

#include <string>

#include "reluscape/v1/views.pb.h"

namespace reluscape {

// One table per (recipe, data hash, split hash), as a Front never mixes them, each under a heading
// that says on which data, by which recipe and how latency was estimated. Rows are ranked by
// ReLUs. Test accuracies have a column only where the Job was unsealed. A Job of number 0 is one of
// reluscape-train, which no coordinator knows.
std::string FrontText(const v1::Job& job, const v1::Front& front);

// Every Result, one record each after a header; numbers unrounded. RFC 4180.
std::string FrontCsv(const v1::Front& front);

}  // namespace reluscape
