#pragma once

// The moment in which a descent met its last Budget, as its last checkpoint keeps it: a descent
// that had more Budgets from the start would have gone on from just there. Thread-safe.

#include <ATen/ATen.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

struct DescentEnd {
  EpochPart part;     // of the epoch in which it ended
  double lambda = 0;  // that the epoch's last step took
  // The network at the comparison before the last one: Budgets that the last comparison passed are
  // met by it.
  TensorMap kept;
  int64_t kept_count = 0;
  std::vector<at::Tensor> kept_ranking;  // of binary masks, in the order of the masks; else empty
};

// What a checkpoint says of it: metadata, and tensors that stand beside its state.
Metadata MetadataOf(const DescentEnd& end);
TensorMap TensorsOf(const DescentEnd& end);

// Takes it out of a checkpoint's file; std::nullopt for a checkpoint of a descent that was under
// way. `network` lists the tensors of the network, `rankings` is how many there must be.
// NOT_FOUND, DATA_LOSS or FAILED_PRECONDITION name what is missing or wrong.
absl::StatusOr<std::optional<DescentEnd>> TakeDescentEnd(const std::vector<NamedTensor>& network,
                                                         size_t rankings, SafetensorsFile& file);

}  // namespace reluscape
