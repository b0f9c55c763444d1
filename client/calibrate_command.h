#pragma once

// `reluscape calibrate`: a hardware profile of this machine for `reluscape estimate`.

#include <cstdint>
#include <ostream>
#include <string>

#include "absl/status/status.h"

namespace reluscape {

struct CalibrateOptions {
  std::string name = "this_machine";
  std::string out = {};    // file to write; empty: the profile goes to `out`
  double budget_s = 2;     // seconds per measurement, of which there are four
  int64_t he_threads = 1;  // as the profile states them; everything is measured on one thread
  int64_t gc_threads = 0;  // 0: the machine's, at most 4
};

// Measures and writes the profile. UNIMPLEMENTED where the processor has no AES instructions.
absl::Status Calibrate(const CalibrateOptions& options, std::ostream& out);

}  // namespace reluscape
