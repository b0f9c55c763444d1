#include "worker/torch/step_graph.h"

#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>

#include <array>
#include <exception>
#include <string>
#include <utility>

#include "base/log.h"

namespace reluscape {
namespace {

// As many as LibTorch's own wrapper takes before it records: what is chosen or allocated at a first
// use (cuDNN's algorithms, workspaces) is there afterwards.
constexpr int kWarmUps = 3;

constexpr std::array kTensors = {&StepInput::images, &StepInput::targets,
                                 &StepInput::teacher_logits};

bool SameShapes(const StepInput& one, const StepInput& other) {
  for (const auto tensor : kTensors) {
    const at::Tensor& a = one.*tensor;
    const at::Tensor& b = other.*tensor;
    if (a.defined() != b.defined()) return false;
    if (a.defined() && (a.sizes() != b.sizes() || a.scalar_type() != b.scalar_type())) return false;
  }
  return true;
}

}  // namespace

StepGraph::StepGraph(Step step, std::function<void()> drop_gradients,
                     std::unique_ptr<StepRecorder> recorder)
    : step_(std::move(step)),
      drop_gradients_(std::move(drop_gradients)),
      recorder_(std::move(recorder)) {}

StepResult StepGraph::Plain(const StepInput& input) const {
  StepResult result = step_(input);
  if (result.loss.defined()) result.loss = result.loss.detach();
  result.logits = result.logits.detach();
  return result;
}

bool StepGraph::Record(const StepInput& input) {
  const c10::NoGradGuard no_grad;
  try {
    for (const auto tensor : kTensors) {
      if ((input.*tensor).defined()) input_.*tensor = (input.*tensor).clone();
    }
    recorder_->Record([this] {
      const at::AutoGradMode with_gradients(true);
      result_ = Plain(input_);
    });
  } catch (const std::exception& error) {
    const auto* const torch = dynamic_cast<const c10::Error*>(&error);
    LogWarning("this step is not recorded as a CUDA graph, steps will be slower: ",
               torch != nullptr ? torch->what_without_backtrace() : error.what());
    drop_gradients_();
    result_ = {};
    input_ = {};
    recorder_.reset();
    return false;
  }
  recorded_ = true;
  return true;
}

StepResult StepGraph::Take(const StepInput& input) {
  if (recorder_ == nullptr) return Plain(input);
  const bool larger = warm_ups_ > 0 && !recorded_ && input.images.size(0) > input_.images.size(0);
  if (warm_ups_ == 0 || larger) {
    input_ = input;
    warm_ups_ = 0;
  }
  if (!SameShapes(input, input_)) return Plain(input);
  if (warm_ups_ < kWarmUps) {
    ++warm_ups_;
    StepResult result;
    recorder_->WarmUp([&] { result = Plain(input); });
    return result;
  }
  if (!recorded_) {
    if (!Record(input)) return Plain(input);
  } else {
    const c10::NoGradGuard no_grad;
    for (const auto tensor : kTensors) {
      if ((input.*tensor).defined()) (input_.*tensor).copy_(input.*tensor);
    }
  }
  recorder_->Replay();
  return result_;
}

}  // namespace reluscape
