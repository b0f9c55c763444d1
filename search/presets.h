#pragma once

// Recipes by name, from which a job file starts ("stages": {"preset": "fast", ...}). Thread-safe.
// docs/recipes.md tells what each is made of and what was measured.

#include <optional>
#include <string>

#include "search/stage.h"

namespace reluscape {

// "snl-2022": SNL's public code, which is StageSettings{}. "fast": fewer epochs for the same count.
// std::nullopt for any other name.
std::optional<StageSettings> PresetSettings(const std::string& name);

// "snl-2022, fast": for messages.
std::string PresetNames();

}  // namespace reluscape
