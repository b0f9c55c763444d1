#include "search/vocabulary/json.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/vocabulary/check.h"

namespace reluscape {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using CppType = FieldDescriptor::CppType;

using Json = nlohmann::json;

constexpr size_t kLongestText = size_t{4} * 1024 * 1024;
// An object of three bytes of text becomes a message of some hundred: the limit bounds the memory.
constexpr size_t kMostValues = 200'000;
// The deepest message of ours has 5 levels.
constexpr size_t kDeepest = 32;

std::string Quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// ---------------------------------------------------------------------------------------------
// Text to message.

size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

// The one of `names` that `name` was probably meant to be, or "".
std::string Nearest(const std::string& name, const std::vector<std::string>& names) {
  constexpr size_t kLongestCompared = 100;
  if (name.size() > kLongestCompared) return "";
  std::string best;
  size_t best_distance = std::max<size_t>(1, name.size() / 3) + 1;
  for (const std::string& candidate : names) {
    const size_t distance = EditDistance(absl::AsciiStrToLower(name), candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

bool IsUnspecified(const EnumValueDescriptor& value) {
  return value.number() == 0 && value.name().ends_with("UNSPECIFIED");
}

// What nlohmann's parser reads goes into the message value by value. Its tree would lose repeated
// keys and the order of fields, and building one with its callback takes quadratic time: behind
// every object it walks all that stands beside it.
class MessageReader final : public nlohmann::json_sax<Json> {
 public:
  MessageReader(const std::string& text, Message& message, FieldErrors& errors)
      : text_(text), message_(message), errors_(errors), errors_before_(errors) {}

  bool null() override { return Read(nullptr); }
  bool boolean(bool value) override { return Read(value); }
  bool number_integer(number_integer_t value) override { return Read(value); }
  bool number_unsigned(number_unsigned_t value) override { return Read(value); }
  bool number_float(number_float_t value, const string_t& written) override {
    written_ = written;
    return Read(value);
  }
  bool string(string_t& value) override { return Read(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override {
    static const Json& empty = *new Json(Json::object());
    return Read(empty);
  }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override {
    static const Json& empty = *new Json(Json::array());
    return Read(empty);
  }
  bool end_array() override { return Close(); }

  bool key(string_t& name) override {
    if (passed_over_ > 0) return true;
    Level& level = levels_.back();
    const Descriptor& type = *level.message->GetDescriptor();
    level.key = name;
    level.field =
        level.of == nullptr ? type.FindFieldByName(name) : level.of->message_type()->map_value();
    if (level.field == nullptr) {
      ReportUnknown(type, name);
    } else if (!IsNew(level)) {
      errors_.Add(Path(), "the same key again", "each key once");
      level.field = nullptr;
    } else if (level.of != nullptr) {
      level.entry = level.message->GetReflection()->AddMessage(level.message, level.of);
      level.entry->GetReflection()->SetString(level.entry, level.of->message_type()->map_key(),
                                              name);
    }
    return true;
  }

  bool parse_error(size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) override {
    // The position is one behind the offending character.
    const size_t end = std::min(position, text_.size());
    const std::string_view before = std::string_view(text_).substr(0, end == 0 ? 0 : end - 1);
    const std::string where =
        absl::StrCat(" at line ", 1 + std::count(before.begin(), before.end(), '\n'), ", column ",
                     before.size() - before.rfind('\n'));  // npos, which is -1, is before the text
    constexpr int kNumberOverflow = 406;  // nlohmann: json.exception.out_of_range.406
    if (error.id == kNumberOverflow) {
      return Stop(absl::StrCat(last_token, where), "a number of magnitude up to 1.8e308");
    }
    const std::string what = error.what();
    const bool at_end = last_token.empty() || absl::StrContains(what, "unexpected end of input");
    return Stop(
        absl::StrCat("a syntax error", where, ", after ",
                     end == text_.size() && at_end ? "the end of the text" : Quoted(last_token)),
        absl::StrCat("JSON (", Reason(what), ")"));
  }

 private:
  // An object or list that is being read.
  struct Level {
    Message* message;
    // The list or map in `message` whose items or entries stand here; null: its fields do.
    const FieldDescriptor* of;
    size_t items;  // of the list, so far, with the one that is being read

    // Of the key that was read last.
    std::string key;
    const FieldDescriptor* field;  // null where the key was reported
    Message* entry;                // of the map
    std::vector<bool> seen;        // by index of the message's fields
    std::set<std::string> keys;    // of the map, so far
  };

  // Whether the key of `level` was not there before.
  static bool IsNew(Level& level) {
    if (level.of != nullptr) return level.keys.insert(level.key).second;
    level.seen.resize(static_cast<size_t>(level.message->GetDescriptor()->field_count()));
    const auto seen = level.seen[static_cast<size_t>(level.field->index())];
    const bool is_new = !seen;
    level.seen[static_cast<size_t>(level.field->index())] = true;
    return is_new;
  }

  // Of the value that is being read. Made where there is an error: most texts have none.
  std::string Path() const {
    std::string path;
    for (const Level& level : levels_) {
      if (level.of != nullptr && !level.of->is_map()) {
        absl::StrAppend(&path, "[", level.items - 1, "]");
      } else {
        path = FieldPath(path, level.key);
      }
    }
    return path;
  }

  // The part of nlohmann's message that says what it expected.
  static std::string Reason(const std::string& what) {
    const std::string marker = "syntax error ";
    size_t start = what.find(marker);
    std::string reason = start == std::string::npos ? what : what.substr(start + marker.size());
    if (const size_t last = reason.find("; last read:"); last != std::string::npos) {
      const size_t expected = reason.find("; expected", last);
      reason =
          reason.substr(0, last) + (expected == std::string::npos ? "" : reason.substr(expected));
    }
    return reason;
  }

  // Leaves this error alone: what was read of a broken text so far says little.
  bool Stop(const std::string& found, const std::string& allowed) {
    message_.Clear();
    errors_ = errors_before_;
    errors_.Add("", found, allowed);
    return false;
  }

  // Takes a value; of an object or list its beginning, as an empty one.
  bool Read(const Json& value) {
    const size_t levels = levels_.size();
    if (value.is_structured() && levels + passed_over_ == kDeepest) {
      return Stop(absl::StrCat("more than ", kDeepest, " levels of nesting"),
                  absl::StrCat("at most ", kDeepest));
    }
    if (++values_ > kMostValues) {
      return Stop(absl::StrCat("more than ", kMostValues, " values"),
                  absl::StrCat("at most ", kMostValues));
    }
    if (passed_over_ == 0) Place(value);
    // Without a level of its own it was reported, and what is in it has no place.
    if (value.is_structured() && levels_.size() == levels) ++passed_over_;
    return true;
  }

  void Open(Message& message, const FieldDescriptor* of) {
    levels_.push_back({&message, of, 0, "", nullptr, nullptr, {}, {}});
  }

  bool Close() {
    if (passed_over_ > 0) {
      --passed_over_;
    } else {
      levels_.pop_back();
    }
    return true;
  }

  void Place(const Json& value) {
    if (levels_.empty()) {
      if (value.is_object()) {
        Open(message_, nullptr);
      } else {
        errors_.Add("", Shown(value), "an object");
      }
      return;
    }
    Level& level = levels_.back();
    if (level.of != nullptr && !level.of->is_map()) {
      ++level.items;
      ReadSingle(*level.of, value, *level.message);
    } else if (level.field == nullptr) {
      return;
    } else if (level.of != nullptr) {
      ReadSingle(*level.field, value, *level.entry);
    } else if (!value.is_null()) {  // null is as if left out: absent optionals are written so
      ReadField(*level.field, value, *level.message);
    }
  }

  void ReportUnknown(const Descriptor& type, const std::string& name) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    const std::string nearest = Nearest(name, names);
    errors_.Add(Path(), "an unknown field",
                nearest.empty() ? absl::StrJoin(names, ", ")
                                : absl::StrCat(nearest, " (did you mean that?), or another of: ",
                                               absl::StrJoin(names, ", ")));
  }

  void ReadField(const FieldDescriptor& field, const Json& value, Message& message) {
    if (const auto* oneof = field.real_containing_oneof();
        oneof != nullptr && message.GetReflection()->HasOneof(message, oneof)) {
      errors_.Add(Path(), "a second choice", absl::StrCat("one field of ", oneof->name()));
    } else if (field.is_map()) {
      if (!value.is_object()) {
        errors_.Add(Path(), Shown(value), "an object");
      } else if (field.message_type()->map_key()->cpp_type() != CppType::CPPTYPE_STRING) {
        errors_.Add(Path(), "a map whose keys are no strings", "nothing: JSON cannot give it");
      } else {
        Open(message, &field);
      }
    } else if (!field.is_repeated()) {
      ReadSingle(field, value, message);
    } else if (!value.is_array()) {
      errors_.Add(Path(), Shown(value), absl::StrCat("a list of ", KindOf(field, /*plural=*/true)));
    } else {
      Open(message, &field);
    }
  }

  static std::string KindOf(const FieldDescriptor& field, bool plural) {
    switch (field.cpp_type()) {
      case CppType::CPPTYPE_DOUBLE:
      case CppType::CPPTYPE_FLOAT:
        return plural ? "numbers" : "a number";
      case CppType::CPPTYPE_BOOL:
        return plural ? "booleans" : "true or false";
      case CppType::CPPTYPE_STRING:
        return plural ? "strings" : "a string";
      case CppType::CPPTYPE_MESSAGE:
        return plural ? "objects" : "an object";
      case CppType::CPPTYPE_ENUM:
        return plural ? absl::StrCat("names (", EnumNames(*field.enum_type()), ")")
                      : EnumNames(*field.enum_type());
      default:
        return plural ? "integers" : "an integer";
    }
  }

  // What a person wrote, for an error message.
  std::string Shown(const Json& value) const {
    if (value.is_object()) return "an object";
    if (value.is_array()) return "a list";
    return value.is_number_float() ? written_ : value.dump();
  }

  // Sets the field, or adds an item to it.
  void ReadSingle(const FieldDescriptor& field, const Json& value, Message& message) {
    const Reflection& reflection = *message.GetReflection();
    const bool add = field.is_repeated();
    switch (field.cpp_type()) {
      case CppType::CPPTYPE_INT32:
        if (int32_t number = 0; ReadInteger(value, number)) {
          add ? reflection.AddInt32(&message, &field, number)
              : reflection.SetInt32(&message, &field, number);
        }
        return;
      case CppType::CPPTYPE_INT64:
        if (int64_t number = 0; ReadInteger(value, number)) {
          add ? reflection.AddInt64(&message, &field, number)
              : reflection.SetInt64(&message, &field, number);
        }
        return;
      case CppType::CPPTYPE_UINT32:
        if (uint32_t number = 0; ReadInteger(value, number)) {
          add ? reflection.AddUInt32(&message, &field, number)
              : reflection.SetUInt32(&message, &field, number);
        }
        return;
      case CppType::CPPTYPE_UINT64:
        if (uint64_t number = 0; ReadInteger(value, number)) {
          add ? reflection.AddUInt64(&message, &field, number)
              : reflection.SetUInt64(&message, &field, number);
        }
        return;
      case CppType::CPPTYPE_DOUBLE:
        if (!value.is_number()) break;
        add ? reflection.AddDouble(&message, &field, value.get<double>())
            : reflection.SetDouble(&message, &field, value.get<double>());
        return;
      case CppType::CPPTYPE_FLOAT: {
        if (!value.is_number()) break;
        const auto narrow = static_cast<float>(value.get<double>());
        if (!std::isfinite(narrow)) break;
        add ? reflection.AddFloat(&message, &field, narrow)
            : reflection.SetFloat(&message, &field, narrow);
        return;
      }
      case CppType::CPPTYPE_BOOL:
        if (!value.is_boolean()) break;
        add ? reflection.AddBool(&message, &field, value.get<bool>())
            : reflection.SetBool(&message, &field, value.get<bool>());
        return;
      case CppType::CPPTYPE_STRING:
        if (!value.is_string()) break;
        if (field.type() == FieldDescriptor::TYPE_BYTES) {
          errors_.Add(Path(), "bytes", "nothing: JSON cannot give them");
          return;
        }
        add ? reflection.AddString(&message, &field, value.get<std::string>())
            : reflection.SetString(&message, &field, value.get<std::string>());
        return;
      case CppType::CPPTYPE_ENUM: {
        if (!value.is_string()) break;
        const EnumValueDescriptor* found =
            field.enum_type()->FindValueByName(absl::AsciiStrToUpper(value.get<std::string>()));
        if (found == nullptr || IsUnspecified(*found)) break;
        add ? reflection.AddEnum(&message, &field, found)
            : reflection.SetEnum(&message, &field, found);
        return;
      }
      case CppType::CPPTYPE_MESSAGE:
        if (!value.is_object()) break;
        Open(add ? *reflection.AddMessage(&message, &field)
                 : *reflection.MutableMessage(&message, &field),
             nullptr);
        return;
    }
    errors_.Add(Path(), Shown(value), KindOf(field, /*plural=*/false));
  }

  template <typename T>
  bool ReadInteger(const Json& value, T& number) {
    if (!value.is_number_integer()) {
      errors_.Add(Path(), Shown(value), "an integer");
    } else if (value.is_number_unsigned() ? !std::in_range<T>(value.get<uint64_t>())
                                          : !std::in_range<T>(value.get<int64_t>())) {
      errors_.Add(Path(), Shown(value),
                  absl::StrCat("an integer from ", std::numeric_limits<T>::min(), " to ",
                               std::numeric_limits<T>::max()));
    } else {
      number = value.get<T>();
      return true;
    }
    return false;
  }

  const std::string& text_;
  Message& message_;
  FieldErrors& errors_;
  const FieldErrors errors_before_;
  std::string written_;        // the last number with a fraction or exponent
  std::vector<Level> levels_;  // the outermost first
  size_t passed_over_ = 0;     // levels further in without a place in the message
  size_t values_ = 0;          // so far
};

// ---------------------------------------------------------------------------------------------
// Message to text.

class MessageWriter {
 public:
  MessageWriter(bool compact, bool leave_out_absent)
      : compact_(compact), leave_out_absent_(leave_out_absent) {}

  std::string Take() && { return std::move(text_); }

  void WriteMessage(const Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    const Reflection& reflection = *message.GetReflection();
    Begin('{');
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      if (leave_out_absent_ && IsAbsent(message, field)) continue;
      Key(field.name());
      if (field.is_map()) {
        WriteMap(message, field);
      } else if (field.is_repeated()) {
        Begin('[');
        const int size = reflection.FieldSize(message, &field);
        for (int j = 0; j < size; ++j) {
          NextItem();
          WriteSingle(message, field, j);
        }
        End(']');
      } else if (field.has_presence() && !reflection.HasField(message, &field)) {
        text_ += "null";
      } else {
        WriteSingle(message, field, -1);
      }
    }
    End('}');
  }

 private:
  static bool IsAbsent(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    if (field.is_repeated()) return reflection.FieldSize(message, &field) == 0;
    return field.has_presence() && !reflection.HasField(message, &field);
  }

  // Sorted: protobuf keeps maps in a random order.
  void WriteMap(const Message& message, const FieldDescriptor& field) {
    const Reflection& reflection = *message.GetReflection();
    std::vector<std::pair<std::string, const Message*>> entries;
    const FieldDescriptor& key = *field.message_type()->map_key();
    for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
      const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
      MessageWriter writer(/*compact=*/true, leave_out_absent_);
      writer.WriteSingle(entry, key, -1);
      const bool is_text = key.cpp_type() == CppType::CPPTYPE_STRING;
      entries.emplace_back(is_text ? writer.text_ : absl::StrCat("\"", writer.text_, "\""), &entry);
    }
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Begin('{');
    for (const auto& [name, entry] : entries) {
      RawKey(name);
      WriteSingle(*entry, *field.message_type()->map_value(), -1);
    }
    End('}');
  }

  // The field, or for index >= 0 its item.
  void WriteSingle(const Message& message, const FieldDescriptor& field, int index) {
    const Reflection& reflection = *message.GetReflection();
    const bool item = index >= 0;
    switch (field.cpp_type()) {
      case CppType::CPPTYPE_INT32:
        absl::StrAppend(&text_, item ? reflection.GetRepeatedInt32(message, &field, index)
                                     : reflection.GetInt32(message, &field));
        break;
      case CppType::CPPTYPE_INT64:
        absl::StrAppend(&text_, item ? reflection.GetRepeatedInt64(message, &field, index)
                                     : reflection.GetInt64(message, &field));
        break;
      case CppType::CPPTYPE_UINT32:
        absl::StrAppend(&text_, item ? reflection.GetRepeatedUInt32(message, &field, index)
                                     : reflection.GetUInt32(message, &field));
        break;
      case CppType::CPPTYPE_UINT64:
        absl::StrAppend(&text_, item ? reflection.GetRepeatedUInt64(message, &field, index)
                                     : reflection.GetUInt64(message, &field));
        break;
      case CppType::CPPTYPE_DOUBLE:
        WriteFloating(item ? reflection.GetRepeatedDouble(message, &field, index)
                           : reflection.GetDouble(message, &field));
        break;
      case CppType::CPPTYPE_FLOAT:
        WriteFloating(item ? reflection.GetRepeatedFloat(message, &field, index)
                           : reflection.GetFloat(message, &field));
        break;
      case CppType::CPPTYPE_BOOL:
        text_ += (item ? reflection.GetRepeatedBool(message, &field, index)
                       : reflection.GetBool(message, &field))
                     ? "true"
                     : "false";
        break;
      case CppType::CPPTYPE_STRING: {
        const std::string value = item ? reflection.GetRepeatedString(message, &field, index)
                                       : reflection.GetString(message, &field);
        text_ += Quoted(field.type() == FieldDescriptor::TYPE_BYTES ? absl::BytesToHexString(value)
                                                                    : value);
        break;
      }
      case CppType::CPPTYPE_ENUM:
        WriteEnum(item ? reflection.GetRepeatedEnumValue(message, &field, index)
                       : reflection.GetEnumValue(message, &field),
                  *field.enum_type());
        break;
      case CppType::CPPTYPE_MESSAGE:
        WriteMessage(item ? reflection.GetRepeatedMessage(message, &field, index)
                          : reflection.GetMessage(message, &field));
        break;
    }
  }

  void WriteEnum(int number, const EnumDescriptor& type) {
    const EnumValueDescriptor* value = type.FindValueByNumber(number);
    if (value == nullptr) {
      absl::StrAppend(&text_, number);  // of a newer peer
    } else if (IsUnspecified(*value)) {
      text_ += "null";
    } else {
      text_ += Quoted(absl::AsciiStrToLower(value->name()));
    }
  }

  // JSON knows no infinity and no NaN: null.
  template <typename T>
  void WriteFloating(T value) {
    if (!std::isfinite(value)) {
      text_ += "null";
      return;
    }
    char buffer[64];
    const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), value);
    text_.append(buffer, error == std::errc() ? end : buffer);
  }

  void Begin(char bracket) {
    text_ += bracket;
    ++depth_;
    first_ = true;
  }
  void End(char bracket) {
    --depth_;
    if (!first_) NewLine();
    text_ += bracket;
    first_ = false;
  }
  void NextItem() {
    if (!first_) text_ += ',';
    first_ = false;
    NewLine();
  }
  void Key(const std::string& name) { RawKey(Quoted(name)); }
  void RawKey(const std::string& quoted) {
    NextItem();
    text_ += quoted;
    text_ += compact_ ? ":" : ": ";
  }
  void NewLine() {
    if (compact_) return;
    text_ += '\n';
    text_.append(2 * static_cast<size_t>(depth_), ' ');
  }

  const bool compact_;
  const bool leave_out_absent_;
  std::string text_;
  int depth_ = 0;
  bool first_ = true;  // nothing yet since the last bracket was opened
};

}  // namespace

std::string EnumNames(const EnumDescriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.value_count(); ++i) {
    if (!IsUnspecified(*type.value(i))) {
      names.push_back(absl::AsciiStrToLower(type.value(i)->name()));
    }
  }
  return absl::StrJoin(names, ", ");
}

std::string MessageToJson(const Message& message, bool compact) {
  MessageWriter writer(compact, /*leave_out_absent=*/false);
  writer.WriteMessage(message);
  return std::move(writer).Take();
}

std::string MessageToShortJson(const Message& message, bool compact) {
  MessageWriter writer(compact, /*leave_out_absent=*/true);
  writer.WriteMessage(message);
  return std::move(writer).Take();
}

void JsonToMessage(const std::string& text, Message& message, FieldErrors& errors) {
  message.Clear();
  if (text.size() > kLongestText) {
    errors.Add("", absl::StrCat(text.size(), " bytes"),
               absl::StrCat("at most ", kLongestText, " bytes"));
    return;
  }
  MessageReader reader(text, message, errors);
  Json::sax_parse(text, &reader);
}

}  // namespace reluscape
