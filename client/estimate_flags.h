#pragma once

// The flags of `reluscape estimate`.

#include <CLI/CLI.hpp>

#include "client/estimate.h"

namespace reluscape {

// Adds the subcommand "estimate", which fills `options`; both must outlive the parsing.
void AddEstimate(CLI::App& app, EstimateOptions& options);

}  // namespace reluscape
