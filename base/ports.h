#pragma once

// The ports that a coordinator listens at, and that others look for it at, unless told otherwise.

namespace reluscape {

inline constexpr int kGrpcPort = 50551;
inline constexpr int kHttpPort = 8080;
inline constexpr char kLocalServer[] = "127.0.0.1:50551";  // kGrpcPort of this machine

}  // namespace reluscape
