#pragma once

// Follows a Job until it has ended.

#include <functional>
#include <ostream>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/exit_codes.h"
#include "client/connection.h"

namespace reluscape {

struct WatchOptions {
  int64_t job = 0;
  // Draws bars by terminal escapes; else one plain line per change.
  bool terminal = false;
  // Columns and lines of the terminal, asked before each drawing.
  std::function<std::pair<int64_t, int64_t>()> terminal_size = [] { return std::pair(80, 24); };
  Milliseconds interval{1'000};
  // Waits; false where the user wants to leave.
  std::function<bool(Milliseconds)> wait;
};

// Asks once per interval. A coordinator that stops answering after the first answer is asked
// again, with one notice on `err`, until it answers or the user leaves. kOk where the Job ended
// FINISHED, kJobFailed where FAILED or CANCELLED, kInterrupted where the user left.
absl::StatusOr<ExitCode> WatchJob(Connection& connection, const WatchOptions& options,
                                  std::ostream& out, std::ostream& err);

}  // namespace reluscape
