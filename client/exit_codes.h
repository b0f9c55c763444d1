#pragma once

// What the program `reluscape` leaves with; documented for scripts in docs/cli.md.

#include "absl/status/status.h"

namespace reluscape {

enum class ExitCode {
  kOk = 0,
  kOther = 1,               // anything without a number of its own
  kUsage = 2,               // the command line
  kInvalid = 3,             // a job file or a network that is not valid
  kNotFound = 4,            // an unknown Job, Result, or a file that is not there
  kUnreachable = 5,         // no answer from the coordinator
  kFailedPrecondition = 6,  // the state does not allow it; a folder that is not empty
  kJobFailed = 7,           // the watched Job ended FAILED or CANCELLED
  kInterrupted = 130,       // Ctrl-C while watching; the Job goes on
};

// kOk for OK, else the code of the status' kind.
ExitCode ExitCodeOf(const absl::Status& status);

}  // namespace reluscape
