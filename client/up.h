#pragma once

// `reluscape up`: one machine's whole installation as child processes of one command.

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

struct UpOptions {
  std::string data_dir = "reluscape-data";
  int64_t grpc_port = -1;         // -1: kGrpcPort, or a free one where that is taken; 0: a free one
  int64_t http_port = -1;         // likewise (kHttpPort)
  int64_t workers = -1;           // -1: one per GPU; without one, WorkersThatFit (base/machine.h)
  int64_t threads = 0;            // CPU threads of all Tasks together; 0: one per core
  std::vector<std::string> data;  // NAME=PATH
  // "auto", "cuda": each Worker sees one GPU, in turn; "cpu", "cuda:N": all have this one device.
  std::string device = "auto";
};

// Starts the coordinator, waits until it listens, starts the Workers, and stays until SIGINT,
// SIGTERM or SIGHUP: then the Workers hand back what they work on and end, after them the
// coordinator; a second signal kills all. While it runs, `env.sh` in the folder sets up a shell for
// the other commands: the programs in PATH, the coordinator's address in RELUSCAPE_SERVER.
//
// What the end of a Worker means is told by its exit code (base/exit_codes.h). One that is unfit is
// not started again; the others go on, and where none is left all ends. One that refuses its
// options ends all, and so does the end of the coordinator. Any other is started again, later each
// time; one that says that it is sick never counts as having run well.
//
// Returns the exit status: 0 after a signal, kUnfit where no Worker is left, else that of the
// program whose end ended all. An error where nothing was started: FAILED_PRECONDITION where
// another `up` uses the folder or a port that was asked for is taken, INVALID_ARGUMENT for a data
// set that is not there, NOT_FOUND for a missing program.
absl::StatusOr<int> RunUp(const UpOptions& options, std::ostream& out, std::ostream& err);

// The port to give the coordinator, 0 for one that the kernel picks. `asked` is as in UpOptions;
// `usual` is taken where none was asked for and nothing else listens there. FAILED_PRECONDITION,
// which names `option`, where something listens at the port that was asked for, or it may not be
// used.
absl::StatusOr<int64_t> ChoosePort(const std::string& option, int64_t asked, int64_t usual);

// How long to wait before a Worker is started for the n-th time after it died (n from 1) without
// having run well, for a minute: 1, 2, 4, ... at most 30 seconds.
int64_t RestartDelaySeconds(int64_t n);

}  // namespace reluscape
