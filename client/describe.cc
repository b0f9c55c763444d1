#include "client/describe.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/field_errors.h"
#include "base/files.h"
#include "base/status_macros.h"
#include "client/format.h"
#include "client/text_table.h"
#include "search/cost/cost_model.h"
#include "search/network/accounting.h"
#include "search/network/describe.h"
#include "search/network/equalization.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

using Json = nlohmann::ordered_json;

// An architecture.json of the largest network that can be built stays far below it.
constexpr int64_t kMaxFileBytes = 16 << 20;

std::string Dump(const Json& document) {
  return absl::StrCat(document.dump(2, ' ', false, Json::error_handler_t::replace), "\n");
}

// The name or canonical text that the user means.
absl::StatusOr<std::string> NetworkText(const std::string& argument) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(argument, error)) {
    return argument;
  }
  ASSIGN_OR_RETURN(const std::string content, ReadFile(argument, kMaxFileBytes));
  std::string text(absl::StripAsciiWhitespace(content));
  if (text.empty() || text.front() != '{') {
    return text;
  }
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("network") || !document["network"].is_string()) {
    return absl::InvalidArgumentError(
        absl::StrCat(argument,
                     ": found JSON without a text \"network\"; allowed: an architecture.json, or a "
                     "name or canonical text"));
  }
  return document["network"].get<std::string>();
}

absl::StatusOr<Architecture> Parse(const std::string& text, const DescribeOptions& options) {
  if (absl::StatusOr<Architecture> canonical = ParseCanonicalText(text); canonical.ok()) {
    return canonical;
  }
  return ParseArchitecture(text, options.side, options.classes);
}

struct Counted {
  Architecture architecture;
  Network network;
  NetworkCounts counts;
};

absl::StatusOr<Counted> Count(const Architecture& architecture) {
  Counted counted{.architecture = architecture, .network = {}, .counts = {}};
  ASSIGN_OR_RETURN(counted.network, BuildNetwork(architecture));
  ASSIGN_OR_RETURN(counted.counts, CountNetwork(counted.network));
  return counted;
}

Json DescriptionJson(const std::string& name, const Counted& counted) {
  const NetworkCounts& counts = counted.counts;
  Json document = {{"name", name},
                   {"network", CanonicalText(counted.architecture)},
                   {"hash", NetworkHash(counted.network)},
                   {"relus", counts.relus},
                   {"relus_with_stem", counts.relus_with_stem},
                   {"macs", counts.macs},
                   {"parameters", counts.parameters},
                   {"latency", Json::object()},
                   {"stages", Json::array()},
                   {"layers", Json::array()}};
  for (const auto& [model, seconds] : EstimateLatency(counted.network, counts.relus)) {
    document["latency"][model] = seconds;
  }
  for (const StageCounts& stage : counts.stages) {
    document["stages"].push_back({{"relus", stage.relus},
                                  {"width", stage.width},
                                  {"side", stage.side},
                                  {"blocks", stage.blocks}});
  }
  for (const LayerCounts& layer : counts.layers) {
    document["layers"].push_back(
        {{"name", layer.name},
         {"stage", layer.stage},
         {"relus", layer.relus},
         {"macs", layer.macs},
         {"parameters", layer.parameters},
         {"output", {layer.output.channels, layer.output.height, layer.output.width}}});
  }
  return document;
}

std::string DescriptionText(const std::string& name, const Counted& counted) {
  std::string text =
      absl::StrCat(Printable(name), "\n",
                   DescribeAsText(counted.architecture, counted.network, counted.counts), "\n");
  for (const CostModel* model : CostModels()) {
    absl::StrAppend(&text, "latency by ", model->Name(), " with all ReLUs: ",
                    Seconds(model->Seconds(counted.network, counted.counts.relus)),
                    " s, an estimate; ", model->Source(), "\n");
  }
  return text;
}

}  // namespace

absl::Status Describe(const DescribeOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const std::string text, NetworkText(options.network));
  ASSIGN_OR_RETURN(const Architecture architecture, Parse(text, options));
  ASSIGN_OR_RETURN(const Counted counted, Count(architecture));
  out << (options.json ? Dump(DescriptionJson(text, counted)) : DescriptionText(text, counted));
  return absl::OkStatus();
}

absl::Status Equalize(const EqualizeOptions& options, std::ostream& out) {
  std::optional<Backbone> backbone = FindBackbone(options.backbone);
  if (!backbone) {
    return absl::InvalidArgumentError(
        absl::StrCat("--backbone: found ", options.backbone, "; allowed: ", BackboneNames()));
  }
  EqualizationProblem problem;
  backbone->architecture.side = options.side;
  ASSIGN_OR_RETURN(problem.stage_weights, StageWeights(backbone->architecture));
  problem.order = options.order;
  problem.bound = options.bound;
  ASSIGN_OR_RETURN(const std::vector<std::vector<int64_t>> solutions, SolveEqualization(problem));

  Json document = Json::array();
  TextTable table({{"network"}, {"multipliers"}, {"ReLUs", true}, {"MACs", true}});
  std::vector<std::string> left_out;
  for (const std::vector<int64_t>& multipliers : solutions) {
    const std::string name = HybReNetName(multipliers, options.base_channels, backbone->name);
    const absl::StatusOr<Architecture> architecture =
        ParseArchitecture(name, options.side, options.classes);
    // A solution whose last stage is too wide to be built is a solution all the same.
    const absl::StatusOr<Counted> counted =
        architecture.ok() ? Count(*architecture) : absl::StatusOr<Counted>(architecture.status());
    if (!counted.ok()) {
      left_out.push_back(absl::StrCat(name, ": ", counted.status().message()));
      document.push_back(
          {{"multipliers", multipliers}, {"name", name}, {"relus", nullptr}, {"macs", nullptr}});
      table.AddRow({name, absl::StrJoin(multipliers, ", "), "-", "-"});
      continue;
    }
    document.push_back({{"multipliers", multipliers},
                        {"name", name},
                        {"relus", counted->counts.relus},
                        {"macs", counted->counts.macs}});
    table.AddRow({name, absl::StrJoin(multipliers, ", "), WithSeparators(counted->counts.relus),
                  WithSeparators(counted->counts.macs)});
  }
  if (options.json) {
    out << Dump(document);
    return absl::OkStatus();
  }
  out << solutions.size() << (solutions.size() == 1 ? " solution" : " solutions") << " for "
      << backbone->name << " in the order " << absl::StrJoin(options.order, " > ")
      << " with multipliers of 2 to " << options.bound << ", " << options.base_channels
      << " base channels, images of " << options.side << " x " << options.side << "\n";
  if (!solutions.empty()) {
    out << '\n' << table.ToString();
  }
  for (const std::string& reason : left_out) {
    out << "cannot be built: " << reason << '\n';
  }
  return absl::OkStatus();
}

}  // namespace reluscape
