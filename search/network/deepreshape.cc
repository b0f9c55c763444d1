#include "search/network/deepreshape.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/network/accounting.h"

namespace reluscape {
namespace {

absl::StatusOr<NetworkCounts> CountsAt(Architecture architecture, int64_t base_channels) {
  architecture.base_channels = base_channels;
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  return CountNetwork(network);
}

bool Within(const NetworkCounts& counts, const SizeLimit& limit) {
  return (limit.relus == 0 || counts.relus <= limit.relus) &&
         (limit.macs == 0 || counts.macs <= limit.macs);
}

}  // namespace

NamedArchitecture HybReNet(const Backbone& backbone, const std::vector<int64_t>& multipliers,
                           int64_t base_channels) {
  NamedArchitecture result = {.name = "", .architecture = backbone.architecture};
  result.architecture.base_channels = base_channels;
  result.architecture.multipliers.assign(multipliers.begin(), multipliers.end());
  result.name = HybReNetName(result.architecture.multipliers, base_channels, backbone.name);
  return result;
}

std::vector<std::vector<int64_t>> RelaxFirstMultiplier(
    const std::vector<std::vector<int64_t>>& solutions, const std::vector<int64_t>& first) {
  std::vector<std::vector<int64_t>> all;
  std::set<std::vector<int64_t>> seen;
  const auto add = [&](const std::vector<int64_t>& tuple) {
    if (seen.insert(tuple).second) all.push_back(tuple);
  };
  for (const std::vector<int64_t>& solution : solutions) {
    add(solution);
    for (const int64_t lower : first) {
      if (solution.empty() || lower >= solution[0]) continue;
      std::vector<int64_t> relaxed = solution;
      relaxed[0] = lower;
      add(relaxed);
    }
  }
  return all;
}

std::vector<NamedArchitecture> BaseChannelFamily(const Backbone& backbone,
                                                 const std::vector<int64_t>& base_channels) {
  const std::vector<int64_t> twos(backbone.architecture.multipliers.size(), 2);
  std::vector<NamedArchitecture> family;
  family.reserve(base_channels.size());
  for (const int64_t m : base_channels) family.push_back(HybReNet(backbone, twos, m));
  return family;
}

std::vector<NamedArchitecture> UniformFamily(const Backbone& backbone,
                                             const std::vector<int64_t>& multipliers,
                                             int64_t base_channels) {
  std::vector<NamedArchitecture> family;
  family.reserve(multipliers.size());
  for (const int64_t multiplier : multipliers) {
    const std::vector<int64_t> equal(backbone.architecture.multipliers.size(), multiplier);
    family.push_back(HybReNet(backbone, equal, base_channels));
  }
  return family;
}

absl::StatusOr<int64_t> LargestBaseChannels(const Architecture& architecture,
                                            const SizeLimit& limit) {
  if (limit.relus < 0 || limit.macs < 0 || (limit.relus == 0 && limit.macs == 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit: found ", limit.relus, " ReLUs and ", limit.macs,
                     " MACs; allowed: at least one of them above 0, none below"));
  }
  ASSIGN_OR_RETURN(const NetworkCounts smallest, CountsAt(architecture, 1));
  if (!Within(smallest, limit)) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit: found ", limit.relus, " ReLUs and ", limit.macs,
                     " MACs (0: none); allowed: at least the ", smallest.relus, " ReLUs and ",
                     smallest.macs, " MACs of one base channel"));
  }
  // Widths, and with them both counts, never fall where the base channels grow.
  int64_t within = 1;
  int64_t above = kMaxChannels + 1;
  while (above - within > 1) {
    const int64_t middle = within + (above - within) / 2;
    const absl::StatusOr<NetworkCounts> counts = CountsAt(architecture, middle);
    if (counts.ok() && Within(*counts, limit)) {
      within = middle;
    } else {
      above = middle;
    }
  }
  return within;
}

}  // namespace reluscape
