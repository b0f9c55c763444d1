#include "client/published.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/format.h"
#include "client/paper_table.h"
#include "search/published/published_fronts.h"

namespace reluscape {
namespace {

using Fronts = std::vector<PublishedFront>;

// `wanted` as `names` spell it.
absl::StatusOr<std::string> NameIn(const std::set<std::string>& names, const std::string& wanted,
                                   const char* option) {
  for (const std::string& name : names) {
    if (absl::EqualsIgnoreCase(name, wanted)) return name;
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": found ", wanted, "; allowed: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<Fronts> Chosen(const PublishedOptions& options) {
  ASSIGN_OR_RETURN(Fronts fronts, PublishedFronts());
  std::set<std::string> data_sets;
  std::set<std::string> methods;
  for (const PublishedFront& front : fronts) {
    data_sets.insert(front.data_set);
    methods.insert(front.method);
  }
  std::string data_set;
  std::string method;
  if (!options.data_set.empty()) {
    ASSIGN_OR_RETURN(data_set, NameIn(data_sets, options.data_set, "--data"));
  }
  if (!options.method.empty()) {
    ASSIGN_OR_RETURN(method, NameIn(methods, options.method, "--method"));
  }
  std::erase_if(fronts, [&](const PublishedFront& front) {
    return (!data_set.empty() && front.data_set != data_set) ||
           (!method.empty() && front.method != method);
  });
  if (!fronts.empty()) return fronts;
  return absl::NotFoundError(absl::StrCat("no published points of ", method, " on ", data_set));
}

nlohmann::ordered_json DocumentOf(const Fronts& fronts) {
  using Json = nlohmann::ordered_json;
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? Json(nullptr) : Json(text);
  };
  const auto number_or_null = [](const std::optional<double>& number) {
    return number ? Json(*number) : Json(nullptr);
  };
  Json document = Json::array();
  for (const PublishedFront& front : fronts) {
    Json points = Json::array();
    for (const PublishedPoint& point : front.points) {
      points.push_back({{"relus", point.relus},
                        {"accuracy", point.accuracy},
                        {"online_s", number_or_null(point.online_s)},
                        {"backbone", point.backbone},
                        {"doubts", point.doubts}});
    }
    document.push_back({{"data_set", front.data_set},
                        {"method", front.method},
                        {"paper", front.paper},
                        {"arxiv", text_or_null(front.arxiv)},
                        {"source", front.source},
                        {"read_from", front.read_from},
                        {"stem_relu", front.stem_relu},
                        {"teacher_accuracy", number_or_null(front.teacher_accuracy)},
                        {"teacher_note", text_or_null(front.teacher_note)},
                        {"points", std::move(points)}});
  }
  return document;
}

std::string CsvOf(const Fronts& fronts) {
  std::vector<std::vector<std::string>> rows;
  for (const PublishedFront& front : fronts) {
    for (const PublishedPoint& point : front.points) {
      rows.push_back(
          {front.data_set, front.method, absl::StrCat(point.relus), ExactNumber(point.accuracy),
           point.online_s ? ExactNumber(*point.online_s) : "", point.backbone, front.stem_relu,
           front.teacher_accuracy ? ExactNumber(*front.teacher_accuracy) : "", front.source,
           front.arxiv, absl::StrJoin(point.doubts, "; ", absl::PairFormatter(": "))});
    }
  }
  return RenderTable({{"data_set"},
                      {"method"},
                      {"relus"},
                      {"accuracy"},
                      {"online_s"},
                      {"backbone"},
                      {"stem_relu"},
                      {"teacher_accuracy"},
                      {"source"},
                      {"arxiv"},
                      {"doubts"}},
                     rows, TableFormat::kCsv);
}

// Doubts get numbers in the order in which they are met.
class Notes {
 public:
  // Empty where the value is not doubtful.
  std::string MarkOf(const PublishedPoint& point, const std::string& column) {
    const auto doubt = point.doubts.find(column);
    if (doubt == point.doubts.end()) return "";
    const auto found = std::find(reasons_.begin(), reasons_.end(), doubt->second);
    const auto number = found - reasons_.begin() + 1;
    if (found == reasons_.end()) reasons_.push_back(doubt->second);
    return absl::StrCat(" [", number, "]");
  }
  const std::vector<std::string>& reasons() const { return reasons_; }

 private:
  std::vector<std::string> reasons_;
};

std::vector<std::string> RemarksBelow(const Fronts& fronts, const Notes& notes) {
  std::vector<std::string> remarks;
  for (size_t i = 0; i < notes.reasons().size(); ++i) {
    remarks.push_back(absl::StrCat("[", i + 1, "] doubtful: ", notes.reasons()[i]));
  }
  std::map<std::string, std::string> sources;
  std::map<std::string, std::string> papers;
  std::set<std::string> teachers;
  for (const PublishedFront& front : fronts) {
    sources.emplace(front.source, front.read_from);
    papers.emplace(front.method,
                   absl::StrCat(front.paper,
                                front.arxiv.empty() ? "" : absl::StrCat(", arXiv ", front.arxiv)));
    if (front.teacher_accuracy) {
      teachers.insert(absl::StrCat("Teacher of ", front.method, " on ", front.data_set, ": ",
                                   Percent(*front.teacher_accuracy, /*decimals=*/2), " %, ",
                                   front.teacher_note));
    }
  }
  for (const auto& [name, text] : sources) {
    remarks.push_back(absl::StrCat("Source ", name, ": ", text));
  }
  for (const auto& [method, text] : papers) remarks.push_back(absl::StrCat(method, ": ", text));
  remarks.insert(remarks.end(), teachers.begin(), teachers.end());
  remarks.push_back(
      "The conditions of these points differ: good for a figure, not for a comparison "
      "(docs/published-fronts.md)");
  return remarks;
}

std::string Table(const Fronts& fronts, TableFormat format) {
  const std::map<std::string, std::string> stems = {
      {"counted", "counted"}, {"not_counted", "not counted"}, {"unknown", "-"}};
  Notes notes;
  std::vector<std::vector<std::string>> rows;
  for (const PublishedFront& front : fronts) {
    for (const PublishedPoint& point : front.points) {
      rows.push_back(
          {front.data_set, front.method, WithSeparators(point.relus) + notes.MarkOf(point, "relus"),
           Percent(point.accuracy, /*decimals=*/2) + notes.MarkOf(point, "accuracy"),
           point.online_s ? Seconds(*point.online_s) + notes.MarkOf(point, "online_s") : "-",
           point.backbone + notes.MarkOf(point, "backbone"), stems.at(front.stem_relu),
           front.source});
    }
  }
  const std::vector<TextTable::Column> columns = {
      {"data set"},       {"method"},   {"ReLUs", true}, {"accuracy %", true},
      {"online s", true}, {"backbone"}, {"stem ReLU"},   {"source"}};
  return absl::StrCat(RenderTable(columns, rows, format),
                      RenderRemarks(RemarksBelow(fronts, notes), format));
}

}  // namespace

absl::Status PrintPublished(const PublishedOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const Fronts fronts, Chosen(options));
  if (options.format == "json") {
    out << DocumentOf(fronts).dump(2) << '\n';
  } else if (options.format == "csv") {
    out << CsvOf(fronts);
  } else if (options.format == "markdown") {
    out << Table(fronts, TableFormat::kMarkdown);
  } else if (options.format == "latex") {
    out << Table(fronts, TableFormat::kLatex);
  } else if (options.format == "text") {
    out << Table(fronts, TableFormat::kText);
  } else {
    return absl::InvalidArgumentError(absl::StrCat("--format: found ", options.format,
                                                   "; allowed: text, markdown, latex, csv, json"));
  }
  return absl::OkStatus();
}

}  // namespace reluscape
