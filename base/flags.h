#pragma once

// Command lines and configuration files by CLI11: one definition of an option serves the flag,
// the TOML file and --help.

#include <CLI/CLI.hpp>
#include <string>

namespace reluscape {

// Adds --config FILE (TOML; a flag wins over the file) and --version, and makes an unknown key in
// the file an error.
void AddConfigOption(CLI::App& app);

// Parses the command line. Returns -1 to go on; else the exit status to leave with: 0 after --help
// or --version (printed on stdout), 2 after an error (one message on stderr).
int ParseFlags(CLI::App& app, int argc, char** argv);

}  // namespace reluscape
