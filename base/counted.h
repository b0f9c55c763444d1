#pragma once

#include <cstdint>
#include <string>

namespace reluscape {

// "1 worker", "2 workers".
inline std::string Counted(int64_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

}  // namespace reluscape
