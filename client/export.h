#pragma once

// A Result as files for other programs.

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "client/connection.h"

namespace reluscape {

struct ExportOptions {
  bool overwrite = false;  // the files of a folder that is not empty
  bool folded = false;     // Dirac convolutions and batch norms (search/network/folding.h)
};

// Writes weights.safetensors (size and hash verified), architecture.json and result.json into
// `folder`, which is created. FAILED_PRECONDITION where it is not empty, unless overwrite is set,
// or where the weights were removed; NOT_FOUND where the Job has no such Result; DATA_LOSS where
// the bytes are not those of the hash. Nothing is left under a final name after an error in the
// weights.
absl::Status ExportResult(Connection& connection, int64_t job, int64_t result,
                          const std::filesystem::path& folder, ExportOptions options);

}  // namespace reluscape
