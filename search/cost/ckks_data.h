#pragma once

// The files of search/cost/data/ckks as texts, put into the program by the build. Thread-safe.

#include <vector>

namespace reluscape {

// One JSON object per preset, in a fixed order.
const std::vector<const char*>& BuiltInCkksJson();

}  // namespace reluscape
