#pragma once

// The pretrain of a Candidate that has a pretrained file. Thread-safe.

#include "absl/status/statusor.h"
#include "worker/torch/stage_context.h"

namespace reluscape {

// The validation accuracy that pretrained files must exceed, where always naming one class reaches
// `chance`: chance * (1 + (1 - chance) / 2). That is 1.5 times chance for many classes, less for
// few, where 1.5 times would refuse networks that have learnt something: 14.5 % of 10 classes,
// 62.5 % of 2. An assumption: a file for other images, classes in another order or another
// normalisation comes out at chance, and a descent of hours from it would be lost.
double LeastPretrainedAccuracy(double chance);

// Checks the Task's file tensor by tensor (search/export/pretrained_file.h), measures the network,
// reports that as epoch 0 (loss and training accuracy over the training images without
// augmentation, learning rate 0) and leaves an artifact of kind "weights", as a pretrain does.
//
// Failures: kRefused for a file that does not hold this network's weights, with the first tensor
// that does not fit; for a loss that is not finite; for a validation accuracy that is not above
// LeastPretrainedAccuracy of the largest class's share of the validation images; and for Budgets,
// which a pretrain that ends in a Result has.
absl::StatusOr<TaskOutcome> TakeOverWeights(const StageContext& context);

}  // namespace reluscape
