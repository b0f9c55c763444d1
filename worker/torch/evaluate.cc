#include "worker/torch/evaluate.h"

#include <ATen/core/Reduction.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <functional>

namespace reluscape {
namespace {

// Small enough for a CPU's cache; a GPU is busy with it too.
constexpr int64_t kCpuBatch = 128;
constexpr int64_t kCudaBatch = 1024;

// Calls `look` with the logits of each batch and its labels. False where a stop was requested.
bool ForBatches(GraphNetwork& network, const EvaluationImages& images, const std::stop_token& stop,
                const std::function<void(const at::Tensor& logits, const at::Tensor& labels)>& look,
                const OperationObserver& observer = nullptr) {
  const c10::NoGradGuard no_grad;
  const int64_t batch = network.device().is_cuda() ? kCudaBatch : kCpuBatch;
  network.SetTraining(false);
  bool stopped = false;
  for (int64_t first = 0; first < images.count() && !stopped; first += batch) {
    const Batch part = images.Get(first, std::min(batch, images.count() - first));
    // For another shape cuDNN would search its algorithms anew. An observer would take what fills a
    // batch up for some of the set.
    const bool fill = network.device().is_cuda() && observer == nullptr;
    look(fill ? FilledLogits(network, part.images, batch) : network.Forward(part.images, observer),
         part.labels);
    stopped = stop.stop_requested();
  }
  network.SetTraining(true);
  return !stopped;
}

}  // namespace

at::Tensor FilledLogits(const GraphNetwork& network, const at::Tensor& images, int64_t batch) {
  const int64_t missing = batch - images.size(0);
  if (missing == 0) return network.Forward(images);
  const at::Tensor filled = at::constant_pad_nd(images, {0, 0, 0, 0, 0, 0, 0, missing}, 0);
  return network.Forward(filled).narrow(0, 0, images.size(0));
}

std::optional<double> Evaluate(GraphNetwork& network, const EvaluationImages& images,
                               const std::stop_token& stop) {
  if (images.count() == 0) return 0;
  at::Tensor correct = at::zeros({}, at::TensorOptions().dtype(at::kLong).device(network.device()));
  const auto look = [&](const at::Tensor& logits, const at::Tensor& labels) {
    correct += (logits.argmax(1) == labels).sum();
  };
  if (!ForBatches(network, images, stop, look)) return std::nullopt;
  return static_cast<double>(correct.item<int64_t>()) / static_cast<double>(images.count());
}

std::optional<Evaluation> EvaluateWithLoss(GraphNetwork& network, const EvaluationImages& images,
                                           const std::stop_token& stop) {
  if (images.count() == 0) return Evaluation{};
  const at::TensorOptions options = at::TensorOptions().dtype(at::kDouble).device(network.device());
  at::Tensor correct = at::zeros({}, options);
  at::Tensor loss = at::zeros({}, options);
  const auto look = [&](const at::Tensor& logits, const at::Tensor& labels) {
    correct += (logits.argmax(1) == labels).sum();
    loss += at::cross_entropy_loss(logits, labels, /*weight=*/{}, at::Reduction::Sum);
  };
  if (!ForBatches(network, images, stop, look)) return std::nullopt;
  const auto count = static_cast<double>(images.count());
  return Evaluation{.accuracy = correct.item<double>() / count,
                    .loss = loss.item<double>() / count};
}

std::optional<std::vector<ClassCount>> EvaluatePerClass(GraphNetwork& network,
                                                        const EvaluationImages& images,
                                                        int64_t classes,
                                                        const std::stop_token& stop) {
  // Column 0 counts images, column 1 those that are classified right.
  at::Tensor counts =
      at::zeros({classes, 2}, at::TensorOptions().dtype(at::kLong).device(network.device()));
  const auto look = [&](const at::Tensor& logits, const at::Tensor& labels) {
    const at::Tensor right = logits.argmax(1) == labels;
    counts.index_add_(0, labels, at::stack({at::ones_like(labels), right.to(at::kLong)}, 1));
  };
  if (!ForBatches(network, images, stop, look)) return std::nullopt;
  const at::Tensor read = counts.cpu();
  std::vector<ClassCount> result(static_cast<size_t>(classes));
  for (int64_t i = 0; i < classes; ++i) {
    const int64_t* row = read.const_data_ptr<int64_t>() + 2 * i;
    result[static_cast<size_t>(i)] = {.images = row[0], .correct = row[1]};
  }
  return result;
}

bool ForwardAll(GraphNetwork& network, const EvaluationImages& images, const std::stop_token& stop,
                const OperationObserver& observer) {
  const auto ignore = [](const at::Tensor& /*logits*/, const at::Tensor& /*labels*/) {};
  return ForBatches(network, images, stop, ignore, observer);
}

}  // namespace reluscape
