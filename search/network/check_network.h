#pragma once

// Whether a list of operations is a network. Thread-safe.

#include "absl/status/status.h"
#include "search/network/network.h"

namespace reluscape {

// What hashes and messages call a kind ("conv", "batch_norm", ...). Never changes, since the hashes
// of stored networks hold it.
const char* KindName(OpKind kind);

// OK where every operation fits its inputs, as network.h says; INVALID_ARGUMENT names the first
// that does not. Any list may be passed in.
absl::Status CheckNetwork(const Network& network);

}  // namespace reluscape
