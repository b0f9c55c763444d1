// Compares the tables of docs/job-file.md with the messages that they are of: field, default and
// what is allowed from the rules, meaning from the comments of job.proto. With
// RELUSCAPE_WRITE_DOCS=1 it writes them instead.
//
// A table stands between "<!-- fields of DataSpec -->" and "<!-- end of fields -->"; with
// "<!-- fields of SgdSpec in StagesSpec: pretrain, fine_tune -->" it has a column of defaults for
// each of these fields.

#include <google/protobuf/descriptor.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "base/files.h"
#include "reluscape/v1/job.pb.h"
#include "reluscape/v1/options.pb.h"
#include "search/vocabulary/check.h"

namespace reluscape {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr int64_t kLargestFile = int64_t{1} << 24;
constexpr char kBegin[] = "<!-- fields of ";
constexpr char kEnd[] = "<!-- end of fields -->";

std::string Read(const std::string& path) {
  absl::StatusOr<std::string> text = ReadFile(path, kLargestFile);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.ok() ? *text : "";
}

// The messages as protoc read them, with the comments that generated code does not have.
const google::protobuf::DescriptorPool& Commented() {
  static const auto* pool = [] {
    auto* made = new google::protobuf::DescriptorPool;
    google::protobuf::FileDescriptorSet files;
    EXPECT_TRUE(files.ParseFromString(Read(RELUSCAPE_JOB_DESCRIPTORS)));
    for (const auto& file : files.file()) EXPECT_NE(made->BuildFile(file), nullptr) << file.name();
    return made;
  }();
  return *pool;
}

std::string Meaning(const FieldDescriptor& field) {
  google::protobuf::SourceLocation location;
  const FieldDescriptor* commented = Commented().FindFieldByName(field.full_name());
  EXPECT_TRUE(commented != nullptr && commented->GetSourceLocation(&location)) << field.full_name();
  std::vector<std::string> lines;
  for (const absl::string_view line : absl::StrSplit(location.leading_comments, '\n')) {
    if (!absl::StripAsciiWhitespace(line).empty()) {
      lines.emplace_back(absl::StripAsciiWhitespace(line));
    }
  }
  EXPECT_FALSE(lines.empty()) << field.full_name() << " has no comment";
  return absl::StrReplaceAll(absl::StrJoin(lines, " "), {{"|", "\\|"}});
}

std::string Code(const std::string& text) { return absl::StrCat("`", text, "`"); }

// `overlaid`: what a field that holds the message lays over its defaults.
std::string Default(const FieldDescriptor& field, const nlohmann::json& overlaid) {
  const v1::Rule& rule = field.options().GetExtension(v1::rule);
  if (rule.required()) return "required";
  if (overlaid.contains(field.name())) return Code(overlaid[field.name()].dump());
  if (!rule.default_().empty() && rule.default_()[0] != '{') return Code(rule.default_());
  return field.is_repeated() ? "`[]`" : "";
}

std::string Allowed(const FieldDescriptor& field) {
  const v1::Rule& rule = field.options().GetExtension(v1::rule);
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_ENUM) {
    return Code(absl::StrReplaceAll(AllowedText(field), {{", ", "`, `"}}));
  }
  std::vector<std::string> parts;
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  if (const std::string text = AllowedText(field); !text.empty() && !is_message) {
    parts.push_back(text);
  }
  if (!rule.unit().empty()) parts.back() += " " + rule.unit();
  if (rule.most() > 0) parts.push_back(absl::StrCat("at most ", rule.most(), " entries"));
  if (rule.each_once()) parts.emplace_back("each once");
  return absl::StrJoin(parts, "; ");
}

std::string Row(const std::vector<std::string>& cells) {
  return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n");
}

std::string Table(const Descriptor& type, const std::vector<const FieldDescriptor*>& holders) {
  std::vector<std::string> head = {"Field"};
  if (holders.empty()) head.emplace_back("Default");
  for (const FieldDescriptor* holder : holders) {
    head.push_back(absl::StrCat("Default of `", holder->name(), "`"));
  }
  head.insert(head.end(), {"Allowed", "Meaning"});
  std::string table = Row(head);
  table += "|" + absl::StrJoin(std::vector<std::string>(head.size(), "---"), "|") + "|\n";
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    std::vector<std::string> cells = {Code(field.name())};
    if (holders.empty()) cells.push_back(Default(field, nlohmann::json::object()));
    for (const FieldDescriptor* holder : holders) {
      cells.push_back(Default(
          field, nlohmann::json::parse(holder->options().GetExtension(v1::rule).default_())));
    }
    cells.insert(cells.end(), {Allowed(field), Meaning(field)});
    table += Row(cells);
  }
  return table;
}

const Descriptor& MessageOf(const std::string& name) {
  const Descriptor* type = v1::JobSpec::descriptor()->file()->FindMessageTypeByName(name);
  EXPECT_NE(type, nullptr) << name;
  return type == nullptr ? *v1::JobSpec::descriptor() : *type;
}

// "SgdSpec in StagesSpec: pretrain, fine_tune".
std::string TableOf(const std::string& what) {
  const std::vector<std::string> parts = absl::StrSplit(what, absl::MaxSplits(" in ", 1));
  std::vector<const FieldDescriptor*> holders;
  if (parts.size() == 2) {
    const std::vector<std::string> holder = absl::StrSplit(parts[1], absl::MaxSplits(": ", 1));
    for (const absl::string_view field : absl::StrSplit(holder.at(1), ", ")) {
      holders.push_back(MessageOf(holder[0]).FindFieldByName(std::string(field)));
      EXPECT_NE(holders.back(), nullptr) << what;
    }
  }
  return Table(MessageOf(parts[0]), holders);
}

// `text` with every table as it should be; `tables` counts them.
std::string WithTables(const std::string& text, int& tables) {
  std::string out;
  size_t done = 0;
  for (size_t at = text.find(kBegin); at != std::string::npos; at = text.find(kBegin, done)) {
    const size_t name = at + std::string(kBegin).size();
    const size_t line = text.find('\n', at);
    const std::string what = text.substr(name, text.find(" -->", name) - name);
    absl::StrAppend(&out, text.substr(done, line - done), "\n\n", TableOf(what), "\n");
    done = text.find(kEnd, line);
    EXPECT_NE(done, std::string::npos) << what << " has no end";
    ++tables;
  }
  return out + text.substr(done);
}

TEST(JobFileDocsTest, EveryTableIsThatOfItsMessage) {
  const std::string text = Read(RELUSCAPE_JOB_FILE_DOCS);
  int tables = 0;
  const std::string wanted = WithTables(text, tables);
  EXPECT_EQ(tables, 17);
  if (std::getenv("RELUSCAPE_WRITE_DOCS") != nullptr) {
    ASSERT_TRUE(WriteFileAtomically(RELUSCAPE_JOB_FILE_DOCS, wanted).ok());
    return;
  }
  EXPECT_TRUE(text == wanted)
      << "docs/job-file.md is not as job.proto has it: run this test with RELUSCAPE_WRITE_DOCS=1";
}

}  // namespace
}  // namespace reluscape
