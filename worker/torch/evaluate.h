#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "worker/torch/batches.h"
#include "worker/torch/graph_network.h"

namespace reluscape {

// The logits of `images`, of which there are at most `batch`, computed as those of a batch of that
// size: the images that are missing are black. In evaluation mode no image's logits depend on the
// others.
at::Tensor FilledLogits(const GraphNetwork& network, const at::Tensor& images, int64_t batch);

// The fraction of `images` whose largest logit is that of the label, in evaluation mode and without
// gradients; the network is in training mode again afterwards. std::nullopt where `stop` was
// requested, which is looked at after every batch.
std::optional<double> Evaluate(GraphNetwork& network, const EvaluationImages& images,
                               const std::stop_token& stop);

struct Evaluation {
  double accuracy = 0;
  double loss = 0;  // mean cross-entropy over the images, without distillation
};
// The same with the loss; zeros where there is no image.
std::optional<Evaluation> EvaluateWithLoss(GraphNetwork& network, const EvaluationImages& images,
                                           const std::stop_token& stop);

// How many images of one class there are, and how many of them are classified right.
struct ClassCount {
  int64_t images = 0;
  int64_t correct = 0;
};
// The same evaluation for each of `classes` classes.
std::optional<std::vector<ClassCount>> EvaluatePerClass(GraphNetwork& network,
                                                        const EvaluationImages& images,
                                                        int64_t classes,
                                                        const std::stop_token& stop);

// Shows `observer` every operation of a forward pass over all of `images`, in evaluation mode and
// without gradients; the network is in training mode again afterwards. False where `stop` was
// requested.
bool ForwardAll(GraphNetwork& network, const EvaluationImages& images, const std::stop_token& stop,
                const OperationObserver& observer);

}  // namespace reluscape
