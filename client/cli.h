#pragma once

// The command line of `reluscape`; docs/cli.md documents it.

#include <ostream>

namespace reluscape {

// Runs one command and returns the process' exit status. Documents and tables go to `out`; errors
// and notices to `err`.
int RunClient(int argc, char** argv, std::ostream& out, std::ostream& err);

}  // namespace reluscape
