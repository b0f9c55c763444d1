#include "worker/torch/mask_scores.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <functional>

#include "base/random.h"
#include "base/status_macros.h"
#include "worker/torch/polynomial_relu.h"

namespace reluscape {
namespace {

std::vector<at::Tensor> Zeros(const GraphNetwork& network) {
  std::vector<at::Tensor> zeros;
  for (const NamedTensor& mask : network.masks()) zeros.push_back(at::zeros_like(mask.tensor));
  return zeros;
}

// Adds `weight` times what `what` makes of each mask's gradient for `batch`, and drops those.
void AddGradients(const GraphNetwork& network, const Batch& batch, double weight,
                  const std::function<at::Tensor(const at::Tensor& gradient)>& what,
                  std::vector<at::Tensor>& sums) {
  at::cross_entropy_loss(network.Forward(batch.images), batch.targets).backward();
  const c10::NoGradGuard no_grad;
  for (const NamedTensor& one : network.parameters()) one.tensor.mutable_grad().reset();
  for (size_t i = 0; i < sums.size(); ++i) {
    at::Tensor& gradient = network.masks()[i].tensor.mutable_grad();
    sums[i].add_(what(gradient), weight);
    gradient.reset();
  }
}

absl::StatusOr<std::vector<at::Tensor>> Snip(const StageContext& context,
                                             const GraphNetwork& network) {
  std::vector<at::Tensor> sums = Zeros(network);
  RETURN_IF_ERROR(ForScoredBatches(context, [&](const Batch& batch) {
    AddGradients(
        network, batch, static_cast<double>(batch.labels.size(0)),
        [](const at::Tensor& gradient) { return gradient; }, sums);
  }));
  for (at::Tensor& sum : sums) sum.abs_();
  return sums;
}

absl::StatusOr<std::vector<at::Tensor>> Taylor(const StageContext& context,
                                               const GraphNetwork& network) {
  std::vector<at::Tensor> sums = Zeros(network);
  RETURN_IF_ERROR(ForScoredBatches(context, [&](const Batch& batch) {
    // Image by image: the square is of one image's gradient.
    for (int64_t i = 0; i < batch.labels.size(0); ++i) {
      AddGradients(
          network,
          {.images = batch.images.narrow(0, i, 1),
           .labels = batch.labels.narrow(0, i, 1),
           .targets = batch.targets.narrow(0, i, 1)},
          /*weight=*/1, [](const at::Tensor& gradient) { return gradient.square() / 2 - gradient; },
          sums);
    }
  }));
  return sums;
}

// What a ReLU of layer `relu` changes where it stands, element by element: against the identity
// max(-x, 0).
at::Tensor Change(const GraphNetwork& network, size_t relu, const at::Tensor& x) {
  if (network.coefficients().empty()) return (-x).clamp_min_(0);
  return x.relu().sub_(Polynomial(x, network.coefficients()[relu].tensor)).abs_();
}

absl::StatusOr<std::vector<at::Tensor>> Magnitude(const StageContext& context,
                                                  const GraphNetwork& network) {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> sums = Zeros(network);
  size_t relu = 0;
  const auto look = [&](const Op& op, const at::Tensor& input, const at::Tensor& /*output*/) {
    if (op.kind != OpKind::kRelu) return;
    const at::Tensor cut = Change(network, relu, input.narrow(1, 0, op.relu_channels)).sum(0);
    sums[relu] += at::sum_to(cut, sums[relu].sizes());
    ++relu;
  };
  RETURN_IF_ERROR(ForScoredBatches(context, [&](const Batch& batch) {
    relu = 0;
    network.Forward(batch.images, look);
  }));
  return sums;
}

std::vector<at::Tensor> Uniform(const StageContext& context, const GraphNetwork& network) {
  at::Generator generator =
      at::make_generator<at::CPUGeneratorImpl>(DeriveSeed(context.task.seed(), "masks"));
  std::vector<at::Tensor> scores;
  for (const NamedTensor& mask : network.masks()) {
    scores.push_back(at::empty(mask.tensor.sizes(), at::kFloat).uniform_(0, 1, generator));
  }
  return scores;
}

}  // namespace

absl::Status ForScoredBatches(const StageContext& context,
                              const std::function<void(const Batch& batch)>& look) {
  const v1::LinearizeSpec& settings = context.task.settings().linearize();
  TrainingImages images = context.MakeTrainingImages();
  images.StartEpoch(context.task.seed(), /*epoch=*/0);
  const int64_t steps = std::min(settings.score_batches(), images.StepsPerEpoch(settings.batch()));
  for (int64_t step = 0; step < steps; ++step) {
    look(images.Get(step, settings.batch()));
    if (context.stop.stop_requested()) return StoppedError();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<at::Tensor>> ScoreMasks(const StageContext& context,
                                                   v1::LinearizeSpec::Method method,
                                                   GraphNetwork& network) {
  if (method == v1::LinearizeSpec::RANDOM || method == v1::LinearizeSpec::LAYER_UNIFORM) {
    return Uniform(context, network);
  }
  network.SetTraining(false);
  absl::StatusOr<std::vector<at::Tensor>> scores =
      method == v1::LinearizeSpec::TAYLOR      ? Taylor(context, network)
      : method == v1::LinearizeSpec::MAGNITUDE ? Magnitude(context, network)
                                               : Snip(context, network);
  network.SetTraining(true);
  if (!scores.ok()) return scores;
  // A value that governs many units has the sum of what they are worth.
  for (size_t i = 0; i < scores->size(); ++i) {
    (*scores)[i].div_(static_cast<double>(network.units_per_value()[i]));
  }
  return scores;
}

}  // namespace reluscape
