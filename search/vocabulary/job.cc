#include "search/vocabulary/job.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "search/vocabulary/json.h"
#include "search/vocabulary/objective.h"
#include "search/vocabulary/recipe.h"

namespace reluscape {
namespace {

// The hypervolume of one more, accuracy, is that of four (search/pareto/hypervolume.h).
constexpr int kMaxSearchObjectives = 3;

struct KnownDataSet {
  const char* name;
  int64_t classes;
  int64_t side;
};
constexpr KnownDataSet kKnownDataSets[] = {
    {"synthetic", 10, 32}, {"cifar10", 10, 32}, {"cifar100", 100, 32}};

// A data set that is not known has its numbers in the job file. They are told of here, with the
// reason, and CheckMessage finds some; where the name is wrong it alone is told of.
void RequireNumbers(v1::DataSpec& data, FieldErrors& errors) {
  v1::DataSpec name;
  name.set_set(data.set());
  name.set_classes(kKnownDataSets[0].classes);
  name.set_side(kKnownDataSets[0].side);
  FieldErrors name_errors;
  CheckMessage(name, "", name_errors);
  const auto require = [&](bool given, const char* field) {
    if (given || !name_errors.empty()) return;
    const std::string known = absl::StrJoin(
        kKnownDataSets, ", ",
        [](std::string* text, const KnownDataSet& one) { absl::StrAppend(text, one.name); });
    errors.Add(absl::StrCat("data.", field), "nothing",
               absl::StrCat(AllowedText(*v1::DataSpec::descriptor()->FindFieldByName(field)),
                            " (known only for ", known, ")"));
  };
  require(data.has_classes(), "classes");
  require(data.has_side(), "side");
  if (!data.has_classes()) data.set_classes(name.classes());
  if (!data.has_side()) data.set_side(name.side());
}

// Fills in what is known of a data set, or says that it is something else.
void CompleteData(v1::DataSpec& data, FieldErrors& errors) {
  const auto* known = std::find_if(std::begin(kKnownDataSets), std::end(kKnownDataSets),
                                   [&](const KnownDataSet& one) { return data.set() == one.name; });
  if (known == std::end(kKnownDataSets)) return RequireNumbers(data, errors);
  const auto check = [&](const char* field, int64_t found, int64_t expected) {
    if (found == expected) return;
    errors.Add(absl::StrCat("data.", field), absl::StrCat(found),
               absl::StrCat(expected, " (", known->name, ")"));
  };
  if (!data.has_classes()) data.set_classes(known->classes);
  if (!data.has_side()) data.set_side(known->side);
  check("classes", data.classes(), known->classes);
  check("side", data.side(), known->side);
}

// The numbers of sections, each once, and where the order comes from.
template <typename Generator>
void CheckOrder(const Generator& generator, const std::string& path, FieldErrors& errors) {
  for (int i = 0; i < generator.order_size(); ++i) {
    const int64_t section = generator.order(i);
    if (section >= 1 && section <= generator.order_size()) continue;
    errors.Add(absl::StrCat(path, ".order[", i, "]"), absl::StrCat(section),
               absl::StrCat("1 to ", generator.order_size()));
  }
  if (generator.has_order_from_job() && generator.order_size() > 0) {
    errors.Add(path + ".order_from_job", absl::StrCat(generator.order_from_job()),
               "nothing where order is given");
  }
  if (generator.has_order_from_network() && !generator.has_order_from_job()) {
    errors.Add(path + ".order_from_network",
               absl::StrCat("\"", generator.order_from_network(), "\""),
               "nothing where order_from_job is not given");
  }
}

void CheckCandidates(const v1::CandidatesSpec& candidates, FieldErrors& errors) {
  if (candidates.networks_size() + candidates.deepreshape_size() + candidates.deepreduce_size() ==
          0 &&
      !candidates.has_space()) {
    errors.Add("candidates", "no network",
               "at least one entry in networks (\"resnet18@8\"), deepreshape ({}) or deepreduce "
               "({}), or a space");
  }
  for (int i = 0; i < candidates.deepreshape_size(); ++i) {
    CheckOrder(candidates.deepreshape(i), absl::StrCat("candidates.deepreshape[", i, "]"), errors);
  }
  for (int i = 0; i < candidates.deepreduce_size(); ++i) {
    CheckOrder(candidates.deepreduce(i), absl::StrCat("candidates.deepreduce[", i, "]"), errors);
  }
}

// What a search needs, and what nothing but a search has.
void CheckSearch(const v1::JobSpec& spec, FieldErrors& errors) {
  const v1::LimitsSpec& limits = spec.limits();
  if (!spec.candidates().has_space()) {
    const auto refuse = [&](bool given, const char* field, const std::string& found) {
      if (given) errors.Add(field, found, "nothing without candidates.space");
    };
    refuse(spec.has_search(), "search", "an object");
    refuse(limits.max_trainings() > 0, "limits.max_trainings",
           absl::StrCat(limits.max_trainings()));
    refuse(limits.max_device_hours() > 0, "limits.max_device_hours",
           absl::StrCat(limits.max_device_hours()));
    refuse(limits.max_wall_hours() > 0, "limits.max_wall_hours",
           absl::StrCat(limits.max_wall_hours()));
    return;
  }
  if (spec.candidates().replicates() > 1) {
    errors.Add("candidates.replicates", absl::StrCat(spec.candidates().replicates()),
               "1 in a job with candidates.space, which spends its trainings on networks");
  }
  if (spec.objectives_size() > kMaxSearchObjectives) {
    errors.Add("objectives", absl::StrCat(spec.objectives_size(), " entries"),
               absl::StrCat("1 to ", kMaxSearchObjectives,
                            " in a job with candidates.space, beside accuracy"));
  }
  const bool ends = spec.search().strategy() == v1::SearchSpec::ENUMERATE ||
                    spec.search().strategy() == v1::SearchSpec::DEEPRESHAPE;
  if (!ends && limits.max_trainings() == 0 && limits.max_device_hours() == 0 &&
      limits.max_wall_hours() == 0) {
    errors.Add("limits", "no end of the search",
               "max_trainings (40), max_device_hours (8) or max_wall_hours (12)");
  }
}

// Budgets are needed exactly where a network is linearized.
void CheckBudgets(const v1::JobSpec& spec, FieldErrors& errors) {
  const bool linearizes =
      spec.candidates().networks_size() + spec.candidates().deepreshape_size() > 0 ||
      spec.candidates().has_space() || spec.candidates().deepreduce_size() == 0;
  if (!spec.has_budgets()) {
    if (linearizes) {
      errors.Add("budgets", "nothing", "an object such as {\"fractions\": [0.2, 0.05]}");
    }
  } else if (!linearizes) {
    errors.Add("budgets", "an object", "nothing where all networks are of candidates.deepreduce");
  } else if (spec.budgets().relus_size() + spec.budgets().fractions_size() == 0) {
    errors.Add("budgets", "no budget", "at least one entry in relus (15000) or fractions (0.05)");
  }
}

void CompleteObjectives(v1::JobSpec& spec, FieldErrors& errors) {
  std::set<std::string> seen;
  for (int i = 0; i < spec.objectives_size(); ++i) {
    const std::string path = absl::StrCat("objectives[", i, "]");
    const std::optional<std::string> objective =
        ParseObjective(spec.objectives(i), BuiltInMetrics(), path, errors);
    if (!objective) continue;
    if (!seen.insert(*objective).second) {
      errors.Add(path, absl::StrCat("\"", *objective, "\" again"), "each objective once");
    }
    spec.set_objectives(i, *objective);
  }
}

void CompleteCostLimits(v1::LimitsSpec& limits, FieldErrors& errors) {
  std::set<std::string> seen;
  for (int i = 0; i < limits.costs_size(); ++i) {
    const std::string path = absl::StrCat("limits.costs[", i, "]");
    const std::optional<CostLimit> limit =
        ParseCostLimit(limits.costs(i), BuiltInMetrics(), path, errors);
    if (!limit) continue;
    if (!seen.insert(limit->metric).second) {
      errors.Add(path, absl::StrCat("another limit of ", limit->metric), "one per metric");
    }
    limits.set_costs(i, CostLimitText(*limit));
  }
}

// What a Job of kind CRITICALITY has not.
void RefuseForCriticality(const v1::JobSpec& spec, FieldErrors& errors) {
  const auto refuse = [&](bool present, const char* field, const std::string& found) {
    if (present) errors.Add(field, found, "nothing in a job of kind criticality");
  };
  const auto entries = [](int size) { return absl::StrCat(size, " entries"); };
  const v1::CandidatesSpec& candidates = spec.candidates();
  if (spec.has_candidates() && candidates.networks_size() == 0 &&
      candidates.deepreshape_size() + candidates.deepreduce_size() > 0) {
    errors.Add("candidates.networks", "nothing", "at least one network (\"resnet18@8\")");
  }
  refuse(candidates.deepreshape_size() > 0, "candidates.deepreshape",
         entries(candidates.deepreshape_size()));
  refuse(candidates.deepreduce_size() > 0, "candidates.deepreduce",
         entries(candidates.deepreduce_size()));
  refuse(candidates.has_space(), "candidates.space", "an object");
  refuse(spec.has_search() && !candidates.has_space(), "search", "an object");
  refuse(spec.has_budgets(), "budgets", "an object");
  refuse(spec.objectives_size() > 0, "objectives", entries(spec.objectives_size()));
  refuse(spec.stages().has_linearize(), "stages.linearize", "an object");
  refuse(spec.stages().has_fine_tune(), "stages.fine_tune", "an object");
  refuse(spec.limits().costs_size() > 0, "limits.costs",
         absl::StrCat(spec.limits().costs_size(), " limits"));
}

// Of kind CRITICALITY: whatever defaults or a preset say of Stages that do not run, or of a Front
// that there is not, is no part of the Job.
void DropWhatDoesNotRun(v1::JobSpec& spec) {
  if (spec.kind() != v1::JobSpec::CRITICALITY) return;
  spec.mutable_stages()->clear_linearize();
  spec.mutable_stages()->clear_fine_tune();
  spec.clear_objectives();
}

// Whether one path is the other or lies below it. The empty path is the whole text.
bool Related(const std::string& a, const std::string& b) {
  const std::string& shorter = a.size() <= b.size() ? a : b;
  const std::string& longer = a.size() <= b.size() ? b : a;
  if (!longer.starts_with(shorter)) return false;
  return shorter.empty() || longer.size() == shorter.size() || longer[shorter.size()] == '.' ||
         longer[shorter.size()] == '[';
}

}  // namespace

template <>
std::optional<Checked<v1::JobSpec>> Checked<v1::JobSpec>::From(v1::JobSpec spec,
                                                               const std::string& path,
                                                               FieldErrors& errors) {
  FieldErrors own;
  const bool criticality = spec.kind() == v1::JobSpec::CRITICALITY;
  if (criticality) {
    RefuseForCriticality(spec, own);
    spec.mutable_criticality();
  } else if (spec.has_criticality()) {
    own.Add("criticality", "an object", "nothing in a job of kind search");
  }
  if (spec.candidates().has_space()) spec.mutable_search();
  if (spec.has_data()) CompleteData(*spec.mutable_data(), own);
  v1::StagesSpec stages = CheckedStages(spec.stages(), "stages", own);
  spec.clear_stages();  // they are told of once
  FillDefaults(spec);
  CheckMessage(spec, "", own);
  if (!criticality) {
    if (spec.has_candidates()) CheckBudgets(spec, own);
    CompleteObjectives(spec, own);
    CompleteCostLimits(*spec.mutable_limits(), own);
  }
  if (!criticality) CheckSearch(spec, own);
  if (spec.has_candidates()) CheckCandidates(spec.candidates(), own);
  *spec.mutable_stages() = std::move(stages);
  DropWhatDoesNotRun(spec);
  for (const FieldError& error : own.errors()) {
    errors.Add(FieldPath(path, error.field), error.found, error.allowed);
  }
  if (!own.empty()) return std::nullopt;
  return Checked(std::move(spec));
}

void FillJobDefaults(v1::JobSpec& spec) {
  FillDefaults(spec);
  FillStageDefaults(*spec.mutable_stages());
  DropWhatDoesNotRun(spec);
}

std::optional<Checked<v1::JobSpec>> JobFromJson(const std::string& text, FieldErrors& errors) {
  v1::JobSpec message;
  JsonToMessage(text, message, errors);
  FieldErrors later;
  std::optional<Checked<v1::JobSpec>> job =
      Checked<v1::JobSpec>::From(std::move(message), "", later);
  if (errors.empty() && later.empty()) return job;
  // A field that could not be read is missing from the message: its absence is no second error.
  const std::vector<FieldError> earlier = errors.errors();
  for (const FieldError& error : later.errors()) {
    if (std::none_of(earlier.begin(), earlier.end(),
                     [&](const FieldError& other) { return Related(error.field, other.field); })) {
      errors.Add(error.field, error.found, error.allowed);
    }
  }
  return std::nullopt;
}

}  // namespace reluscape
