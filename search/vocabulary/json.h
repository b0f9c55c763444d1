#pragma once

// Messages and JSON text. Unlike protobuf's own JSON form, field names are as in the proto,
// integers are JSON numbers, every field is written (an absent optional as null), and reading
// collects every error with the path of its field instead of stopping at the first.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <string>

#include "base/field_errors.h"

namespace reluscape {

// One JSON document, two spaces of indentation unless `compact`.
std::string MessageToJson(const google::protobuf::Message& message, bool compact = false);

// As MessageToJson, but leaves out absent optionals and empty lists: what a person would write in
// a job file, and what is stored.
std::string MessageToShortJson(const google::protobuf::Message& message, bool compact = false);

// The values of an enum as JSON has them: "snl, autorep, ...".
std::string EnumNames(const google::protobuf::EnumDescriptor& type);

// Fills `message` from `text`; adds one error per unknown field, wrong type, unknown enum value,
// number out of the type's range or repeated key; what could be read is in `message` even then. A
// syntax error (with line and column), more than 4 MiB, 200,000 values or 32 levels is the only
// error of its text and leaves `message` empty. Time and memory are linear in the text.
void JsonToMessage(const std::string& text, google::protobuf::Message& message,
                   FieldErrors& errors);

}  // namespace reluscape
