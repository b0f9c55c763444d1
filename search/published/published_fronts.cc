#include "search/published/published_fronts.h"

#include <nlohmann/json.hpp>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/cost/json_fields.h"
#include "search/published/built_in_fronts.h"

namespace reluscape {
namespace {

using Json = nlohmann::json;

// Beyond them a number is a slip of the unit.
constexpr int64_t kMaxRelus = 1'000'000'000;
constexpr double kMaxOnlineSeconds = 1e6;

absl::Status Invalid(const std::string& where, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(where, ": ", what));
}

// Takes a member out, so that the rest is plain fields; null where it is missing.
Json Taken(Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  Json member = std::move(*found);
  object.erase(found);
  return member;
}

// "" where the member is null or missing.
absl::StatusOr<std::string> TextOrNull(Json& object, const char* name, const std::string& where) {
  const Json member = Taken(object, name);
  if (member.is_null()) return "";
  if (!member.is_string()) return Invalid(where, absl::StrCat(name, " is no text"));
  return member.get<std::string>();
}

// A list of {"name", "text"} by name.
absl::StatusOr<std::map<std::string, std::string>> NamedTexts(const Json& list,
                                                              const std::string& where) {
  if (!list.is_array()) return Invalid(where, "is not a list");
  std::map<std::string, std::string> texts;
  for (const Json& entry : list) {
    JsonFields fields(entry, where);
    const std::string name = fields.Text("name");
    const std::string text = fields.Text("text");
    RETURN_IF_ERROR(fields.Finish());
    if (!texts.emplace(name, text).second) return Invalid(where, absl::StrCat(name, " twice"));
  }
  return texts;
}

struct Paper {
  std::string title;
  std::string arxiv;
};

// What the fronts refer to by name.
struct Names {
  std::map<std::string, Paper> papers;  // by method
  std::map<std::string, std::string> sources;
  std::map<std::string, std::string> doubts;
};

absl::StatusOr<Names> NamesOf(Json& document, const std::string& source) {
  Names names;
  ASSIGN_OR_RETURN(names.sources,
                   NamedTexts(Taken(document, "sources"), absl::StrCat(source, ": sources")));
  ASSIGN_OR_RETURN(names.doubts,
                   NamedTexts(Taken(document, "doubts"), absl::StrCat(source, ": doubts")));
  const std::string where = absl::StrCat(source, ": papers");
  Json papers = Taken(document, "papers");
  if (!papers.is_array()) return Invalid(where, "is not a list");
  for (Json& entry : papers) {
    if (!entry.is_object()) return Invalid(where, "an entry is not an object");
    Paper paper;
    ASSIGN_OR_RETURN(paper.arxiv, TextOrNull(entry, "arxiv", where));
    JsonFields fields(entry, where);
    const std::string method = fields.Text("method");
    paper.title = fields.Text("title");
    RETURN_IF_ERROR(fields.Finish());
    if (!names.papers.emplace(method, paper).second) {
      return Invalid(where, absl::StrCat(method, " twice"));
    }
  }
  return names;
}

absl::StatusOr<PublishedPoint> PointOf(Json object, const std::string& backbone, const Names& names,
                                       const std::string& where) {
  if (!object.is_object()) return Invalid(where, "a point is not an object");
  PublishedPoint point;
  ASSIGN_OR_RETURN(point.backbone, TextOrNull(object, "backbone", where));
  if (point.backbone.empty()) point.backbone = backbone;
  const Json doubts = Taken(object, "doubts");
  if (!doubts.is_null() && !doubts.is_object()) return Invalid(where, "doubts is no object");
  JsonFields fields(object, where);
  point.relus = fields.Whole("relus", 1, kMaxRelus);
  point.accuracy = fields.Number("accuracy", 0, /*or_equal=*/false, 1);
  point.online_s = fields.NumberOrNull("online_s", 0, /*or_equal=*/false, kMaxOnlineSeconds);
  RETURN_IF_ERROR(fields.Finish());
  static const auto* const columns =
      new std::set<std::string>{"relus", "accuracy", "online_s", "backbone"};
  for (const auto& [column, doubt] : doubts.items()) {
    const auto found =
        doubt.is_string() ? names.doubts.find(doubt.get<std::string>()) : names.doubts.end();
    if (!columns->contains(column) || found == names.doubts.end()) {
      return Invalid(where, absl::StrCat("doubts of ", point.relus, " ReLUs: ", column,
                                         " is no value, or its doubt is not in the list"));
    }
    if (column == "online_s" && !point.online_s) {
      return Invalid(where, absl::StrCat("doubts of ", point.relus, " ReLUs: no online_s"));
    }
    point.doubts[column] = found->second;
  }
  return point;
}

absl::StatusOr<PublishedFront> FrontOf(Json object, const Names& names, const std::string& source) {
  if (!object.is_object()) return Invalid(source, "a front is not an object");
  const Json points = Taken(object, "points");
  PublishedFront front;
  ASSIGN_OR_RETURN(front.teacher_note, TextOrNull(object, "teacher_note", source));
  JsonFields fields(object, source);
  front.data_set = fields.Choice("data_set", "cifar10 cifar100 tinyimagenet");
  front.method = fields.Text("method");
  front.source = fields.Text("source");
  const std::string backbone = fields.Text("backbone");
  front.stem_relu = fields.Choice("stem_relu", "counted not_counted unknown");
  front.teacher_accuracy = fields.NumberOrNull("teacher_accuracy", 0, /*or_equal=*/false, 1);
  RETURN_IF_ERROR(fields.Finish());

  const std::string where =
      absl::StrCat(source, ": ", front.data_set, ", ", front.method, ", ", front.source);
  const auto paper = names.papers.find(front.method);
  const auto read_from = names.sources.find(front.source);
  if (paper == names.papers.end()) return Invalid(where, "the method has no paper in the list");
  if (read_from == names.sources.end()) return Invalid(where, "the source is not in the list");
  front.paper = paper->second.title;
  front.arxiv = paper->second.arxiv;
  front.read_from = read_from->second;
  if (front.teacher_accuracy.has_value() == front.teacher_note.empty()) {
    return Invalid(where, "teacher_accuracy and teacher_note need each other");
  }
  if (!points.is_array() || points.empty()) return Invalid(where, "points is not a list with any");
  for (const Json& entry : points) {
    ASSIGN_OR_RETURN(PublishedPoint point, PointOf(entry, backbone, names, where));
    if (!front.points.empty() && point.relus <= front.points.back().relus) {
      return Invalid(where, absl::StrCat("points are not sorted at ", point.relus, " ReLUs"));
    }
    front.points.push_back(std::move(point));
  }
  return front;
}

}  // namespace

absl::StatusOr<std::vector<PublishedFront>> PublishedFrontsFromJson(const std::string& json,
                                                                    const std::string& source) {
  Json document = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return Invalid(source, "is not a JSON object");
  ASSIGN_OR_RETURN(const Names names, NamesOf(document, source));
  const Json list = Taken(document, "fronts");
  if (!list.is_array()) return Invalid(source, "fronts is not a list");
  std::vector<PublishedFront> fronts;
  std::set<std::vector<std::string>> seen;
  for (const Json& entry : list) {
    ASSIGN_OR_RETURN(PublishedFront front, FrontOf(entry, names, source));
    if (!seen.insert({front.data_set, front.method, front.source}).second) {
      return Invalid(source, absl::StrCat(front.method, " on ", front.data_set, " from ",
                                          front.source, " stands there twice"));
    }
    fronts.push_back(std::move(front));
  }
  RETURN_IF_ERROR(JsonFields(document, source).Finish());
  return fronts;
}

absl::StatusOr<std::vector<PublishedFront>> PublishedFronts() {
  return PublishedFrontsFromJson(BuiltInFrontsJson(),
                                 "search/published/data/published_fronts.json");
}

}  // namespace reluscape
