#include "search/export/tensor_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/foreign_text.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are written as they lie");

using Json = nlohmann::json;

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeaderBytes = 4 << 20;  // some 30,000 tensors
constexpr size_t kMaxDimensions = 8;
constexpr size_t kMaxNameBytes = 1000;
constexpr size_t kMaxLevels = 4;  // the format has 3
constexpr const char* kMetadata = "__metadata__";

struct DataType {
  const char* name;
  ElementType type;
  int64_t bytes;
};
constexpr std::array<DataType, 5> kTypes = {{{"F32", ElementType::kFloat32, 4},
                                             {"F64", ElementType::kFloat64, 8},
                                             {"I64", ElementType::kInt64, 8},
                                             {"I32", ElementType::kInt32, 4},
                                             {"U8", ElementType::kUint8, 1}}};

const DataType& TypeOf(ElementType type) {
  return *std::find_if(kTypes.begin(), kTypes.end(),
                       [&](const DataType& one) { return one.type == type; });
}

absl::Status Broken(const std::string& what) {
  return absl::DataLossError(absl::StrCat("safetensors: ", what));
}

std::optional<int64_t> NonNegative(const Json& value) {
  if (!value.is_number_integer()) return std::nullopt;
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (number > INT64_MAX) return std::nullopt;
    return static_cast<int64_t>(number);
  }
  const auto number = value.get<int64_t>();
  if (number < 0) return std::nullopt;
  return number;
}

struct Entry {
  std::string name;
  ElementType type = ElementType::kFloat32;
  std::vector<int64_t> shape;
  int64_t begin = 0;
  int64_t end = 0;
};

absl::StatusOr<Entry> ReadEntry(const std::string& name, const Json& value, int64_t data_bytes) {
  const std::string where = absl::StrCat("tensor ", QuotedForeign(name), ": ");
  if (!value.is_object() || value.size() != 3 || !value.contains("dtype") ||
      !value.contains("shape") || !value.contains("data_offsets")) {
    return Broken(where + "is not an object of dtype, shape and data_offsets");
  }
  Entry entry;
  entry.name = name;
  const Json& dtype = value["dtype"];
  const auto type = std::find_if(kTypes.begin(), kTypes.end(), [&](const DataType& candidate) {
    return dtype.is_string() && dtype.get_ref<const std::string&>() == candidate.name;
  });
  if (type == kTypes.end()) {
    return Broken(absl::StrCat(where, "found dtype ",
                               dtype.is_string()
                                   ? QuotedForeign(dtype.get_ref<const std::string&>())
                                   : "of another JSON type",
                               "; allowed: F32, F64, I64, I32, U8"));
  }
  entry.type = type->type;

  const Json& shape = value["shape"];
  if (!shape.is_array() || shape.size() > kMaxDimensions) {
    return Broken(absl::StrCat(where, "shape is not a list of at most ", kMaxDimensions, " sizes"));
  }
  int64_t bytes = type->bytes;
  for (const Json& size : shape) {
    const std::optional<int64_t> number = NonNegative(size);
    // No dimension may exceed the file, even beside one of size 0.
    if (!number || *number > data_bytes || __builtin_mul_overflow(bytes, *number, &bytes)) {
      return Broken(where + "a size of the shape is negative, no integer or larger than the file");
    }
    entry.shape.push_back(*number);
  }

  const Json& offsets = value["data_offsets"];
  const bool pair = offsets.is_array() && offsets.size() == 2;
  const std::optional<int64_t> begin = pair ? NonNegative(offsets[0]) : std::nullopt;
  const std::optional<int64_t> end = pair ? NonNegative(offsets[1]) : std::nullopt;
  if (!begin || !end) return Broken(where + "data_offsets is not a pair of positions");
  entry.begin = *begin;
  entry.end = *end;
  if (entry.begin > entry.end || entry.end > data_bytes) {
    return Broken(absl::StrCat(where, "lies at [", entry.begin, ", ", entry.end,
                               ") but the file holds ", data_bytes, " bytes of tensors"));
  }
  if (entry.end - entry.begin != bytes) {
    return Broken(absl::StrCat(where, "takes ", entry.end - entry.begin,
                               " bytes but its shape and ", "type need ", bytes));
  }
  return entry;
}

// Looks for what a tree of the header would not show: repeated names, and more levels than some
// function should have to follow. The parser's callback would show it too, but takes quadratic
// time: behind every tensor it walks all the others.
class HeaderCheck final : public nlohmann::json_sax<Json> {
 public:
  const std::string& problem() const { return problem_; }

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return Open(); }
  bool end_object() override { return Close(); }
  bool start_array(size_t) override { return Open(); }
  bool end_array() override { return Close(); }
  bool key(string_t& name) override {
    if (names_.back().insert(name).second) return true;
    problem_ = "header repeats the name " + QuotedForeign(name);
    return false;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception&) override {
    problem_ = "header is not a JSON object";
    return false;
  }

 private:
  bool Open() {
    names_.emplace_back();
    if (names_.size() <= kMaxLevels) return true;
    problem_ = "header is nested too deeply";
    return false;
  }
  bool Close() {
    names_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> names_;  // of each open object; none of a list
  std::string problem_;
};

absl::StatusOr<Json> ParseHeader(std::string_view text) {
  HeaderCheck check;
  if (!Json::sax_parse(text, &check)) return Broken(check.problem());
  Json header = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) return Broken("header is not a JSON object");
  return header;
}

}  // namespace

int64_t ElementBytes(ElementType type) { return TypeOf(type).bytes; }

const char* ElementName(ElementType type) { return TypeOf(type).name; }

std::string WriteTensorFile(const TensorFile& file) {
  std::vector<std::pair<const std::string*, const RawTensor*>> tensors;
  for (const auto& [name, tensor] : file.tensors) tensors.emplace_back(&name, &tensor);
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return ElementBytes(a.second->type) > ElementBytes(b.second->type);
  });

  Json header = Json::object();
  if (!file.metadata.empty()) header[kMetadata] = file.metadata;
  uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    const uint64_t end = bytes + tensor->data.size();
    header[*name] = {{"dtype", TypeOf(tensor->type).name},
                     {"shape", tensor->shape},
                     {"data_offsets", {bytes, end}}};
    bytes = end;
  }
  std::string text =
      header.dump(/*indent=*/-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');  // the tensors start aligned

  std::string result(kLengthBytes, '\0');
  const uint64_t length = text.size();
  std::memcpy(result.data(), &length, kLengthBytes);
  result.reserve(kLengthBytes + text.size() + bytes);
  result += text;
  for (const auto& [name, tensor] : tensors) result += tensor->data;
  return result;
}

absl::StatusOr<TensorFile> ReadTensorFile(std::string_view bytes) {
  if (bytes.size() < kLengthBytes) {
    return Broken(absl::StrCat("only ", bytes.size(), " bytes long"));
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes || length > bytes.size() - kLengthBytes) {
    return Broken(absl::StrCat("header is said to be ", length, " bytes long; the file has ",
                               bytes.size(), " bytes, allowed are ", kMaxHeaderBytes));
  }
  ASSIGN_OR_RETURN(const Json header, ParseHeader(bytes.substr(kLengthBytes, length)));
  const std::string_view data = bytes.substr(kLengthBytes + length);

  TensorFile file;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name == kMetadata) {
      if (!value.is_object()) return Broken("__metadata__ is not an object");
      for (const auto& [key, text] : value.items()) {
        if (!text.is_string()) {
          return Broken(absl::StrCat("__metadata__ ", QuotedForeign(key), " is not text"));
        }
        file.metadata[key] = text.get<std::string>();
      }
      continue;
    }
    if (name.empty() || name.size() > kMaxNameBytes) {
      return Broken("a tensor's name is empty or too long: " + QuotedForeign(name));
    }
    ASSIGN_OR_RETURN(Entry entry, ReadEntry(name, value, static_cast<int64_t>(data.size())));
    entries.push_back(std::move(entry));
  }

  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  int64_t position = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != position) {
      return Broken(absl::StrCat("tensor ", QuotedForeign(entry.name), " starts at ", entry.begin,
                                 " where the one before it ends at ", position));
    }
    position = entry.end;
  }
  if (position != static_cast<int64_t>(data.size())) {
    return Broken(absl::StrCat("tensors end at ", position, " of ", data.size(), " bytes"));
  }
  for (Entry& entry : entries) {
    file.tensors[entry.name] = {
        .type = entry.type,
        .shape = std::move(entry.shape),
        .data = std::string(data.substr(static_cast<size_t>(entry.begin),
                                        static_cast<size_t>(entry.end - entry.begin)))};
  }
  return file;
}

}  // namespace reluscape
