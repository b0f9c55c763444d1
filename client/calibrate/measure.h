#pragma once

// Measures this machine: one transform and one garbled ReLU on one thread. Not thread-safe with
// anything else that is to be fast at the same time.

#include <chrono>
#include <functional>

#include "absl/status/statusor.h"

namespace reluscape {

struct MachineTimes {
  double ntt_4096_s = 0;  // one forward transform, 60-bit prime
  double ntt_8192_s = 0;
  double garble_s = 0;  // one ReLU circuit of 331 AND gates
  double evaluate_s = 0;
};

// Seconds of one call: calls are timed in groups of at least a millisecond until `budget` is used
// up, at least five of them. The fastest group counts, since whatever else the machine does only
// makes the others slower.
double FastestSeconds(const std::function<void()>& call, std::chrono::duration<double> budget);

// Uses about four times `budget`. UNIMPLEMENTED where the processor has no AES instructions.
absl::StatusOr<MachineTimes> MeasureMachine(std::chrono::duration<double> budget);

}  // namespace reluscape
