#pragma once

// The rules of fields (proto/reluscape/v1/options.proto) at work: defaults, ranges, lengths. By
// reflection, so that a new field needs nothing but its rule. Functions of their input alone.
// Thread-safe.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/field_errors.h"

namespace reluscape {

// A message from outside whose defaults are filled in and whose rules hold, those of single fields
// and those between fields. What is behind the edge takes this.
template <typename T>
class Checked {
 public:
  // The only way to one. std::nullopt where an error was added, one per field, each below `path`
  // (empty: the message is the whole input). Defined for the messages that come from outside, each
  // beside the rules between its fields.
  static std::optional<Checked> From(T message, const std::string& path, FieldErrors& errors);

  const T& operator*() const { return message_; }
  const T* operator->() const { return &message_; }

 private:
  explicit Checked(T message) : message_(std::move(message)) {}

  T message_;
};

// Gives every field that is left out the default of its rule, in messages below too; a message
// that is left out stays away unless its rule has a default.
void FillDefaults(google::protobuf::Message& message);

// A message of defaults.
template <typename T>
T Filled() {
  T message;
  FillDefaults(message);
  return message;
}

// Adds an error for every field, in messages below too, that is required and left out, or breaks
// its rule; doubles that are not finite break it always, and so do numbers that no value of an enum
// has.
void CheckMessage(const google::protobuf::Message& message, const std::string& path,
                  FieldErrors& errors);

// The notes of the rules of fields, in messages below too, that are not as in `defaults`, of the
// same type: "stages.pretrain.x: ...".
std::vector<std::string> NotesOf(const google::protobuf::Message& message,
                                 const google::protobuf::Message& defaults,
                                 const std::string& path);

// Sets in `target` what is set in `source`, of the same type. Lists are replaced as a whole.
void Overlay(const google::protobuf::Message& source, google::protobuf::Message& target);

// For people: what may stand in a field ("1 to 100", "a number above 0, at most 1"); empty where
// its type says it all.
std::string AllowedText(const google::protobuf::FieldDescriptor& field);

// "a.b", or "b" where `path` is empty.
std::string FieldPath(const std::string& path, const std::string& field);

}  // namespace reluscape
