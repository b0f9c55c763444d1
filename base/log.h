#pragma once

// The log of a process: lines with time and level on stderr. Thread-safe.
// No macros named LOG or CHECK: c10's fallback logger defines those.

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace reluscape {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

// `name` stands in every line ("server", "worker-1"). Call once, in main.
// INVALID_ARGUMENT where `level` is not debug, info, warning or error.
absl::Status StartLog(std::string_view name, std::string_view level);

void WriteLog(LogLevel level, const std::string& line);

template <typename... Parts>
void LogDebug(const Parts&... parts) {
  WriteLog(LogLevel::kDebug, absl::StrCat(parts...));
}
template <typename... Parts>
void LogInfo(const Parts&... parts) {
  WriteLog(LogLevel::kInfo, absl::StrCat(parts...));
}
template <typename... Parts>
void LogWarning(const Parts&... parts) {
  WriteLog(LogLevel::kWarning, absl::StrCat(parts...));
}
template <typename... Parts>
void LogError(const Parts&... parts) {
  WriteLog(LogLevel::kError, absl::StrCat(parts...));
}

}  // namespace reluscape
