#pragma once

// The Results of a Job as a table and as CSV. Pure functions.

#include <string>

#include "reluscape/v1/views.pb.h"

namespace reluscape {

// One table per (recipe, data hash, split hash), as a Front never mixes them, each under a heading
// that says on which data, by which recipe and how costs were estimated. Rows are ranked by
// ReLUs. Test accuracies have a column only where the Job was unsealed. `how_to_unseal`: the
// command or option that does it; empty = that of the client.
std::string ResultsText(const v1::Job& job, const v1::ResultList& list,
                        const std::string& how_to_unseal = "");

// Every Result, one record each after a header; numbers unrounded. RFC 4180.
std::string ResultsCsv(const v1::ResultList& list);

}  // namespace reluscape
