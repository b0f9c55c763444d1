#pragma once

// What a pretrain needs where its network learns from a teacher, or is a Result as it stands.

#include <memory>

#include "absl/status/statusor.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// The Task's teacher with its weights, folded for evaluation; null where the Task has none.
// INVALID_ARGUMENT for a text that is no network or one of other classes or images;
// FAILED_PRECONDITION, DATA_LOSS or NOT_FOUND for weights that are not those of that network,
// trained on these very images.
absl::StatusOr<std::unique_ptr<GraphNetwork>> LoadTeacher(const StageContext& context);

// The Result of `network`, trained to `accuracy_validation`, with every ReLU that it has: an
// artifact of kind "result" whose masks are all 1. Nothing was soft and nothing trimmed, so these
// two accuracies are that of the end.
absl::StatusOr<v1::ResultReport> WholeResult(const StageContext& context, GraphNetwork& network,
                                             double accuracy_validation);

}  // namespace reluscape
