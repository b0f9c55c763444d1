#include "search/export/architecture_json.h"

#include <cstddef>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/network/accounting.h"
#include "search/network/check_network.h"
#include "search/network/names.h"

namespace reluscape {
namespace {

nlohmann::ordered_json Operations(const Network& network, const std::vector<bool>& biased) {
  auto operations = nlohmann::ordered_json::array();
  for (size_t i = 0; i < network.ops.size(); ++i) {
    const Op& op = network.ops[i];
    nlohmann::ordered_json entry = {
        {"name", op.name},
        {"kind", KindName(op.kind)},
        {"inputs", op.inputs},
        {"output", {op.output.channels, op.output.height, op.output.width}},
        {"section", op.section},
        {"shortcut", op.shortcut}};
    if (op.block > 0) entry["block"] = op.block;
    if (op.kind == OpKind::kConv || op.kind == OpKind::kAveragePool ||
        op.kind == OpKind::kMaxPool) {
      entry["kernel"] = op.kernel;
      entry["stride"] = op.stride;
      entry["padding"] = op.padding;
    }
    if (op.kind == OpKind::kDownsample) entry["stride"] = op.stride;
    if (op.kind == OpKind::kConv) {
      entry["dirac"] = op.dirac;
      entry["bias"] = i < biased.size() && biased[i];
    }
    if (op.kind == OpKind::kRelu) entry["relu_channels"] = op.relu_channels;
    if (op.kind == OpKind::kAdd) entry["join"] = op.join == Join::kShared ? "shared" : "residual";
    operations.push_back(std::move(entry));
  }
  return operations;
}

}  // namespace

absl::StatusOr<std::string> ArchitectureJson(const std::string& name,
                                             const std::string& canonical_text,
                                             const FoldedNetwork* folded) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(canonical_text));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  ASSIGN_OR_RETURN(const NetworkCounts counts, CountNetwork(network));
  nlohmann::ordered_json document = {{"name", name},
                                     {"network", CanonicalText(architecture)},
                                     {"hash", NetworkHash(network)},
                                     {"side", architecture.side},
                                     {"classes", architecture.classes},
                                     {"base_channels", architecture.base_channels},
                                     {"blocks", architecture.blocks},
                                     {"multipliers", architecture.multipliers},
                                     {"stem_relu", architecture.stem_relu}};
  auto widths = nlohmann::ordered_json::array();
  for (const SectionCounts& section : counts.sections) widths.push_back(section.width);
  document["widths"] = std::move(widths);
  document["relus"] = counts.relus;
  document["relus_with_stem"] = counts.relus_with_stem;
  document["macs"] = counts.macs;
  document["parameters"] = counts.parameters;
  document["folded"] = folded != nullptr;
  document["operations"] =
      folded == nullptr ? Operations(network, {}) : Operations(folded->network, folded->biased);
  return absl::StrCat(
      document.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace), "\n");
}

}  // namespace reluscape
