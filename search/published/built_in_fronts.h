#pragma once

namespace reluscape {

// search/published/data/published_fronts.json, which the program carries.
const char* BuiltInFrontsJson();

}  // namespace reluscape
