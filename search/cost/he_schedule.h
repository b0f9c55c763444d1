#pragma once

// Homomorphic layers spread over threads. Thread-safe.

#include <cstdint>
#include <vector>

namespace reluscape {

// Seconds until `threads` threads (at least 1) have evaluated layers that take `seconds` each: in
// network order, every layer goes to the thread with the least work so far. Source: the artifact of
// the ASPLOS 2023 characterization parallelises over layers; this order reproduces its speed-ups
// within 6 % to 13 threads and 11 % beyond, and longest-first order is too optimistic.
double ScheduledSeconds(const std::vector<double>& seconds, int64_t threads);

}  // namespace reluscape
