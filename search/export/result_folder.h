#pragma once

// The folder of a Result for other programs: weights.safetensors, architecture.json, result.json.

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/network/folding.h"

namespace reluscape {

struct ResultFiles {
  std::string name;     // as users know the network
  std::string network;  // its canonical text
  std::string json;     // the Result's document
};

// Puts the weights at the path that it is given; with the folded network where it has folded them.
using PutWeights =
    std::function<absl::StatusOr<std::optional<FoldedNetwork>>(const std::filesystem::path&)>;

// Creates `folder` where it is missing and writes the three files into it, the weights first;
// files that are there are replaced atomically. FAILED_PRECONDITION where it cannot be created; the
// errors of `put_weights`, which is not called for an architecture that cannot be written.
absl::Status WriteResultFolder(const std::filesystem::path& folder, const ResultFiles& files,
                               const PutWeights& put_weights);

}  // namespace reluscape
