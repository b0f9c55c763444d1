#pragma once

// JobSpec messages and structs.

#include <string>

#include "base/field_errors.h"
#include "reluscape/v1/job.pb.h"
#include "search/job.h"
#include "search/wire/stages.h"

namespace reluscape {

// Fills in every default and checks every range that needs no network (those of job.proto's
// comments); adds one error per field. The struct is usable only where nothing was added.
JobSpec JobSpecFromProto(const v1::JobSpec& message, FieldErrors& errors);

// Of a job file: JsonToMessage and JobSpecFromProto with the errors of both, one per field.
JobSpec JobSpecFromJson(const std::string& text, FieldErrors& errors);

// With every field set that has a meaning for the Job's kind; an order of criticality that is the
// published default or measured stays empty.
v1::JobSpec ToProto(const JobSpec& spec);

v1::DataSpec ToProto(const DataSpec& data);
// Of a message with every field set, as ToProto makes it.
StageSettings StageSettingsFromProto(const v1::StagesSpec& message, FieldErrors& errors);
DataSpec DataSpecFromProto(const v1::DataSpec& message, FieldErrors& errors);

// SHA-256 of the canonical JSON of the settings: equal settings, equal hash, whatever was left to
// its default. Without linearize.max_epochs, a limit that decides whether a descent ends in a
// Result and never in which: it may be raised for a Job that exists.
std::string RecipeHash(const StageSettings& settings);

}  // namespace reluscape
