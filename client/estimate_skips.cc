#include "client/estimate_skips.h"

#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "client/format.h"
#include "client/network_argument.h"
#include "search/cost/ckks_preset.h"
#include "search/cost/estimate_json.h"
#include "search/cost/protocol_model.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

using Json = nlohmann::ordered_json;

// One variant of one network.
struct Row {
  std::string name;
  std::string skip;
  std::string network;  // canonical text
  int64_t network_relus = 0;
  absl::StatusOr<Estimate> estimate;
};

absl::StatusOr<Estimate> Price(
    const Architecture& architecture, const Setting& setting,
    const std::function<absl::StatusOr<PricedNetwork>(const NetworkLayers&)>& keep,
    int64_t& network_relus) {
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  ASSIGN_OR_RETURN(const NetworkLayers layers, LayersOf(network));
  network_relus = layers.relus;
  ASSIGN_OR_RETURN(const PricedNetwork priced, keep(layers));
  ASSIGN_OR_RETURN(const ProtocolModel* model, FindProtocolModel("ckks"));
  return PricePrivateInference(*model, priced, setting);
}

// One column per number: its title for people, its name in JSON and CSV.
struct NumberColumn {
  const char* title;
  const char* output;
};
constexpr NumberColumn kCounts[] = {{"depth", "depth"},
                                    {"bootstraps", "bootstraps"},
                                    {"weighted", "bootstraps_weighted"},
                                    {"rotations", "rotations"},
                                    {"pt mult", "plaintext_multiplications"},
                                    {"ct mult", "ciphertext_multiplications"}};

int64_t Count(const Estimate& estimate, const std::string& output) {
  return static_cast<int64_t>(FindOutput(estimate, output).value_or(0));
}

double SecondsOf(const Estimate& estimate) { return FindOutput(estimate, "seconds").value_or(0); }

// Seconds over those of the residual network, less 1; std::nullopt where there are none.
std::optional<double> Against(const Estimate& estimate, const Row& residual) {
  if (!residual.estimate.ok() || SecondsOf(*residual.estimate) <= 0) return std::nullopt;
  return SecondsOf(estimate) / SecondsOf(*residual.estimate) - 1;
}

// "-7.3 %"; no sign where it rounds to 0.
std::string PercentChange(double fraction) {
  const std::string text = absl::StrFormat("%+.1f %%", 100 * fraction);
  return text.substr(1) == "0.0 %" ? text.substr(1) : text;
}

std::vector<std::string> Cells(const Row& row, const Row& residual, bool exact) {
  std::vector<std::string> cells = {row.name, row.skip};
  if (!row.estimate.ok()) {
    cells.resize(4 + std::size(kCounts), exact ? "" : "-");
    return cells;
  }
  for (const NumberColumn& column : kCounts) {
    const int64_t count = Count(*row.estimate, column.output);
    cells.push_back(exact ? absl::StrCat(count) : WithSeparators(count));
  }
  const double seconds = SecondsOf(*row.estimate);
  const std::optional<double> against = Against(*row.estimate, residual);
  if (exact) {
    cells.push_back(ExactNumber(seconds));
    cells.push_back(against ? ExactNumber(*against) : "");
  } else {
    cells.push_back(
        absl::StrCat(IsLowerBound(row.estimate->online) ? ">= " : "", Seconds(seconds)));
    cells.push_back(against ? PercentChange(*against) : "-");
  }
  return cells;
}

std::vector<TextTable::Column> SkipColumns(bool exact) {
  std::vector<TextTable::Column> columns = {{"network"}, {exact ? "skip" : "skips"}};
  for (const NumberColumn& column : kCounts) {
    columns.push_back({exact ? column.output : column.title, true});
  }
  columns.push_back({"seconds", true});
  columns.push_back({exact ? "seconds_against_residual" : "vs residual", true});
  return columns;
}

void PrintRemarks(const std::vector<Row>& rows, std::ostream& out) {
  std::set<std::string> said;
  const bool several = rows.front().name != rows.back().name;
  for (const Row& row : rows) {
    const auto say = [&](const std::string& remark) {
      const std::string line = absl::StrCat(several ? row.name : "", several ? ": " : "", remark);
      if (said.insert(line).second) out << line << '\n';
    };
    if (!row.estimate.ok()) {
      say(absl::StrCat(row.skip, ": refused: ", std::string(row.estimate.status().message())));
      continue;
    }
    const Estimate& estimate = *row.estimate;
    if (estimate.online_band.high) {
      say(absl::StrFormat("band: %s times to %s times the seconds; %s",
                          Seconds(estimate.online_band.low / TotalSeconds(estimate)),
                          Seconds(*estimate.online_band.high / TotalSeconds(estimate)),
                          estimate.band_reason));
    }
    for (const TimeTerm& term : estimate.online.terms) {
      if (!term.seconds) say(absl::StrCat("seconds are a lower bound: ", term.reason));
    }
    for (const std::string& note : estimate.notes) say(absl::StrCat("note: ", note));
  }
}

Json RowJson(const Row& row) {
  Json document = {{"name", row.name}, {"skip", row.skip}, {"network", row.network}};
  if (!row.estimate.ok()) {
    document["protocol"] = "ckks";
    document["error"] = std::string(row.estimate.status().message());
    return document;
  }
  document["network_relus"] = row.network_relus;
  document.update(EstimateJson(*row.estimate));
  return document;
}

}  // namespace

absl::StatusOr<CkksOptions> CkksOptionsOf(const std::string& preset, const CkksFlags& flags) {
  CkksOptions options;
  options.degree = flags.degree;
  options.fold_activation = flags.fold_activation;
  options.levels = flags.levels;
  options.any_target = flags.any_target;
  if (preset.empty()) return options;
  options.preset = preset;
  std::error_code error;
  if (std::filesystem::is_regular_file(preset, error) || absl::EndsWith(preset, ".json")) {
    ASSIGN_OR_RETURN(const std::string text, ReadFile(preset, kMaxArgumentFileBytes));
    ASSIGN_OR_RETURN(CkksPreset custom, CkksPresetFromJson(text, preset));
    options.preset = custom.name;
    options.custom_preset = std::make_shared<const CkksPreset>(std::move(custom));
    return options;
  }
  RETURN_IF_ERROR(FindCkksPreset(preset).status());
  return options;
}

std::vector<SkipVariant> SkipVariants(const Architecture& architecture) {
  const Architecture defaults = DefaultsOf(architecture.family);
  std::vector<SkipVariant> variants;
  for (const auto& [name, skip] :
       {std::pair("residual", Skip::kResidual), std::pair("none", Skip::kNone),
        std::pair("dirac", Skip::kDirac), std::pair("dirac-ss", Skip::kDiracShared)}) {
    SkipVariant variant = {.name = name, .architecture = architecture};
    Architecture& changed = variant.architecture;
    changed.skip = skip;
    if (skip == Skip::kResidual) {
      changed.downsampling = defaults.downsampling;
    } else {
      changed.shortcut = defaults.shortcut;
    }
    if (skip != Skip::kDiracShared) {
      changed.source = defaults.source;
      changed.joins = defaults.joins;
      changed.merge = defaults.merge;
    }
    variants.push_back(std::move(variant));
  }
  return variants;
}

absl::Status EstimateSkips(
    const std::vector<SkipSubject>& subjects, const Setting& setting,
    const std::function<absl::StatusOr<PricedNetwork>(const NetworkLayers&)>& keep,
    TableFormat format, bool json, std::ostream& out) {
  std::vector<Row> rows;
  std::vector<std::vector<std::string>> table;
  absl::Status refused;
  bool any = false;
  for (const SkipSubject& subject : subjects) {
    const size_t first = rows.size();
    for (const SkipVariant& variant : SkipVariants(subject.architecture)) {
      Row row = {.name = subject.name,
                 .skip = variant.name,
                 .network = CanonicalText(variant.architecture),
                 .network_relus = 0,
                 .estimate = absl::UnknownError("")};
      row.estimate = Price(variant.architecture, setting, keep, row.network_relus);
      any = any || row.estimate.ok();
      if (!row.estimate.ok() && refused.ok()) refused = row.estimate.status();
      rows.push_back(std::move(row));
    }
    for (size_t i = first; i < rows.size(); ++i) {
      table.push_back(Cells(rows[i], rows[first], /*exact=*/format == TableFormat::kCsv));
    }
  }
  if (!any) return refused;
  if (json) {
    Json documents = Json::array();
    for (const Row& row : rows) documents.push_back(RowJson(row));
    out << documents.dump(2, ' ', false, Json::error_handler_t::replace) << '\n';
    return absl::OkStatus();
  }
  out << RenderTable(SkipColumns(format == TableFormat::kCsv), table, format);
  if (format == TableFormat::kText || format == TableFormat::kMarkdown) {
    out << '\n';
    PrintRemarks(rows, out);
  }
  return absl::OkStatus();
}

}  // namespace reluscape
