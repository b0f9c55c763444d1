#pragma once

// The recipe of a job: StagesSpec messages and structs. Thread-safe.

#include <string>

#include "reluscape/v1/job.pb.h"
#include "search/stage.h"
#include "search/wire/field_reader.h"

namespace reluscape {

// `message` stands at `path`. A field that is left out takes the value of the preset that the
// message names (else of snl-2022), or is an error where `missing` says so. Adds one error per
// wrong field; the settings are usable only where nothing was added.
StageSettings ReadStages(const v1::StagesSpec& message, const std::string& path, Missing missing,
                         FieldErrors& errors);

// With every field set, but no preset.
v1::StagesSpec ToProto(const StageSettings& settings);

}  // namespace reluscape
