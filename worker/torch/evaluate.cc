#include "worker/torch/evaluate.h"

#include <c10/core/GradMode.h>

#include <algorithm>

namespace reluscape {
namespace {

// Small enough for a CPU's cache; a GPU is busy with it too.
constexpr int64_t kCpuBatch = 128;
constexpr int64_t kCudaBatch = 1024;

}  // namespace

std::optional<double> Evaluate(GraphNetwork& network, const EvaluationImages& images,
                               const std::stop_token& stop) {
  if (images.count() == 0) return 0;
  const c10::NoGradGuard no_grad;
  const int64_t batch = network.device().is_cuda() ? kCudaBatch : kCpuBatch;
  network.SetTraining(false);
  at::Tensor correct = at::zeros({}, at::TensorOptions().dtype(at::kLong).device(network.device()));
  bool stopped = false;
  for (int64_t first = 0; first < images.count() && !stopped; first += batch) {
    const Batch part = images.Get(first, std::min(batch, images.count() - first));
    correct += (network.Forward(part.images).argmax(1) == part.labels).sum();
    stopped = stop.stop_requested();
  }
  network.SetTraining(true);
  if (stopped) return std::nullopt;
  return static_cast<double>(correct.item<int64_t>()) / static_cast<double>(images.count());
}

}  // namespace reluscape
