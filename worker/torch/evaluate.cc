#include "worker/torch/evaluate.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <functional>

namespace reluscape {
namespace {

// Small enough for a CPU's cache; a GPU is busy with it too.
constexpr int64_t kCpuBatch = 128;
constexpr int64_t kCudaBatch = 1024;

// Calls `look` with whether each image of a batch was classified right, and its labels. False where
// a stop was requested.
bool ForBatches(
    GraphNetwork& network, const EvaluationImages& images, const std::stop_token& stop,
    const std::function<void(const at::Tensor& right, const at::Tensor& labels)>& look) {
  const c10::NoGradGuard no_grad;
  const int64_t batch = network.device().is_cuda() ? kCudaBatch : kCpuBatch;
  network.SetTraining(false);
  bool stopped = false;
  for (int64_t first = 0; first < images.count() && !stopped; first += batch) {
    const Batch part = images.Get(first, std::min(batch, images.count() - first));
    look(network.Forward(part.images).argmax(1) == part.labels, part.labels);
    stopped = stop.stop_requested();
  }
  network.SetTraining(true);
  return !stopped;
}

}  // namespace

std::optional<double> Evaluate(GraphNetwork& network, const EvaluationImages& images,
                               const std::stop_token& stop) {
  if (images.count() == 0) return 0;
  at::Tensor correct = at::zeros({}, at::TensorOptions().dtype(at::kLong).device(network.device()));
  const auto look = [&](const at::Tensor& right, const at::Tensor& /*labels*/) {
    correct += right.sum();
  };
  if (!ForBatches(network, images, stop, look)) return std::nullopt;
  return static_cast<double>(correct.item<int64_t>()) / static_cast<double>(images.count());
}

std::optional<std::vector<double>> EvaluatePerClass(GraphNetwork& network,
                                                    const EvaluationImages& images, int64_t classes,
                                                    const std::stop_token& stop) {
  const at::TensorOptions options = at::TensorOptions().dtype(at::kDouble).device(network.device());
  at::Tensor correct = at::zeros({classes}, options);
  at::Tensor total = at::zeros({classes}, options);
  const auto look = [&](const at::Tensor& right, const at::Tensor& labels) {
    correct.index_add_(0, labels, right.to(at::kDouble));
    total.index_add_(0, labels, at::ones_like(right, options));
  };
  if (!ForBatches(network, images, stop, look)) return std::nullopt;
  const at::Tensor accuracy = (correct / total).cpu();
  const double* values = accuracy.const_data_ptr<double>();
  return std::vector<double>(values, values + classes);
}

}  // namespace reluscape
