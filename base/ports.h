#pragma once

// The ports that a coordinator listens at, and that others look for it at, unless told otherwise.

#include <string>

namespace reluscape {

inline constexpr int kGrpcPort = 50551;
inline constexpr int kHttpPort = 8080;
// HOST:PORT of the coordinator on this machine.
inline std::string LocalServer() { return "127.0.0.1:" + std::to_string(kGrpcPort); }

}  // namespace reluscape
