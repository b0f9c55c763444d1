#pragma once

// Latencies of Results by every cost model.

#include <vector>

#include "absl/status/statusor.h"
#include "storage/store.h"

namespace reluscape {

// `network` is a canonical text of which `relus` ReLUs are left.
absl::StatusOr<std::vector<LatencyRow>> PriceNetwork(const std::string& network, int64_t relus);

// Computes again what is missing or of another version of its model, so that new constants hold
// for old Results at once. Returns the number of Results that changed.
absl::StatusOr<int64_t> RepriceResults(Transaction& transaction);

}  // namespace reluscape
