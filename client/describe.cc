#include "client/describe.h"

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/format.h"
#include "client/network_argument.h"
#include "search/cost/papers.h"
#include "search/network/accounting.h"
#include "search/network/describe.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& document) {
  return absl::StrCat(document.dump(2, ' ', false, Json::error_handler_t::replace), "\n");
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
                   {"conv_macs", counts.conv_macs},
                   {"shortcut_macs", counts.shortcut_macs},
                   {"classifier_macs", counts.classifier_macs},
                   {"parameters", counts.parameters},
                   {kPapersMetric, PapersOnlineSeconds(counts.relus)},
                   {"sections", Json::array()},
                   {"layers", Json::array()},
                   {"skip_edges", Json::array()}};
  for (const SectionCounts& section : counts.sections) {
    document["sections"].push_back({{"relus", section.relus},
                                    {"width", section.width},
                                    {"side", section.side},
                                    {"blocks", section.blocks}});
  }
  for (const LayerCounts& layer : counts.layers) {
    document["layers"].push_back(
        {{"name", layer.name},
         {"section", layer.section},
         {"block", layer.block},
         {"relus", layer.relus},
         {"macs", layer.macs},
         {"parameters", layer.parameters},
         {"output", {layer.output.channels, layer.output.height, layer.output.width}}});
  }
  const auto name_of = [&](int op) { return counts.layers[static_cast<size_t>(op)].name; };
  for (const SkipEdge& edge : counts.skip_edges) {
    document["skip_edges"].push_back({{"from", name_of(edge.from)},
                                      {"to", name_of(edge.to)},
                                      {"join", edge.join == Join::kShared ? "shared" : "residual"},
                                      {"identity", edge.identity}});
  }
  return document;
}

std::string DescriptionText(const std::string& name, const Counted& counted) {
  std::string text =
      absl::StrCat(Printable(name), "\n",
                   DescribeAsText(counted.architecture, counted.network, counted.counts), "\n");
  absl::StrAppend(&text, kPapersMetric,
                  " with all ReLUs: ", Seconds(PapersOnlineSeconds(counted.counts.relus)),
                  " s, an estimate; ", Papers().Source(), "\n");
  return text;
}

}  // namespace

absl::Status Describe(const DescribeOptions& options, std::ostream& out) {
  ASSIGN_OR_RETURN(const NetworkArgument network,
                   ReadNetworkArgument(options.network, options.side, options.classes));
  ASSIGN_OR_RETURN(const Counted counted, Count(network.architecture));
  out << (options.json ? Dump(DescriptionJson(network.text, counted))
                       : DescriptionText(network.text, counted));
  return absl::OkStatus();
}

}  // namespace reluscape
