#pragma once

// Epochs of SGD over the weights of a network: pretrain and fine-tune.

#include "absl/status/statusor.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/optimizers.h"
#include "worker/torch/polynomials.h"
#include "worker/torch/stage_context.h"
#include "worker/torch/teacher.h"

namespace reluscape {

struct SgdTraining {
  GraphNetwork& network;
  // Null: cross-entropy alone; else distillation with the Task's settings.
  const Teacher* teacher = nullptr;
  v1::SgdSpec settings;
  int64_t relus = 0;        // for the reports
  RangePenalty range = {};  // of the inputs of the network's polynomials
};

// What came of it; `failure` for a loss that is not finite.
struct SgdOutcome {
  double validation_accuracy = 0;  // after the last epoch
  std::optional<TaskOutcome> failure;
};

// Trains epochs `first_epoch` .. settings.epochs - 1, reports each, and saves a checkpoint with
// `stage_metadata` after each but the last where one is due.
absl::StatusOr<SgdOutcome> TrainBySgd(const StageContext& context, const SgdTraining& training,
                                      SgdOptimizer& optimizer, int64_t first_epoch,
                                      Checkpoints& checkpoints, const Metadata& stage_metadata);

}  // namespace reluscape
