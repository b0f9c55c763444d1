#pragma once

// Child processes that never outlive this one. Linux only. Not thread-safe: call from the thread
// that lives as long as the children, as the kernel ties them to it.

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

struct ChildCommand {
  std::filesystem::path program;
  std::vector<std::string> arguments;                            // without the program's name
  std::vector<std::pair<std::string, std::string>> environment;  // added to this process' own
  std::filesystem::path log;                                     // gets stdout and stderr
};

// Starts the program in a process group of its own (a Ctrl-C at the terminal does not reach it),
// without input, with no signal held back, and killed by the kernel when this process ends in
// whatever way. Errors name the program or the log file.
absl::StatusOr<pid_t> StartChild(const ChildCommand& command);

// How a child ended, from waitpid: "with status 1", "by signal 9 (Killed)".
std::string DescribeEnd(int wait_status);

// The exit status of a shell for it: 128 + the signal's number where one ended it.
int ShellStatus(int wait_status);

}  // namespace reluscape
