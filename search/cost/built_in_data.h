#pragma once

// The data files of search/cost/data as texts, put into the program by the build. Thread-safe.

#include <vector>

namespace reluscape {

// A JSON list of links.
const char* BuiltInLinksJson();
// One JSON object per hardware profile, in a fixed order.
const std::vector<const char*>& BuiltInHardwareJson();

}  // namespace reluscape
