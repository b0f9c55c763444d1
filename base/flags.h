#pragma once

// Command lines and configuration files by CLI11: one definition of an option serves the flag,
// the TOML file and --help.

#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace reluscape {

// Adds --config FILE (TOML; a flag wins over the file) and --version, and makes an unknown key in
// the file an error.
void AddConfigOption(CLI::App& app);

// Parses the command line. Returns -1 to go on; else the exit status to leave with: 0 after --help
// or --version (printed on stdout), 2 after an error (one message on stderr).
int ParseFlags(CLI::App& app, int argc, char** argv);

// The values NAME=PATH of a repeatable option by name. INVALID_ARGUMENT names `option` where a
// value lacks one of the two or repeats a name.
absl::StatusOr<std::map<std::string, std::string>> ParseNamedPaths(
    const std::string& option, const std::vector<std::string>& values);

}  // namespace reluscape
