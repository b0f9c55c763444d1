#include "search/wire/json.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace reluscape {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::EnumValueDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using CppType = FieldDescriptor::CppType;

constexpr size_t kLongestText = size_t{4} * 1024 * 1024;
// A value of a few bytes of text becomes a Value of some 150: the limit bounds the memory.
constexpr size_t kMostValues = 200'000;
// The deepest message of ours has 5 levels; the limit bounds the recursion below.
constexpr int kDeepest = 32;

// ---------------------------------------------------------------------------------------------
// Text to a tree that keeps repeated keys, which nlohmann's own tree would swallow.

struct Value {
  enum class Kind { kNull, kBool, kInteger, kUnsigned, kDouble, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  bool boolean = false;
  int64_t integer = 0;
  uint64_t large = 0;  // kUnsigned: above the range of `integer`
  double number = 0;
  std::string text;                // kString: the string; kDouble: as written
  std::vector<std::string> names;  // kObject: of the items, as written
  std::vector<Value> items;
};

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// What a person wrote, for an error message.
std::string Shown(const Value& value) {
  switch (value.kind) {
    case Value::Kind::kNull:
      return "null";
    case Value::Kind::kBool:
      return value.boolean ? "true" : "false";
    case Value::Kind::kInteger:
      return absl::StrCat(value.integer);
    case Value::Kind::kUnsigned:
      return absl::StrCat(value.large);
    case Value::Kind::kDouble:
      return value.text;
    case Value::Kind::kString:
      return Quoted(value.text);
    case Value::Kind::kArray:
      return "a list";
    case Value::Kind::kObject:
      return "an object";
  }
  return "";
}

// nlohmann's SAX events into a Value.
class TreeBuilder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  TreeBuilder(const std::string& text, FieldErrors& errors) : text_(text), errors_(errors) {}

  Value& root() { return root_; }

  bool null() override { return Add({}); }
  bool boolean(bool value) override {
    Value added;
    added.kind = Value::Kind::kBool;
    added.boolean = value;
    return Add(std::move(added));
  }
  bool number_integer(number_integer_t value) override {
    Value added;
    added.kind = Value::Kind::kInteger;
    added.integer = value;
    return Add(std::move(added));
  }
  bool number_unsigned(number_unsigned_t value) override {
    Value added;
    if (value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
      added.kind = Value::Kind::kInteger;
      added.integer = static_cast<int64_t>(value);
    } else {
      added.kind = Value::Kind::kUnsigned;
      added.large = value;
    }
    return Add(std::move(added));
  }
  bool number_float(number_float_t value, const string_t& written) override {
    Value added;
    added.kind = Value::Kind::kDouble;
    added.number = value;
    added.text = written;
    return Add(std::move(added));
  }
  bool string(string_t& value) override {
    Value added;
    added.kind = Value::Kind::kString;
    added.text = std::move(value);
    return Add(std::move(added));
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(Value::Kind::kObject); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(Value::Kind::kArray); }
  bool end_array() override { return Close(); }
  bool key(string_t& key) override {
    open_.back()->names.push_back(std::move(key));
    return true;
  }

  bool parse_error(size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) override {
    const size_t end = std::min(position, text_.size());
    const size_t before = text_.rfind('\n', end == 0 ? 0 : end - 1);
    const auto lines = std::count(text_.begin(), text_.begin() + static_cast<int64_t>(end), '\n');
    // The position is one behind the offending character, which may be the line break itself.
    const bool at_break = end > 0 && text_[end - 1] == '\n';
    const int64_t line = lines + (at_break ? 0 : 1);
    size_t start = 0;
    if (at_break) {
      const size_t previous = end >= 2 ? text_.rfind('\n', end - 2) : std::string::npos;
      start = previous == std::string::npos ? 0 : previous + 1;
    } else {
      start = before == std::string::npos || before >= end ? 0 : before + 1;
    }
    const std::string where =
        absl::StrCat(" at line ", line, ", column ", std::max<size_t>(1, end - start));
    constexpr int kNumberOverflow = 406;  // nlohmann: json.exception.out_of_range.406
    if (error.id == kNumberOverflow) {
      errors_.Add("", absl::StrCat(last_token, where), "a number of magnitude up to 1.8e308");
      return false;
    }
    std::string found = last_token;
    if (end == text_.size() && (found.empty() || error_at_end(error.what()))) {
      found = "the end of the text";
    } else {
      found = Quoted(found);
    }
    errors_.Add("", absl::StrCat("a syntax error", where, ", after ", found),
                absl::StrCat("JSON (", Reason(error.what()), ")"));
    return false;
  }

 private:
  static bool error_at_end(const std::string& what) {
    return what.find("unexpected end of input") != std::string::npos;
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

  bool Place(Value value, Value*& placed) {
    if (++values_ > kMostValues) {
      errors_.Add("", absl::StrCat("more than ", kMostValues, " values"),
                  absl::StrCat("at most ", kMostValues));
      return false;
    }
    if (open_.empty()) {
      root_ = std::move(value);
      placed = &root_;
    } else {
      open_.back()->items.push_back(std::move(value));
      placed = &open_.back()->items.back();
    }
    return true;
  }
  bool Add(Value value) {
    Value* placed = nullptr;
    return Place(std::move(value), placed);
  }
  bool Open(Value::Kind kind) {
    if (open_.size() == kDeepest) {
      errors_.Add("", absl::StrCat("more than ", kDeepest, " levels of nesting"),
                  absl::StrCat("at most ", kDeepest));
      return false;
    }
    Value value;
    value.kind = kind;
    Value* placed = nullptr;
    Place(std::move(value), placed);
    // Stays valid: nothing is added to a parent while its child is open.
    open_.push_back(placed);
    return true;
  }
  bool Close() {
    open_.pop_back();
    return true;
  }

  const std::string& text_;
  FieldErrors& errors_;
  Value root_;
  std::vector<Value*> open_;
  size_t values_ = 0;  // seen so far
};

// ---------------------------------------------------------------------------------------------
// Tree to message.

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

std::string Joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : absl::StrCat(path, ".", name);
}

class MessageReader {
 public:
  explicit MessageReader(FieldErrors& errors) : errors_(errors) {}

  void ReadMessage(const Value& value, const std::string& path, Message& message) {
    if (value.kind != Value::Kind::kObject) {
      errors_.Add(path, Shown(value), "an object");
      return;
    }
    const Descriptor& type = *message.GetDescriptor();
    std::set<std::string> seen;
    for (size_t i = 0; i < value.items.size(); ++i) {
      const std::string& name = value.names[i];
      const Value& member = value.items[i];
      const std::string member_path = Joined(path, name);
      const FieldDescriptor* field = type.FindFieldByName(name);
      if (field == nullptr) {
        ReportUnknown(type, name, member_path);
      } else if (!seen.insert(name).second) {
        errors_.Add(member_path, "the same key again", "each key once");
      } else if (member.kind == Value::Kind::kNull) {
        continue;  // as if left out: absent optionals are written so
      } else {
        ReadField(*field, member, member_path, message);
      }
    }
  }

 private:
  void ReportUnknown(const Descriptor& type, const std::string& name, const std::string& path) {
    std::vector<std::string> names;
    for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
    const std::string nearest = Nearest(name, names);
    errors_.Add(path, "an unknown field",
                nearest.empty() ? absl::StrJoin(names, ", ")
                                : absl::StrCat(nearest, " (did you mean that?), or another of: ",
                                               absl::StrJoin(names, ", ")));
  }

  void ReadField(const FieldDescriptor& field, const Value& value, const std::string& path,
                 Message& message) {
    if (const auto* oneof = field.real_containing_oneof();
        oneof != nullptr && message.GetReflection()->HasOneof(message, oneof)) {
      errors_.Add(path, "a second choice", absl::StrCat("one field of ", oneof->name()));
    } else if (field.is_map()) {
      ReadMap(field, value, path, message);
    } else if (field.is_repeated()) {
      if (value.kind != Value::Kind::kArray) {
        errors_.Add(path, Shown(value), absl::StrCat("a list of ", KindOf(field, true)));
        return;
      }
      for (size_t i = 0; i < value.items.size(); ++i) {
        ReadSingle(field, value.items[i], absl::StrCat(path, "[", i, "]"), message);
      }
    } else {
      ReadSingle(field, value, path, message);
    }
  }

  void ReadMap(const FieldDescriptor& field, const Value& value, const std::string& path,
               Message& message) {
    if (value.kind != Value::Kind::kObject) {
      errors_.Add(path, Shown(value), "an object");
      return;
    }
    const FieldDescriptor& key = *field.message_type()->map_key();
    if (key.cpp_type() != CppType::CPPTYPE_STRING) {
      errors_.Add(path, "a map whose keys are no strings", "nothing: JSON cannot give it");
      return;
    }
    std::set<std::string> seen;
    for (size_t i = 0; i < value.items.size(); ++i) {
      const std::string& name = value.names[i];
      const Value& member = value.items[i];
      const std::string member_path = Joined(path, name);
      if (!seen.insert(name).second) {
        errors_.Add(member_path, "the same key again", "each key once");
        continue;
      }
      Message* entry = message.GetReflection()->AddMessage(&message, &field);
      entry->GetReflection()->SetString(entry, &key, name);
      ReadSingle(*field.message_type()->map_value(), member, member_path, *entry);
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

  static std::string EnumNames(const EnumDescriptor& type) {
    std::vector<std::string> names;
    for (int i = 0; i < type.value_count(); ++i) {
      if (!IsUnspecified(*type.value(i))) {
        names.push_back(absl::AsciiStrToLower(type.value(i)->name()));
      }
    }
    return absl::StrJoin(names, ", ");
  }

  void ReadSingle(const FieldDescriptor& field, const Value& value, const std::string& path,
                  Message& message) {
    const Reflection& reflection = *message.GetReflection();
    const bool add = field.is_repeated();
    switch (field.cpp_type()) {
      case CppType::CPPTYPE_INT32:
      case CppType::CPPTYPE_INT64:
      case CppType::CPPTYPE_UINT32:
      case CppType::CPPTYPE_UINT64:
        ReadInteger(field, value, path, message);
        return;
      case CppType::CPPTYPE_DOUBLE:
      case CppType::CPPTYPE_FLOAT: {
        double number = value.number;
        if (value.kind == Value::Kind::kInteger) {
          number = static_cast<double>(value.integer);
        } else if (value.kind == Value::Kind::kUnsigned) {
          number = static_cast<double>(value.large);
        } else if (value.kind != Value::Kind::kDouble) {
          break;
        }
        if (field.cpp_type() == CppType::CPPTYPE_FLOAT) {
          const auto narrow = static_cast<float>(number);
          if (!std::isfinite(narrow)) break;
          add ? reflection.AddFloat(&message, &field, narrow)
              : reflection.SetFloat(&message, &field, narrow);
        } else {
          add ? reflection.AddDouble(&message, &field, number)
              : reflection.SetDouble(&message, &field, number);
        }
        return;
      }
      case CppType::CPPTYPE_BOOL:
        if (value.kind != Value::Kind::kBool) break;
        add ? reflection.AddBool(&message, &field, value.boolean)
            : reflection.SetBool(&message, &field, value.boolean);
        return;
      case CppType::CPPTYPE_STRING:
        if (value.kind != Value::Kind::kString) break;
        if (field.type() == FieldDescriptor::TYPE_BYTES) {
          errors_.Add(path, "bytes", "nothing: JSON cannot give them");
          return;
        }
        add ? reflection.AddString(&message, &field, value.text)
            : reflection.SetString(&message, &field, value.text);
        return;
      case CppType::CPPTYPE_ENUM: {
        if (value.kind != Value::Kind::kString) break;
        const EnumValueDescriptor* found =
            field.enum_type()->FindValueByName(absl::AsciiStrToUpper(value.text));
        if (found == nullptr || IsUnspecified(*found)) break;
        add ? reflection.AddEnum(&message, &field, found)
            : reflection.SetEnum(&message, &field, found);
        return;
      }
      case CppType::CPPTYPE_MESSAGE:
        if (value.kind != Value::Kind::kObject) break;
        ReadMessage(value, path,
                    add ? *reflection.AddMessage(&message, &field)
                        : *reflection.MutableMessage(&message, &field));
        return;
    }
    errors_.Add(path, Shown(value), KindOf(field, /*plural=*/false));
  }

  void ReadInteger(const FieldDescriptor& field, const Value& value, const std::string& path,
                   Message& message) {
    const Reflection& reflection = *message.GetReflection();
    const bool add = field.is_repeated();
    if (value.kind != Value::Kind::kInteger && value.kind != Value::Kind::kUnsigned) {
      errors_.Add(path, Shown(value), "an integer");
      return;
    }
    const bool fits_signed = value.kind == Value::Kind::kInteger;
    const int64_t number = value.integer;
    switch (field.cpp_type()) {
      case CppType::CPPTYPE_INT64:
        if (!fits_signed) break;
        add ? reflection.AddInt64(&message, &field, number)
            : reflection.SetInt64(&message, &field, number);
        return;
      case CppType::CPPTYPE_INT32:
        if (!fits_signed || number != static_cast<int32_t>(number)) break;
        add ? reflection.AddInt32(&message, &field, static_cast<int32_t>(number))
            : reflection.SetInt32(&message, &field, static_cast<int32_t>(number));
        return;
      case CppType::CPPTYPE_UINT32:
        if (!fits_signed || number != static_cast<uint32_t>(number)) break;
        add ? reflection.AddUInt32(&message, &field, static_cast<uint32_t>(number))
            : reflection.SetUInt32(&message, &field, static_cast<uint32_t>(number));
        return;
      default: {
        if (fits_signed && number < 0) break;
        const uint64_t large = fits_signed ? static_cast<uint64_t>(number) : value.large;
        add ? reflection.AddUInt64(&message, &field, large)
            : reflection.SetUInt64(&message, &field, large);
        return;
      }
    }
    errors_.Add(path, Shown(value), RangeOf(field.cpp_type()));
  }

  template <typename T>
  static std::string Range() {
    return absl::StrCat("an integer from ", std::numeric_limits<T>::min(), " to ",
                        std::numeric_limits<T>::max());
  }
  static std::string RangeOf(CppType type) {
    switch (type) {
      case CppType::CPPTYPE_INT64:
        return Range<int64_t>();
      case CppType::CPPTYPE_INT32:
        return Range<int32_t>();
      case CppType::CPPTYPE_UINT32:
        return Range<uint32_t>();
      default:
        return Range<uint64_t>();
    }
  }

  FieldErrors& errors_;
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

std::string MessageToJson(const Message& message, bool compact) {
  MessageWriter writer(compact, /*leave_out_absent=*/false);
  writer.WriteMessage(message);
  return std::move(writer).Take();
}

std::string MessageToShortJson(const Message& message) {
  MessageWriter writer(/*compact=*/false, /*leave_out_absent=*/true);
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
  TreeBuilder builder(text, errors);
  if (!nlohmann::json::sax_parse(text, &builder)) return;
  MessageReader(errors).ReadMessage(builder.root(), "", message);
}

}  // namespace reluscape
