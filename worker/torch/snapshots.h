#pragma once

// What linearize leaves for its fine-tunes. Thread-safe.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// Stores a network as artifact of kind "snapshot": its weights, statistics and masks. Those of
// v1::LinearizeSpec::SNL are soft and trimmed by the fine-tune; those of every other method have
// been trimmed to the Budget already and hold 0 and 1, since what decided is known to linearize
// only. `relus` is the count before the trim, reached in `epoch`.
// Mean and standard deviation of the mask values stand in the metadata: where a descent collapses
// in lockstep, the deviation is near 0.
absl::StatusOr<v1::Artifact> StoreSnapshot(const StageContext& context, const TensorMap& network,
                                           int64_t relus, int64_t epoch);

// The Snapshots made so far, as metadata of a checkpoint: text, and back. SnapshotsIn: NOT_FOUND
// without an entry "snapshots", DATA_LOSS where it is broken.
std::string SnapshotsText(const std::vector<v1::Snapshot>& snapshots);
absl::StatusOr<std::vector<v1::Snapshot>> SnapshotsIn(const Metadata& metadata);

}  // namespace reluscape
