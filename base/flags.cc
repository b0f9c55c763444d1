#include "base/flags.h"

#include <iostream>

#include "absl/strings/str_cat.h"
#include "base/build_info.h"

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
    return status == 0 ? 0 : 2;
  }
}

}  // namespace reluscape
