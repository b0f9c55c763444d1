#pragma once

// Named places at which the fault tests kill a process as `kill -9` would.

#include <string_view>

namespace reluscape {

// Does nothing unless the build has the CMake option RELUSCAPE_FAULT_POINTS and the environment
// variable RELUSCAPE_KILL_AT is "<name>" or "<name>@<n>": then the n-th passage (1 by default)
// sends SIGKILL to this process. Thread-safe. The names in use: grep for FaultPoint(.
void FaultPoint(std::string_view name);

}  // namespace reluscape
