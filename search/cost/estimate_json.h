#pragma once

// An estimate as the document "Estimate" of docs/json.md. Thread-safe.

#include <nlohmann/json_fwd.hpp>

#include "search/cost/estimate.h"

namespace reluscape {

// Every key of the common part is always there; what has no value is null. A dot in the name of an
// extra nests it.
nlohmann::ordered_json EstimateJson(const Estimate& estimate);

}  // namespace reluscape
