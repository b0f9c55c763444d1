#pragma once

// The terminal and the signals of this process.

#include <cstdint>
#include <utility>

#include "base/clock.h"

namespace reluscape {

// Whether standard output is a terminal that understands escapes.
bool OutputIsTerminal();

// Whether a person can be asked: standard input and standard error are a terminal.
bool CanAsk();

// Columns and lines of standard output's terminal; 80 x 24 where it does not say.
std::pair<int64_t, int64_t> TerminalSize();

// Keeps SIGINT and SIGTERM from ending this thread and every thread that it starts from now on, so
// that WaitOrSignal sees them. Call before the first gRPC call, which starts threads.
void HoldSignals();

// Waits; false as soon as SIGINT or SIGTERM arrives. After HoldSignals.
bool WaitOrSignal(Milliseconds duration);

}  // namespace reluscape
