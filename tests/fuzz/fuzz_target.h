#pragma once

// What every fuzz target shares. A target defines LLVMFuzzerTestOneInput, which libFuzzer or
// replay_main.cc calls with one input after the other; what must not happen aborts.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace reluscape {

// Ends the process where `holds` is false; `what` says what did not hold, of which text.
inline void Require(bool holds, const char* what, std::string_view text) {
  if (holds) return;
  std::fprintf(stderr, "%s: %.*s\n", what, static_cast<int>(text.size()), text.data());
  std::abort();
}

}  // namespace reluscape
