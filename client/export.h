#pragma once

// A Result as files for other programs.

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/connection.h"

namespace reluscape {

// An architecture as JSON (docs/json.md): what it is called, its canonical text, and its list of
// operations, from which the network can be built by any program. `name` may be empty.
absl::StatusOr<std::string> ArchitectureJson(const std::string& name,
                                             const std::string& canonical_text);

// Writes weights.safetensors (size and hash verified), architecture.json and result.json into
// `folder`, which is created. FAILED_PRECONDITION where it is not empty, unless `overwrite`;
// NOT_FOUND where the Job has no such Result; DATA_LOSS where the bytes are not those of the hash.
// Nothing is left under a final name after an error in the weights.
absl::Status ExportResult(Connection& connection, int64_t job, int64_t result,
                          const std::filesystem::path& folder, bool overwrite);

}  // namespace reluscape
