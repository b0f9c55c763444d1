#pragma once

// Layouts and counts of a network's linear operations under one packing, which no mask changes.
// Thread-safe.

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "search/cost/ckks_packing.h"
#include "search/network/network.h"

namespace reluscape {

// Of one operation of the network.
struct CkksLayer {
  CkksLayout layout;        // of its output
  int64_t ciphertexts = 1;  // of its output: ceil(elements / slots), as if it were packed densely
  LinearOps ops;            // of kConv, kDownsample, kAveragePool, kLinear
  bool projected = false;   // a kDownsample for which a 1x1 convolution stands in
  bool collects = false;    // a kLinear whose input has to be collected first, one level more
  LinearOps collect_ops;
};

struct CkksLayers {
  std::vector<CkksLayer> layers;   // one per operation
  std::vector<std::string> notes;  // what is priced otherwise than the network says
  // Why numbers stand outside of what the closed forms were derived for; empty: they do not.
  std::vector<std::string> extrapolated;
};

// `slots` is that of the packing. INVALID_ARGUMENT names the first operation that does not fit the
// packing, and why.
absl::StatusOr<CkksLayers> PackNetwork(const Network& network, const CkksPacking& packing,
                                       int64_t slots);

}  // namespace reluscape
