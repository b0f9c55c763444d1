#pragma once

// What the programs of Reluscape leave with: one table, so that a number means the same whichever
// of them leaves with it. docs/cli.md documents it for scripts and for what restarts programs.

#include "absl/status/status.h"

namespace reluscape {

enum class ExitCode {
  kOk = 0,                  // done; of a program that runs on: a signal asked it to stop
  kOther = 1,               // anything without a number of its own
  kUsage = 2,               // the command line, a configuration file
  kInvalid = 3,             // a job file or a network that is not valid
  kNotFound = 4,            // an unknown Job, Result, or a file that is not there
  kUnreachable = 5,         // no answer from the coordinator
  kFailedPrecondition = 6,  // the state does not allow it; a folder that is not empty
  kJobFailed = 7,           // the Job ended FAILED or CANCELLED
  // Of the programs that run on (the coordinator, a Worker) and of `reluscape up`, which runs them.
  kUnfit = 8,  // cannot work here as it is, and no restart cures it
  kSick = 9,   // does its work badly (its device is lost); a restart after a while may cure it
  // Given by the dynamic loader where a library is missing, never by a program: unfit, too.
  kNotLoaded = 127,
  kInterrupted = 130,  // Ctrl-C while watching or training; the Job goes on, or can be gone on with
};

// Of a command of the client: kOk for OK, else the code of the status' kind.
ExitCode ExitCodeOf(const absl::Status& status);

// Of a program that runs on, from the status with which its run ended:
//   OK                                                 kOk
//   INVALID_ARGUMENT                                   kUsage: it refuses its options
//   FAILED_PRECONDITION (a device that is not there, a foreign artifact folder, a database of a
//   newer version), UNIMPLEMENTED, PERMISSION_DENIED, UNAUTHENTICATED (the other side refuses this
//   build), NOT_FOUND, ALREADY_EXISTS (another process holds the Worker's id)
//                                                      kUnfit
//   ABORTED                                            kSick: it says so itself
//   any other                                          kOther: what crashed may run the next time
ExitCode ServiceExitCodeOf(const absl::Status& status);

}  // namespace reluscape
