#include "base/flags.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/exit_codes.h"

namespace reluscape {

void AddConfigOption(CLI::App& app) {
  app.set_config("--config", "", "TOML file with any of these options; a flag wins over it");
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_version_flag("--version", absl::StrCat(kVersion, " (", BuildCommit(), ")"));
}

int ParseFlags(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return -1;
  } catch (const CLI::ParseError& error) {
    const int status = app.exit(error, std::cout, std::cerr);
    return static_cast<int>(status == 0 ? ExitCode::kOk : ExitCode::kUsage);
  }
}

absl::StatusOr<std::map<std::string, std::string>> ParseNamedPaths(
    const std::string& option, const std::vector<std::string>& values) {
  std::map<std::string, std::string> paths;
  for (const std::string& value : values) {
    const size_t equals = value.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == value.size()) {
      return absl::InvalidArgumentError(absl::StrCat(
          option, ": found ", value, "; allowed: NAME=PATH, as in cifar10=/data/cifar"));
    }
    if (!paths.emplace(value.substr(0, equals), value.substr(equals + 1)).second) {
      return absl::InvalidArgumentError(
          absl::StrCat(option, ": found ", value, "; allowed: each name once"));
    }
  }
  return paths;
}

}  // namespace reluscape
