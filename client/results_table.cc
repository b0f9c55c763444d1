#include "client/results_table.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/csv.h"
#include "base/sha256.h"
#include "client/format.h"
#include "client/text_table.h"
#include "search/cost/papers.h"
#include "search/vocabulary/synchronize.h"

namespace reluscape {
namespace {

using Group = std::vector<const v1::Result*>;

// The costs that get a column: what the papers print, and the Job's objectives. The others of a
// Result, about a hundred, stand in the JSON form and in the database.
std::vector<std::string> ShownCosts(const v1::ResultList& list) {
  std::vector<std::string> metrics = {kPapersMetric};
  for (const std::string& objective : list.objectives()) {
    if (objective != kPapersMetric) metrics.push_back(objective);
  }
  std::erase_if(metrics, [&](const std::string& metric) {
    return std::none_of(list.results().begin(), list.results().end(),
                        [&](const v1::Result& result) { return result.costs().contains(metric); });
  });
  return metrics;
}

bool Unsealed(const Group& results) {
  return std::any_of(results.begin(), results.end(),
                     [](const v1::Result* result) { return result->has_accuracy_test(); });
}

// In the order of their first Result; within a group by ReLUs, then the better accuracy.
std::vector<Group> Groups(const v1::ResultList& list) {
  std::map<std::tuple<std::string, std::string, std::string>, size_t> places;
  std::vector<Group> groups;
  for (const v1::Result& result : list.results()) {
    const auto [place, added] = places.try_emplace(
        {result.recipe(), result.provenance().data_hash(), result.provenance().split_hash()},
        groups.size());
    if (added) groups.emplace_back();
    groups[place->second].push_back(&result);
  }
  for (Group& group : groups) {
    std::stable_sort(group.begin(), group.end(), [](const v1::Result* a, const v1::Result* b) {
      return a->report().relus() != b->report().relus()
                 ? a->report().relus() < b->report().relus()
                 : a->report().accuracy_validation() > b->report().accuracy_validation();
    });
  }
  return groups;
}

std::string JobTitle(const v1::Job& job) {
  return absl::StrCat("job ", job.job(), " \"", Printable(job.name()), "\"");
}

std::string Heading(const v1::Job& job, const v1::ResultList& list, const Group& group,
                    const std::vector<std::string>& costs, const std::string& how_to_unseal) {
  const v1::Provenance& provenance = group.front()->provenance();
  const auto on_front = std::count_if(group.begin(), group.end(),
                                      [](const v1::Result* result) { return result->on_front(); });
  std::string text = absl::StrCat(JobTitle(job), ": ", group.size(),
                                  group.size() == 1 ? " result, " : " results, ", on_front,
                                  " on the front of validation accuracy against ",
                                  absl::StrJoin(list.objectives(), ", "), "\n");
  absl::StrAppend(&text, "data set: ", Printable(job.data_set()),
                  job.data_set() == "synthetic" ? " (synthetic images, drawn by a program)" : "",
                  ", ", WithSeparators(provenance.train_images()), " training, ",
                  WithSeparators(provenance.validation_images()), " validation and ",
                  WithSeparators(provenance.test_images()), " test images, hash ",
                  ShortHash(provenance.data_hash()), ", split ", ShortHash(provenance.split_hash()),
                  "\n");
  absl::StrAppend(&text, "recipe: ", group.front()->recipe(), "\n");
  if (!costs.empty()) {
    absl::StrAppend(&text, "costs: estimates, not measured");
    if (costs.front() == kPapersMetric) {
      absl::StrAppend(&text, "; ", kPapersMetric, " is ", Papers().Source());
    }
    text += '\n';
  }
  absl::StrAppend(&text, "test accuracies: ",
                  Unsealed(group) ? absl::StrCat("unsealed ", LocalTime(job.unsealed_at_ms()))
                                  : absl::StrCat("sealed until `", how_to_unseal, "`"),
                  "\n");
  return text;
}

// A lower bound is marked as such, a missing value by a dash.
std::string CostText(const v1::Result& result, const std::string& metric) {
  const auto found = result.costs().find(metric);
  if (found == result.costs().end()) return "-";
  const bool seconds = metric.find("_s@") != std::string::npos || metric.ends_with("_s") ||
                       metric.find(".seconds") != std::string::npos;
  const double value = found->second.value();
  return absl::StrCat(found->second.lower_bound() ? ">= " : "",
                      seconds ? Seconds(value) : ExactNumber(value));
}

// Why Results cannot be on the front whatever their numbers are; empty where nothing hinders any.
std::string OffFrontText(const Group& group) {
  std::string text;
  for (const v1::Result* result : group) {
    if (result->off_front().empty() || result->off_front() == "dominated") continue;
    absl::StrAppend(&text, "result ", result->result(),
                    " is off the front: ", Printable(result->off_front()), "\n");
  }
  return text;
}

bool HavePolynomials(const Group& results) {
  return std::any_of(results.begin(), results.end(), [](const v1::Result* result) {
    return CountPolynomials(result->report()) > 0;
  });
}

std::string GroupTable(const Group& group, const std::vector<std::string>& costs) {
  const bool unsealed = Unsealed(group);
  const bool polynomials = HavePolynomials(group);
  std::vector<TextTable::Column> columns = {{"rank", true}, {"front"},        {"result", true},
                                            {"network"},    {"budget", true}, {"ReLUs", true}};
  if (polynomials) columns.push_back({"polynomials", true});
  columns.push_back({"validation %", true});
  const bool worst = std::any_of(group.begin(), group.end(), [](const v1::Result* result) {
    return result->report().has_accuracy_worst_class();
  });
  if (worst) columns.push_back({"worst class %", true});
  if (unsealed) columns.push_back({"test %", true});
  columns.push_back({"soft %", true});
  columns.push_back({"trimmed %", true});
  columns.push_back({"MACs", true});
  for (const std::string& metric : costs) columns.push_back({metric, true});
  TextTable table(columns);
  int64_t rank = 0;
  for (const v1::Result* result : group) {
    std::vector<std::string> row = {absl::StrCat(++rank),
                                    result->on_front() ? "*" : "",
                                    absl::StrCat(result->result()),
                                    result->name(),
                                    WithSeparators(result->report().budget()),
                                    WithSeparators(result->report().relus())};
    if (polynomials) row.push_back(WithSeparators(CountPolynomials(result->report())));
    row.push_back(Percent(result->report().accuracy_validation(), 2));
    if (worst) {
      row.push_back(result->report().has_accuracy_worst_class()
                        ? Percent(result->report().accuracy_worst_class(), 2)
                        : "-");
    }
    if (unsealed) {
      row.push_back(result->has_accuracy_test() ? Percent(result->accuracy_test(), 2) : "-");
    }
    row.push_back(Percent(result->report().accuracy_soft(), 2));
    row.push_back(Percent(result->report().accuracy_trimmed(), 2));
    row.push_back(WithSeparators(result->macs()));
    for (const std::string& metric : costs) row.push_back(CostText(*result, metric));
    table.AddRow(row);
  }
  return table.ToString();
}

}  // namespace

std::string ResultsText(const v1::Job& job, const v1::ResultList& list,
                        const std::string& how_to_unseal) {
  const std::string unseal =
      how_to_unseal.empty() ? absl::StrCat("reluscape unseal ", job.job()) : how_to_unseal;
  const std::vector<std::string> costs = ShownCosts(list);
  std::vector<std::string> parts;
  for (const Group& group : Groups(list)) {
    parts.push_back(absl::StrCat(Heading(job, list, group, costs, unseal), "\n",
                                 GroupTable(group, costs), OffFrontText(group)));
  }
  if (parts.empty()) return absl::StrCat(JobTitle(job), " (", job.state(), ") has no result yet\n");
  return absl::StrJoin(parts, "\n");
}

std::string ResultsCsv(const v1::ResultList& list) {
  Group all;
  for (const Group& group : Groups(list)) all.insert(all.end(), group.begin(), group.end());
  const bool unsealed = Unsealed(all);
  std::vector<std::string> header = {"rank",          "result",          "candidate",
                                     "name",          "network",         "budget",
                                     "relus",         "relus_with_stem", "polynomials",
                                     "macs",          "parameters",      "accuracy_validation",
                                     "accuracy_soft", "accuracy_trimmed"};
  if (unsealed) header.emplace_back("accuracy_test");
  const std::vector<std::string> costs = ShownCosts(list);
  header.insert(header.end(), costs.begin(), costs.end());
  for (const char* name :
       {"on_front", "seed_pretrain", "seed_linearize", "seed_fine_tune", "seed_split", "recipe",
        "data_hash", "split_hash", "origin", "off_front"}) {
    header.emplace_back(name);
  }
  std::string text = CsvRecord(header);
  for (const Group& group : Groups(list)) {
    int64_t rank = 0;
    for (const v1::Result* result : group) {
      std::vector<std::string> row = {absl::StrCat(++rank),
                                      absl::StrCat(result->result()),
                                      absl::StrCat(result->candidate()),
                                      result->name(),
                                      result->network(),
                                      absl::StrCat(result->report().budget()),
                                      absl::StrCat(result->report().relus()),
                                      absl::StrCat(result->relus_with_stem()),
                                      absl::StrCat(CountPolynomials(result->report())),
                                      absl::StrCat(result->macs()),
                                      absl::StrCat(result->parameters()),
                                      ExactNumber(result->report().accuracy_validation()),
                                      ExactNumber(result->report().accuracy_soft()),
                                      ExactNumber(result->report().accuracy_trimmed())};
      if (unsealed) {
        row.push_back(result->has_accuracy_test() ? ExactNumber(result->accuracy_test()) : "");
      }
      for (const std::string& metric : costs) {
        const auto found = result->costs().find(metric);
        row.push_back(found == result->costs().end() ? "" : ExactNumber(found->second.value()));
      }
      row.insert(row.end(),
                 {result->on_front() ? "true" : "false", absl::StrCat(result->seeds().pretrain()),
                  result->seeds().has_linearize() ? absl::StrCat(result->seeds().linearize()) : "",
                  result->seeds().has_fine_tune() ? absl::StrCat(result->seeds().fine_tune()) : "",
                  absl::StrCat(result->seeds().split()), result->recipe(),
                  result->provenance().data_hash(), result->provenance().split_hash(),
                  result->origin(), result->off_front()});
      text += CsvRecord(row);
    }
  }
  return text;
}

}  // namespace reluscape
