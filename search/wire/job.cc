#include "search/wire/job.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/foreign_text.h"
#include "base/sha256.h"
#include "search/objective.h"
#include "search/wire/candidates_spec.h"
#include "search/wire/field_reader.h"
#include "search/vocabulary/json.h"
#include "search/wire/stages.h"

namespace reluscape {
namespace {

constexpr int64_t kMostImages = 1'000'000'000;
constexpr int kMostListed = 100;  // budgets, objectives
constexpr size_t kLongestDataSetName = 100;

struct KnownDataSet {
  const char* name;
  int64_t classes;
  int64_t side;
};
constexpr KnownDataSet kKnownDataSets[] = {
    {"synthetic", 10, 32}, {"cifar10", 10, 32}, {"cifar100", 100, 32}};

const KnownDataSet* FindKnown(const std::string& set) {
  for (const KnownDataSet& known : kKnownDataSets) {
    if (set == known.name) return &known;
  }
  return nullptr;
}

// ---------------------------------------------------------------------------------------------
// data

bool IsDataSetName(const std::string& name) {
  return !name.empty() && name.size() <= kLongestDataSetName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
                  c == '-';
         });
}

void CheckKnown(const FieldReader& reader, const KnownDataSet& known, const char* field,
                int64_t expected, int64_t& value) {
  if (value == 0) {
    value = expected;
  } else if (value != expected) {
    reader.errors().Add(reader.Path(field), absl::StrCat(value),
                        absl::StrCat(expected, " (", known.name, ")"));
  }
}

DataSpec ReadData(const v1::DataSpec& message, const std::string& path, Missing missing,
                  FieldErrors& errors) {
  DataSpec data;
  const FieldReader reader(path, missing, errors);
  const std::string allowed_name =
      absl::StrCat("1 to ", kLongestDataSetName,
                   " of a-z, 0-9, '_', '.' and '-': synthetic, or a name that Workers are given a "
                   "path for (cifar10, cifar100, ...)");
  bool usable = message.has_set() && IsDataSetName(message.set());
  if (!usable) {
    errors.Add(reader.Path("set"),
               message.has_set() ? absl::StrCat("\"", message.set(), "\"") : "nothing",
               allowed_name);
  } else {
    data.set = message.set();
  }
  const size_t errors_before = errors.errors().size();
  reader.Integer("classes", message.has_classes(), message.classes(), 2, 100'000, data.classes);
  reader.Integer("side", message.has_side(), message.side(), 8, 256, data.side);
  const bool ranges_hold = errors.errors().size() == errors_before;
  reader.Integer("train_images", message.has_train_images(), message.train_images(), 0, kMostImages,
                 data.train_images);
  reader.Integer("validation_images", message.has_validation_images(), message.validation_images(),
                 0, kMostImages, data.validation_images);
  reader.Integer("test_images", message.has_test_images(), message.test_images(), 0, kMostImages,
                 data.test_images);
  if (message.has_hash()) {
    if (IsSha256Hex(message.hash())) {
      data.hash = message.hash();
    } else {
      errors.Add(reader.Path("hash"), absl::StrCat("\"", CutUtf8(message.hash(), 100), "\""),
                 "64 lower-case hexadecimal digits, as `reluscape data JOB` shows them");
    }
  }
  if (!usable || missing == Missing::kIsError) return data;
  if (const KnownDataSet* known = FindKnown(data.set)) {
    if (!ranges_hold) return data;
    CheckKnown(reader, *known, "classes", known->classes, data.classes);
    CheckKnown(reader, *known, "side", known->side, data.side);
    return data;
  }
  const std::string why = absl::StrCat(" (known only for synthetic, cifar10, cifar100)");
  if (!message.has_classes()) {
    errors.Add(reader.Path("classes"), "nothing", absl::StrCat("2 to 100000", why));
  }
  if (!message.has_side())
    errors.Add(reader.Path("side"), "nothing", absl::StrCat("8 to 256", why));
  return data;
}

// ---------------------------------------------------------------------------------------------
// the rest of a Job

// Characters of UTF-8 text: its bytes without those that continue a character.
int64_t CountCharacters(const std::string& text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

std::string ReadName(const v1::JobSpec& message, FieldErrors& errors) {
  if (!message.has_name()) return "job";
  const int64_t characters = CountCharacters(message.name());
  if (characters < 1 || characters > 100) {
    errors.Add("name", absl::StrCat(characters, " characters"), "1 to 100 characters");
  } else if (HasControlCharacter(message.name())) {
    errors.Add("name", "a control character", "text on one line");
  }
  return message.name();
}

BudgetsSpec ReadBudgets(const v1::BudgetsSpec& message, FieldErrors& errors) {
  BudgetsSpec spec;
  if (message.relus_size() + message.fractions_size() == 0) {
    errors.Add("budgets", "no budget", "at least one entry in relus (15000) or fractions (0.05)");
  }
  if (CheckLength("budgets.relus", message.relus_size(), kMostListed, errors)) {
    std::set<int64_t> seen;
    for (int i = 0; i < message.relus_size(); ++i) {
      CheckListed(absl::StrCat("budgets.relus[", i, "]"), message.relus(i), 1, kLargestExact, seen,
                  errors);
      spec.relus.push_back(message.relus(i));
    }
  }
  if (CheckLength("budgets.fractions", message.fractions_size(), kMostListed, errors)) {
    std::set<double> seen;
    for (int i = 0; i < message.fractions_size(); ++i) {
      const double fraction = message.fractions(i);
      const std::string path = absl::StrCat("budgets.fractions[", i, "]");
      if (!kOpenFraction.Contains(fraction)) {
        errors.Add(path, absl::StrCat(fraction), kOpenFraction.text);
      } else if (!seen.insert(fraction).second) {
        errors.Add(path, absl::StrCat(absl::StrCat(fraction), " again"), "each value once");
      }
      spec.fractions.push_back(fraction);
    }
  }
  return spec;
}

// Needed exactly where a network is linearized.
void ReadSearchBudgets(const v1::JobSpec& message, JobSpec& spec, FieldErrors& errors) {
  const bool linearizes =
      message.candidates().networks_size() + message.candidates().deepreshape_size() > 0 ||
      message.candidates().deepreduce_size() == 0;
  if (message.has_budgets()) {
    if (linearizes) {
      spec.budgets = ReadBudgets(message.budgets(), errors);
    } else {
      errors.Add("budgets", "an object", "nothing where all networks are of candidates.deepreduce");
    }
  } else if (linearizes) {
    errors.Add("budgets", "nothing", "an object such as {\"fractions\": [0.2, 0.05]}");
  }
}

std::vector<std::string> ReadObjectives(const v1::JobSpec& message, FieldErrors& errors) {
  if (message.objectives_size() == 0) return {"relus"};
  std::vector<std::string> objectives;
  if (!CheckLength("objectives", message.objectives_size(), kMostListed, errors)) return objectives;
  std::set<std::string> seen;
  for (int i = 0; i < message.objectives_size(); ++i) {
    const std::string path = absl::StrCat("objectives[", i, "]");
    const std::optional<std::string> objective =
        ParseObjective(message.objectives(i), BuiltInMetrics(), path, errors);
    if (!objective) continue;
    if (!seen.insert(*objective).second) {
      errors.Add(path, absl::StrCat("\"", *objective, "\" again"), "each objective once");
    }
    objectives.push_back(*objective);
  }
  return objectives;
}

std::vector<CostLimit> ReadCostLimits(const v1::LimitsSpec& message, FieldErrors& errors) {
  std::vector<CostLimit> limits;
  if (!CheckLength("limits.costs", message.costs_size(), kMostListed, errors)) return limits;
  std::set<std::string> seen;
  for (int i = 0; i < message.costs_size(); ++i) {
    const std::string path = absl::StrCat("limits.costs[", i, "]");
    std::optional<CostLimit> limit =
        ParseCostLimit(message.costs(i), BuiltInMetrics(), path, errors);
    if (!limit) continue;
    if (!seen.insert(limit->metric).second) {
      errors.Add(path, absl::StrCat("another limit of ", limit->metric), "one per metric");
    }
    limits.push_back(*std::move(limit));
  }
  return limits;
}

LimitsSpec ReadLimits(const v1::LimitsSpec& message, FieldErrors& errors) {
  LimitsSpec limits;
  const FieldReader reader("limits", Missing::kTakesDefault, errors);
  constexpr int64_t kLargest = std::numeric_limits<int64_t>::max();
  reader.Integer("max_attempts", message.has_max_attempts(), message.max_attempts(), 1, 100,
                 limits.max_attempts);
  reader.Integer("max_macs", message.has_max_macs(), message.max_macs(), 0, kLargest,
                 limits.max_macs);
  reader.Integer("max_parameters", message.has_max_parameters(), message.max_parameters(), 0,
                 kLargest, limits.max_parameters);
  limits.costs = ReadCostLimits(message, errors);
  return limits;
}

constexpr EnumName<JobKind, v1::JobSpec::Kind> kKinds[] = {
    {JobKind::kSearch, v1::JobSpec::SEARCH, "search"},
    {JobKind::kCriticality, v1::JobSpec::CRITICALITY, "criticality"}};
constexpr EnumName<CriticalityBaseline, v1::CriticalitySpec::Baseline> kBaselines[] = {
    {CriticalityBaseline::kMinimum, v1::CriticalitySpec::MINIMUM, "minimum"},
    {CriticalityBaseline::kNone, v1::CriticalitySpec::NONE, "none"}};
constexpr Interval kExponent = {0, 10, true, true, "a number from 0 to 10"};

// What only a Job of kind criticality has, and what it has not.
void ReadCriticalityJob(const v1::JobSpec& message, JobSpec& spec, FieldErrors& errors) {
  const auto refuse = [&](bool present, const char* field, const std::string& found) {
    if (present) errors.Add(field, found, "nothing in a job of kind criticality");
  };
  refuse(message.limits().costs_size() > 0, "limits.costs",
         absl::StrCat(message.limits().costs_size(), " limits"));
  const v1::CandidatesSpec& candidates = message.candidates();
  if (message.has_candidates() && candidates.networks_size() == 0 &&
      candidates.deepreshape_size() + candidates.deepreduce_size() > 0) {
    errors.Add("candidates.networks", "nothing", "at least one network (\"resnet18@8\")");
  }
  refuse(candidates.deepreshape_size() > 0, "candidates.deepreshape",
         absl::StrCat(candidates.deepreshape_size(), " entries"));
  refuse(candidates.deepreduce_size() > 0, "candidates.deepreduce",
         absl::StrCat(candidates.deepreduce_size(), " entries"));
  refuse(message.has_budgets(), "budgets", "an object");
  refuse(message.objectives_size() > 0, "objectives",
         absl::StrCat(message.objectives_size(), " entries"));
  refuse(message.stages().has_linearize(), "stages.linearize", "an object");
  refuse(message.stages().has_fine_tune(), "stages.fine_tune", "an object");
  // Whatever a preset says of stages that do not run is no part of this Job's recipe.
  spec.stages.linearize = StageSettings().linearize;
  spec.stages.fine_tune = StageSettings().fine_tune;
  spec.objectives.clear();
  const FieldReader reader("criticality", Missing::kTakesDefault, errors);
  const v1::CriticalitySpec& settings = message.criticality();
  reader.Real("exponent", settings.has_exponent(), settings.exponent(), kExponent,
              spec.criticality.exponent);
  reader.Enum("baseline", settings.has_baseline(), settings.baseline(), kBaselines,
              spec.criticality.baseline);
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

JobSpec JobSpecFromProto(const v1::JobSpec& message, FieldErrors& errors) {
  JobSpec spec;
  spec.name = ReadName(message, errors);
  if (message.has_data()) {
    spec.data = ReadData(message.data(), "data", Missing::kTakesDefault, errors);
  } else {
    errors.Add("data", "nothing", "an object such as {\"set\": \"synthetic\"}");
  }
  FieldReader("", Missing::kTakesDefault, errors)
      .Enum("kind", message.has_kind(), message.kind(), kKinds, spec.kind);
  if (message.has_candidates()) {
    spec.candidates = ReadCandidates(message.candidates(), errors);
  } else {
    errors.Add("candidates", "nothing", "an object such as {\"networks\": [\"resnet18@8\"]}");
  }
  spec.stages = ReadStages(message.stages(), "stages", Missing::kTakesDefault, errors);
  if (spec.kind == JobKind::kCriticality) {
    ReadCriticalityJob(message, spec, errors);
  } else {
    if (message.has_criticality()) {
      errors.Add("criticality", "an object", "nothing in a job of kind search");
    }
    ReadSearchBudgets(message, spec, errors);
    spec.objectives = ReadObjectives(message, errors);
  }
  spec.limits = ReadLimits(message.limits(), errors);
  int64_t seed = 1;
  FieldReader("", Missing::kTakesDefault, errors)
      .Integer("seed", message.has_seed(), message.seed(), 0, kLargestExact, seed);
  spec.seed = static_cast<uint64_t>(seed);
  return spec;
}

JobSpec JobSpecFromJson(const std::string& text, FieldErrors& errors) {
  v1::JobSpec message;
  JsonToMessage(text, message, errors);
  FieldErrors later;
  JobSpec spec = JobSpecFromProto(message, later);
  // A field that could not be read is missing from the message: its absence is no second error.
  const std::vector<FieldError> earlier = errors.errors();
  for (const FieldError& error : later.errors()) {
    if (std::none_of(earlier.begin(), earlier.end(),
                     [&](const FieldError& other) { return Related(error.field, other.field); })) {
      errors.Add(error.field, error.found, error.allowed);
    }
  }
  return spec;
}

v1::DataSpec ToProto(const DataSpec& data) {
  v1::DataSpec message;
  message.set_set(data.set);
  message.set_classes(data.classes);
  message.set_side(data.side);
  message.set_train_images(data.train_images);
  message.set_validation_images(data.validation_images);
  message.set_test_images(data.test_images);
  if (!data.hash.empty()) message.set_hash(data.hash);
  return message;
}

v1::JobSpec ToProto(const JobSpec& spec) {
  v1::JobSpec message;
  message.set_name(spec.name);
  *message.mutable_data() = ToProto(spec.data);
  Write(spec.candidates, *message.mutable_candidates());
  const bool linearizes = spec.kind == JobKind::kSearch &&
                          !(spec.budgets.relus.empty() && spec.budgets.fractions.empty());
  if (linearizes) {
    v1::BudgetsSpec& budgets = *message.mutable_budgets();
    for (const int64_t relus : spec.budgets.relus) budgets.add_relus(relus);
    for (const double fraction : spec.budgets.fractions) budgets.add_fractions(fraction);
  }
  *message.mutable_stages() = ToProto(spec.stages);
  message.set_kind(EnumToProto(kKinds, spec.kind));
  if (spec.kind == JobKind::kCriticality) {
    message.mutable_stages()->clear_linearize();
    message.mutable_stages()->clear_fine_tune();
    message.mutable_criticality()->set_exponent(spec.criticality.exponent);
    message.mutable_criticality()->set_baseline(EnumToProto(kBaselines, spec.criticality.baseline));
  }
  for (const std::string& objective : spec.objectives) message.add_objectives(objective);
  message.mutable_limits()->set_max_attempts(spec.limits.max_attempts);
  message.mutable_limits()->set_max_macs(spec.limits.max_macs);
  message.mutable_limits()->set_max_parameters(spec.limits.max_parameters);
  for (const CostLimit& limit : spec.limits.costs) {
    message.mutable_limits()->add_costs(CostLimitText(limit));
  }
  message.set_seed(static_cast<int64_t>(spec.seed));
  return message;
}

StageSettings StageSettingsFromProto(const v1::StagesSpec& message, FieldErrors& errors) {
  return ReadStages(message, "settings", Missing::kIsError, errors);
}

DataSpec DataSpecFromProto(const v1::DataSpec& message, FieldErrors& errors) {
  return ReadData(message, "data", Missing::kIsError, errors);
}

std::string RecipeHash(const StageSettings& settings) {
  v1::StagesSpec message = ToProto(settings);
  message.mutable_linearize()->clear_max_epochs();
  return Sha256Hex(MessageToJson(message, /*compact=*/true));
}

}  // namespace reluscape
