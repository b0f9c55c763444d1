#pragma once

// What a user submits: v1::JobSpec (proto/reluscape/v1/job.proto), checked. Thread-safe.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"
#include "search/vocabulary/check.h"

namespace reluscape {

// Fills in every default, also those of a known data set and of the preset, which is gone then;
// objectives and limits take their canonical form. Adds one error per field for every rule that
// needs no network. In a Job of kind CRITICALITY the Stages that do not run are absent. What it
// makes comes out of it unchanged.
template <>
std::optional<Checked<v1::JobSpec>> Checked<v1::JobSpec>::From(v1::JobSpec spec,
                                                               const std::string& path,
                                                               FieldErrors& errors);

// Of a Job that was checked when it was submitted, perhaps by an older version: the default in
// every field that is left out. What comes out of the check does not change.
void FillJobDefaults(v1::JobSpec& spec);

// Of a job file: JsonToMessage and the above, with the errors of both, one per field.
std::optional<Checked<v1::JobSpec>> JobFromJson(const std::string& text, FieldErrors& errors);

}  // namespace reluscape
