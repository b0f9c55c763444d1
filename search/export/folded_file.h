#pragma once

// Folding of a stored result. Thread-safe.

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "search/network/folding.h"

namespace reluscape {

struct FoldedFile {
  FoldedNetwork network;  // its tensors are in `bytes`
  std::string bytes;      // safetensors
};

// The result `bytes` (safetensors, as a Worker stores it) of the architecture `canonical_text` with
// Dirac convolutions and batch norms folded (search/network/folding.h). Masks stay as they are;
// metadata gain "folded": "true". DATA_LOSS for a broken file, FAILED_PRECONDITION for one that has
// been folded, lacks a tensor or has one of another shape or type, INVALID_ARGUMENT for the text.
absl::StatusOr<FoldedFile> FoldFile(const std::string& canonical_text, std::string_view bytes);

}  // namespace reluscape
