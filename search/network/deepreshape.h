#pragma once

// DeepReShape's networks (arXiv 2304.10593) from a backbone: those that equalization finds, the
// same with a lower first multiplier, the two families that they are compared with, and the choice
// of the base channels. Thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/network/architecture.h"
#include "search/network/names.h"

namespace reluscape {

// A network with the name that ParseArchitecture reads back.
struct NamedArchitecture {
  std::string name;
  Architecture architecture;

  friend bool operator==(const NamedArchitecture&, const NamedArchitecture&) = default;
};

// The backbone with these multipliers and base channels. Its side and classes are the backbone's.
// It may be too wide to be built.
NamedArchitecture HybReNet(const Backbone& backbone, const std::vector<int64_t>& multipliers,
                           int64_t base_channels);

// Alpha relaxation: each tuple, and behind it the same with every value of `first` that is below
// its first multiplier, in their order and each tuple once. A lower first multiplier breaks the
// order's last part on purpose: it leaves more of the ReLUs in section 1, which pays at low
// budgets.
std::vector<std::vector<int64_t>> RelaxFirstMultiplier(
    const std::vector<std::vector<int64_t>>& solutions, const std::vector<int64_t>& first);

// DeepReShape's BaseCh: every multiplier 2, one network per number of base channels.
std::vector<NamedArchitecture> BaseChannelFamily(const Backbone& backbone,
                                                 const std::vector<int64_t>& base_channels);

// DeepReShape's StageCh: fixed base channels, all multipliers equal to one of `multipliers`.
std::vector<NamedArchitecture> UniformFamily(const Backbone& backbone,
                                             const std::vector<int64_t>& multipliers,
                                             int64_t base_channels);

// What a choice of base channels must not exceed; 0: no limit.
struct SizeLimit {
  int64_t relus = 0;
  int64_t macs = 0;
};

// The largest number of base channels at which the architecture can be built and stays within the
// limit. INVALID_ARGUMENT where a limit is negative or none is set, where one channel is above the
// limit already (the message has its counts), or where it cannot be built at all.
absl::StatusOr<int64_t> LargestBaseChannels(const Architecture& architecture,
                                            const SizeLimit& limit);

}  // namespace reluscape
