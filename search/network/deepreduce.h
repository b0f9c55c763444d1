#pragma once

// DeepReDuce (ICML 2021, arXiv 2103.01396) as a generator: ReLUs are removed by whole layers, first
// by culling sections, then by thinning blocks, then by reshaping the network. It is the
// coarse-grained baseline of every plot. Thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/network/architecture.h"
#include "search/network/deepreshape.h"

namespace reluscape {

struct DeepReduceOptions {
  // Section numbers, most critical first: sections are culled from its end, one at a time.
  std::vector<int64_t> order;
  // How many sections are culled at most; 0 to one less than there are. DeepReDuce's public
  // networks cull one or two.
  int64_t max_culled = 2;
  // Reshaping of the thinned networks: every pair of a channel scale and a resolution, 1 meaning
  // unchanged and always among them. Each 0.001 to 1 with at most three decimals. DeepReDuce's
  // public networks use 0.5 of either.
  std::vector<double> channel_scales = {0.5};
  std::vector<double> resolutions = {0.5};
};

struct DeepReduceProposal {
  // The backbone itself; then per number of culled sections the culled, the thinned and the
  // reshaped networks. No two are equal.
  std::vector<NamedArchitecture> networks;
  std::vector<std::string> left_out;  // those that cannot be built, one sentence each
};

// `backbone` is a name or a canonical text with all its ReLUs. INVALID_ARGUMENT with one line per
// field that is wrong ("order", "max_culled", "channel_scales[1]", ...). A VGG has neither blocks
// to thin nor a stem whose stride could change: it is only culled and scaled.
absl::StatusOr<DeepReduceProposal> ProposeDeepReduce(const std::string& backbone, int64_t side,
                                                     int64_t classes,
                                                     const DeepReduceOptions& options);

}  // namespace reluscape
