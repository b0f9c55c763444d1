#pragma once

// A network for other programs. Thread-safe.

#include <string>

#include "absl/status/statusor.h"
#include "search/network/folding.h"

namespace reluscape {

// An architecture as JSON (docs/json.md): what it is called, its canonical text, its counts, and
// its list of operations, from which the network can be built by any program. `name` may be empty.
// With `folded` (may be null) the operations are those of the folded network; the counts are always
// those of the trained one.
absl::StatusOr<std::string> ArchitectureJson(const std::string& name,
                                             const std::string& canonical_text,
                                             const FoldedNetwork* folded = nullptr);

}  // namespace reluscape
