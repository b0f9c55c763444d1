#include "client/equalize.h"

#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/format.h"
#include "client/text_table.h"
#include "search/network/accounting.h"
#include "search/network/deepreshape.h"
#include "search/network/equalization.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

// The ranges that DeepReShape compares: base channels of BaseCh, multipliers of StageCh.
constexpr int64_t kBaseChannels[] = {16, 32, 64, 128, 256};
constexpr int64_t kUniformMultipliers[] = {2, 3, 4, 5, 6, 7, 8};

absl::StatusOr<std::vector<NamedArchitecture>> FamilyOf(const EqualizeOptions& options,
                                                        const Backbone& backbone) {
  if (options.family == "base") {
    return BaseChannelFamily(backbone, {std::begin(kBaseChannels), std::end(kBaseChannels)});
  }
  if (options.family == "uniform") {
    return UniformFamily(backbone, {std::begin(kUniformMultipliers), std::end(kUniformMultipliers)},
                         options.base_channels);
  }
  EqualizationProblem problem{
      .section_weights = {}, .order = options.order, .bound = options.bound};
  ASSIGN_OR_RETURN(problem.section_weights, SectionWeights(backbone.architecture));
  ASSIGN_OR_RETURN(const std::vector<std::vector<int64_t>> solutions, SolveEqualization(problem));
  std::vector<NamedArchitecture> networks;
  for (const std::vector<int64_t>& multipliers : RelaxFirstMultiplier(solutions, options.alpha)) {
    networks.push_back(HybReNet(backbone, multipliers, options.base_channels));
  }
  return networks;
}

// With the most base channels that the limits allow, where there are any.
absl::StatusOr<NamedArchitecture> Sized(const EqualizeOptions& options, const Backbone& backbone,
                                        NamedArchitecture network) {
  if (options.max_relus == 0 && options.max_macs == 0) return network;
  ASSIGN_OR_RETURN(network.architecture.base_channels,
                   LargestBaseChannels(network.architecture,
                                       {.relus = options.max_relus, .macs = options.max_macs}));
  network.name = HybReNetName(network.architecture.multipliers, network.architecture.base_channels,
                              backbone.name);
  return network;
}

absl::StatusOr<NetworkCounts> CountsOf(const Architecture& architecture) {
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  return CountNetwork(network);
}

absl::Status CheckOptions(const EqualizeOptions& options) {
  if (options.family != "hrn" && options.family != "base" && options.family != "uniform") {
    return absl::InvalidArgumentError(
        absl::StrCat("--family: found ", options.family, "; allowed: hrn, base, uniform"));
  }
  if (options.family == "hrn" && options.order.empty()) {
    return absl::InvalidArgumentError(
        "--order: found nothing; allowed: section numbers, most critical first (3,2,4,1)");
  }
  for (const int64_t alpha : options.alpha) {
    if (alpha < 1 || alpha > kMaxEqualizationBound) {
      return absl::InvalidArgumentError(
          absl::StrCat("--alpha: found ", alpha, "; allowed: 1 to ", kMaxEqualizationBound));
    }
  }
  return absl::OkStatus();
}

std::string Heading(const EqualizeOptions& options, const std::string& backbone, size_t networks) {
  std::string text =
      absl::StrCat(networks, networks == 1 ? " network" : " networks", " for ", backbone);
  if (options.family == "hrn") {
    absl::StrAppend(&text, " in the order ", absl::StrJoin(options.order, " > "),
                    " with multipliers of 2 to ", options.bound);
    if (!options.alpha.empty()) {
      absl::StrAppend(&text, " and first multipliers lowered to ",
                      absl::StrJoin(options.alpha, ", "));
    }
  } else {
    absl::StrAppend(
        &text, options.family == "base" ? " of different base channels" : " of equal multipliers");
  }
  if (options.max_relus > 0) absl::StrAppend(&text, ", at most ", options.max_relus, " ReLUs");
  if (options.max_macs > 0) absl::StrAppend(&text, ", at most ", options.max_macs, " MACs");
  return absl::StrCat(text, ", images of ", options.side, " x ", options.side, "\n");
}

}  // namespace

absl::Status Equalize(const EqualizeOptions& options, std::ostream& out) {
  std::optional<Backbone> backbone = FindBackbone(options.backbone);
  if (!backbone) {
    return absl::InvalidArgumentError(
        absl::StrCat("--backbone: found ", options.backbone, "; allowed: ", BackboneNames()));
  }
  RETURN_IF_ERROR(CheckOptions(options));
  backbone->architecture.side = options.side;
  backbone->architecture.classes = options.classes;
  ASSIGN_OR_RETURN(const std::vector<NamedArchitecture> networks, FamilyOf(options, *backbone));

  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  TextTable table({{"network"}, {"multipliers"}, {"ReLUs", true}, {"MACs", true}});
  std::vector<std::string> left_out;
  for (const NamedArchitecture& network : networks) {
    const absl::StatusOr<NamedArchitecture> sized = Sized(options, *backbone, network);
    const std::string& name = sized.ok() ? sized->name : network.name;
    // A solution whose last section is too wide to be built is a solution all the same.
    const absl::StatusOr<NetworkCounts> counts =
        sized.ok() ? CountsOf(sized->architecture) : absl::StatusOr<NetworkCounts>(sized.status());
    const std::vector<double>& factors = network.architecture.multipliers;
    const std::vector<int64_t> multipliers(factors.begin(), factors.end());
    nlohmann::ordered_json entry = {
        {"multipliers", multipliers}, {"name", name}, {"relus", nullptr}, {"macs", nullptr}};
    if (counts.ok()) {
      entry["relus"] = counts->relus;
      entry["macs"] = counts->macs;
    } else {
      left_out.push_back(absl::StrCat(name, ": ", counts.status().message()));
    }
    document.push_back(std::move(entry));
    table.AddRow({name, absl::StrJoin(multipliers, ", "),
                  counts.ok() ? WithSeparators(counts->relus) : "-",
                  counts.ok() ? WithSeparators(counts->macs) : "-"});
  }
  if (options.json) {
    out << document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) << '\n';
    return absl::OkStatus();
  }
  out << Heading(options, backbone->name, networks.size());
  if (!networks.empty()) out << '\n' << table.ToString();
  for (const std::string& reason : left_out) out << "cannot be built: " << reason << '\n';
  return absl::OkStatus();
}

}  // namespace reluscape
