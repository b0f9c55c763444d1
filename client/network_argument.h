#pragma once

// The network that a user means on the command line. Thread-safe.

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "search/network/names.h"

namespace reluscape {

// Of a file that an argument names. An architecture.json of the largest network that can be built
// stays far below it.
inline constexpr int64_t kMaxArgumentFileBytes = 16 << 20;

struct NetworkArgument {
  std::string text;  // the name or canonical text that was meant
  Architecture architecture;
};

// `argument` is a name, a canonical text, or a file: one of the two as text, or an
// architecture.json of `reluscape export`. A name takes `classes` and `side`, where
// that is missing the side that it fixes, else 32; a canonical text has its own. NOT_FOUND where a
// file cannot be read; INVALID_ARGUMENT for what is no network.
absl::StatusOr<NetworkArgument> ReadNetworkArgument(const std::string& argument,
                                                    std::optional<int64_t> side, int64_t classes);

}  // namespace reluscape
