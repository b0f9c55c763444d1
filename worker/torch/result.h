#pragma once

// What a Task that ends in a Result measures and leaves. Not thread-safe.

#include <vector>

#include "absl/status/statusor.h"
#include "worker/data/data_set.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// Weights, coefficients of polynomials and statistics: what training changes beside masks.
std::vector<NamedTensor> LearnedOf(const GraphNetwork& network);

// Of `images`. CANCELLED where a stop was requested.
absl::StatusOr<double> Accuracy(const StageContext& context, GraphNetwork& network,
                                const ImageSet& images);

// Adds the accuracy of each class to `result`, of the Task's validation images. CANCELLED where a
// stop was requested.
absl::Status AddClasses(const StageContext& context, GraphNetwork& network,
                        v1::ResultReport& result);

// Stores the Task's network as artifact of kind "result" with masks of 0 and 1: the network's own
// or, for MaskMode::kNone, 1 everywhere. `result` tells budget, count, layers and classes and takes
// the artifact.
absl::Status StoreResult(const StageContext& context, GraphNetwork& network,
                         v1::ResultReport& result);

}  // namespace reluscape
