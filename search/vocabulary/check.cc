#include "search/vocabulary/check.h"

#include <google/protobuf/util/message_differencer.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/foreign_text.h"
#include "base/sha256.h"
#include "reluscape/v1/options.pb.h"
#include "search/vocabulary/json.h"

namespace reluscape {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using CppType = FieldDescriptor::CppType;

constexpr size_t kLongestShown = 100;

const v1::Rule& RuleOf(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::rule);
}

bool IsMessage(const FieldDescriptor& field) {
  return field.cpp_type() == CppType::CPPTYPE_MESSAGE;
}

bool IsReal(const FieldDescriptor& field) {
  return field.cpp_type() == CppType::CPPTYPE_DOUBLE || field.cpp_type() == CppType::CPPTYPE_FLOAT;
}

bool IsSet(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  return field.is_repeated() ? reflection.FieldSize(message, &field) > 0
                             : reflection.HasField(message, &field);
}

void FillFromJson(const std::string& json, Message& message) {
  const std::unique_ptr<Message> given(message.New());
  given->CopyFrom(message);
  FieldErrors errors;  // none: a test reads every default
  JsonToMessage(json, message, errors);
  Overlay(*given, message);
}

// Characters of UTF-8 text: its bytes without those that continue a character.
int64_t CountCharacters(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

bool IsName(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
  });
}

bool HasControlCharacter(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// A bound is a double: one of an integer is exact up to 2^53, and larger ones are not used.
std::string RangeText(const v1::Rule& rule, bool real) {
  const auto text = [&](double bound) {
    return real ? absl::StrCat(bound) : absl::StrCat(static_cast<int64_t>(bound));
  };
  const bool low = rule.has_from() || rule.has_above();
  const bool high = rule.has_to() || rule.has_below();
  if (!real && low && high) return absl::StrCat(text(rule.from()), " to ", text(rule.to()));
  if (!real && rule.has_from()) return absl::StrCat(text(rule.from()), " or more");
  if (rule.has_above() && rule.has_below()) {
    return absl::StrCat("a number between ", text(rule.above()), " and ", text(rule.below()),
                        ", both excluded");
  }
  if (rule.has_above()) {
    return absl::StrCat("a number above ", text(rule.above()),
                        rule.has_to() ? absl::StrCat(", at most ", text(rule.to())) : "");
  }
  if (!low) return real ? "a finite number" : "";
  if (!high) return absl::StrCat("a number of at least ", text(rule.from()));
  return absl::StrCat("a number from ", text(rule.from()), " to ", rule.has_below() ? "below " : "",
                      text(rule.has_below() ? rule.below() : rule.to()));
}

std::string TextAllowed(const v1::Rule& rule) {
  if (rule.text() == v1::SHA256) return "64 lower-case hexadecimal digits";
  std::string allowed;
  if (rule.longest() > 0) {
    allowed = absl::StrCat(rule.shortest(), " to ", rule.longest(), " characters");
  }
  return allowed;
}

class Checker {
 public:
  explicit Checker(FieldErrors& errors) : errors_(errors) {}

  void Check(const Message& message, const std::string& path) {
    const Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      CheckField(message, field, FieldPath(path, field.name()));
    }
  }

 private:
  void CheckField(const Message& message, const FieldDescriptor& field, const std::string& path) {
    const v1::Rule& rule = RuleOf(field);
    if (field.is_repeated()) {
      const int size = message.GetReflection()->FieldSize(message, &field);
      if (rule.most() > 0 && size > rule.most()) {
        return errors_.Add(path, absl::StrCat(size, " entries"),
                           absl::StrCat("at most ", rule.most()));
      }
      std::set<std::string> seen;
      for (int i = 0; i < size; ++i) {
        const std::string item = absl::StrCat(path, "[", i, "]");
        if (CheckValue(message, field, i, item) && rule.each_once()) {
          if (!seen.insert(Exact(message, field, i)).second) {
            errors_.Add(item, absl::StrCat(Shown(message, field, i), " again"), "each value once");
          }
        }
      }
    } else if (field.has_presence() && !message.GetReflection()->HasField(message, &field)) {
      if (rule.required()) errors_.Add(path, "nothing", AllowedOf(field));
    } else {
      CheckValue(message, field, -1, path);
    }
  }

  // The field, or for index >= 0 its item. Whether its rule holds.
  bool CheckValue(const Message& message, const FieldDescriptor& field, int index,
                  const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    const v1::Rule& rule = RuleOf(field);
    bool holds = true;
    switch (field.cpp_type()) {
      case CppType::CPPTYPE_MESSAGE:
        Check(index < 0 ? reflection.GetMessage(message, &field)
                        : reflection.GetRepeatedMessage(message, &field, index),
              path);
        return true;
      case CppType::CPPTYPE_STRING:
        return CheckText(index < 0 ? reflection.GetString(message, &field)
                                   : reflection.GetRepeatedString(message, &field, index),
                         field, path);
      case CppType::CPPTYPE_INT64: {
        const int64_t value = index < 0 ? reflection.GetInt64(message, &field)
                                        : reflection.GetRepeatedInt64(message, &field, index);
        holds = !(rule.has_from() && value < static_cast<int64_t>(rule.from())) &&
                !(rule.has_to() && value > static_cast<int64_t>(rule.to()));
        break;
      }
      case CppType::CPPTYPE_DOUBLE: {
        const double value = index < 0 ? reflection.GetDouble(message, &field)
                                       : reflection.GetRepeatedDouble(message, &field, index);
        holds = std::isfinite(value) && !(rule.has_from() && value < rule.from()) &&
                !(rule.has_above() && value <= rule.above()) &&
                !(rule.has_to() && value > rule.to()) &&
                !(rule.has_below() && value >= rule.below());
        break;
      }
      case CppType::CPPTYPE_ENUM: {
        const int value = index < 0 ? reflection.GetEnumValue(message, &field)
                                    : reflection.GetRepeatedEnumValue(message, &field, index);
        const bool may_be_absent = !field.has_presence() && !rule.required() && value == 0;
        holds =
            may_be_absent || (value != 0 && field.enum_type()->FindValueByNumber(value) != nullptr);
        break;
      }
      default:
        break;
    }
    if (!holds) errors_.Add(path, Shown(message, field, index), AllowedOf(field));
    return holds;
  }

  bool CheckText(const std::string& value, const FieldDescriptor& field, const std::string& path) {
    const v1::Rule& rule = RuleOf(field);
    const int64_t characters = CountCharacters(value);
    const bool is_short = characters < rule.shortest();
    if (is_short || (rule.longest() > 0 && characters > rule.longest())) {
      errors_.Add(path, absl::StrCat(characters, " characters"), AllowedOf(field));
      return false;
    }
    if (rule.text() == v1::ONE_LINE && HasControlCharacter(value)) {
      errors_.Add(path, "a control character", "text on one line");
      return false;
    }
    const bool is_hash_or_none = IsSha256Hex(value) || (value.empty() && !rule.required());
    if ((rule.text() == v1::SHA256 && !is_hash_or_none) ||
        (rule.text() == v1::NAME && !IsName(value))) {
      errors_.Add(path, absl::StrCat("\"", CutUtf8(value, kLongestShown), "\""), AllowedOf(field));
      return false;
    }
    return true;
  }

  static std::string AllowedOf(const FieldDescriptor& field) {
    const std::string allowed = AllowedText(field);
    return allowed.empty() ? "a value" : allowed;
  }

  // An item's value, in full: what is shown of it may be that of its neighbour.
  static std::string Exact(const Message& message, const FieldDescriptor& field, int index) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case CppType::CPPTYPE_DOUBLE:
        return absl::StrFormat("%.17g", reflection.GetRepeatedDouble(message, &field, index));
      case CppType::CPPTYPE_STRING:
        return reflection.GetRepeatedString(message, &field, index);
      default:
        return Shown(message, field, index);
    }
  }

  static std::string Shown(const Message& message, const FieldDescriptor& field, int index) {
    const Reflection& reflection = *message.GetReflection();
    switch (field.cpp_type()) {
      case CppType::CPPTYPE_INT64:
        return absl::StrCat(index < 0 ? reflection.GetInt64(message, &field)
                                      : reflection.GetRepeatedInt64(message, &field, index));
      case CppType::CPPTYPE_DOUBLE:
        return absl::StrCat(index < 0 ? reflection.GetDouble(message, &field)
                                      : reflection.GetRepeatedDouble(message, &field, index));
      case CppType::CPPTYPE_ENUM:
        return absl::StrCat(index < 0 ? reflection.GetEnumValue(message, &field)
                                      : reflection.GetRepeatedEnumValue(message, &field, index));
      case CppType::CPPTYPE_STRING:
        return absl::StrCat(
            "\"",
            CutUtf8(index < 0 ? reflection.GetString(message, &field)
                              : reflection.GetRepeatedString(message, &field, index),
                    kLongestShown),
            "\"");
      default:
        return "a value";
    }
  }

  FieldErrors& errors_;
};

}  // namespace

std::string FieldPath(const std::string& path, const std::string& field) {
  return path.empty() ? field : absl::StrCat(path, ".", field);
}

void FillDefaults(Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  const Reflection& reflection = *message.GetReflection();
  std::vector<std::string> defaults;
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string& json = RuleOf(field).default_();
    const bool overlaid = IsMessage(field) && !field.is_repeated();
    if (!json.empty() && (overlaid || !IsSet(message, field))) {
      defaults.push_back(absl::StrCat("\"", field.name(), "\": ", json));
    }
  }
  if (!defaults.empty()) {
    FillFromJson(absl::StrCat("{", absl::StrJoin(defaults, ", "), "}"), message);
  }
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (!IsMessage(field) || field.is_map() || !IsSet(message, field)) continue;
    if (!field.is_repeated()) {
      FillDefaults(*reflection.MutableMessage(&message, &field));
      continue;
    }
    for (int j = 0; j < reflection.FieldSize(message, &field); ++j) {
      FillDefaults(*reflection.MutableRepeatedMessage(&message, &field, j));
    }
  }
}

void CheckMessage(const Message& message, const std::string& path, FieldErrors& errors) {
  Checker(errors).Check(message, path);
}

std::vector<std::string> NotesOf(const Message& message, const Message& defaults,
                                 const std::string& path) {
  std::vector<std::string> notes;
  std::vector<const FieldDescriptor*> set;
  const Reflection& reflection = *message.GetReflection();
  reflection.ListFields(message, &set);
  for (const FieldDescriptor* field : set) {
    const std::string here = FieldPath(path, field->name());
    if (IsMessage(*field) && !field->is_repeated()) {
      const std::vector<std::string> below = NotesOf(reflection.GetMessage(message, field),
                                                     reflection.GetMessage(defaults, field), here);
      notes.insert(notes.end(), below.begin(), below.end());
    } else if (const std::string& note = RuleOf(*field).note(); !note.empty()) {
      google::protobuf::util::MessageDifferencer differencer;
      if (!differencer.CompareWithFields(message, defaults, {field}, {field})) {
        notes.push_back(absl::StrCat(here, ": ", note));
      }
    }
  }
  return notes;
}

void Overlay(const Message& source, Message& target) {
  const Descriptor& type = *source.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated() && IsSet(source, field)) {
      target.GetReflection()->ClearField(&target, &field);
    }
  }
  std::vector<const FieldDescriptor*> set;
  source.GetReflection()->ListFields(source, &set);
  for (const FieldDescriptor* field : set) {
    if (!IsMessage(*field) || field->is_repeated()) continue;
    Overlay(source.GetReflection()->GetMessage(source, field),
            *target.GetReflection()->MutableMessage(&target, field));
  }
  // The rest, scalars and lists: without the messages, whose lists it would append to.
  const std::unique_ptr<Message> flat(source.New());
  flat->CopyFrom(source);
  for (const FieldDescriptor* field : set) {
    if (IsMessage(*field) && !field->is_repeated()) {
      flat->GetReflection()->ClearField(flat.get(), field);
    }
  }
  target.MergeFrom(*flat);
}

std::string AllowedText(const FieldDescriptor& field) {
  const v1::Rule& rule = RuleOf(field);
  if (!rule.allowed().empty()) return rule.allowed();
  if (field.cpp_type() == CppType::CPPTYPE_ENUM) return EnumNames(*field.enum_type());
  if (field.cpp_type() == CppType::CPPTYPE_STRING) return TextAllowed(rule);
  if (IsReal(field) || field.cpp_type() == CppType::CPPTYPE_INT64) {
    return RangeText(rule, IsReal(field));
  }
  return IsMessage(field) ? "an object" : "";
}

}  // namespace reluscape
