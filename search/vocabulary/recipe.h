#pragma once

// The recipe: the settings of all Stages together. Presets, the rules between its fields, its hash.
// Functions of their input alone. Thread-safe. docs/recipes.md tells what each preset is made of
// and what was measured.

#include <string>

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"

namespace reluscape {

// `stages` with the preset's value, else the default, in every field that is left out; the preset
// itself is gone then. Adds an error, below `path`, for every rule that does not hold.
v1::StagesSpec CheckedStages(const v1::StagesSpec& stages, const std::string& path,
                             FieldErrors& errors);

// Of settings that were checked once, perhaps by an older version: the default in every field that
// is left out. What comes out of CheckedStages does not change.
void FillStageDefaults(v1::StagesSpec& stages);

// SHA-256 over the fields that differ from a frozen base, whose number goes into it: equal
// settings, equal hash, and a field that is new in this version changes no hash where it has its
// default. Without linearize.max_epochs, a limit that decides whether a descent ends in a Result
// and never in which: it may be raised for a Job that exists. A Stage that `stages` does not have,
// because it does not run, counts as in the base.
std::string RecipeHash(const v1::StagesSpec& stages);

}  // namespace reluscape
