#include "worker/torch/optimizers.h"

#include <ATen/ops/_foreach_add.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_sgd.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

namespace reluscape {
namespace {

// The gradients of `parameters`, which lose them. The fused operators walk parameter, gradient and
// state in memory order, so their layouts must agree; autograd stores a leaf's gradient in the
// leaf's own layout.
std::vector<at::Tensor> TakeGradients(const std::vector<at::Tensor>& parameters) {
  std::vector<at::Tensor> gradients;
  gradients.reserve(parameters.size());
  for (const at::Tensor& parameter : parameters) {
    at::Tensor gradient = std::move(parameter.mutable_grad());
    parameter.mutable_grad().reset();
    if (!gradient.defined()) gradient = at::zeros_like(parameter);
    if (gradient.strides() != parameter.strides()) {
      gradient = at::empty_like(parameter).copy_(gradient);
    }
    gradients.push_back(std::move(gradient));
  }
  return gradients;
}

}  // namespace

SgdOptimizer::SgdOptimizer(const std::vector<NamedTensor>& parameters, const v1::SgdSpec& settings)
    : settings_(settings), groups_(3) {
  const c10::NoGradGuard no_grad;
  const bool dirac = std::any_of(
      parameters.begin(), parameters.end(),
      [](const NamedTensor& parameter) { return parameter.name.ends_with(kDiracIdentitySuffix); });
  groups_[0].weight_decay = settings.weight_decay();
  groups_[1].weight_decay =
      settings.decay_one_dimensional() && !dirac ? settings.weight_decay() : 0;
  for (const NamedTensor& parameter : parameters) {
    const bool polynomial = parameter.name.ends_with(kPolynomialSuffix);
    Group& group = groups_[polynomial ? 2 : parameter.tensor.dim() > 1 ? 0 : 1];
    group.parameters.push_back(parameter.tensor);
    if (settings.momentum() == 0) continue;
    group.momentum.push_back(at::zeros_like(parameter.tensor));
    state_.push_back({parameter.name + "/momentum", group.momentum.back()});
  }
  const at::Tensor& first = parameters.front().tensor;
  if (first.is_cuda()) rate_on_gpu_ = at::zeros({}, first.options().requires_grad(false));
}

void SgdOptimizer::SetLearningRate(double rate) {
  rate_ = rate;
  if (rate_on_gpu_.defined()) rate_on_gpu_.fill_(rate);
}

void SgdOptimizer::Step() {
  const c10::NoGradGuard no_grad;
  for (Group& group : groups_) {
    if (group.parameters.empty()) continue;
    const auto step = [&](const auto& rate) {
      at::_fused_sgd_(group.parameters, TakeGradients(group.parameters), group.momentum,
                      group.weight_decay, settings_.momentum(), rate, /*dampening=*/0,
                      settings_.nesterov(), /*maximize=*/false,
                      /*is_first_step=*/false);  // equal to the first step where momentum is 0
    };
    if (rate_on_gpu_.defined()) {
      step(rate_on_gpu_);
    } else {
      step(rate_);
    }
  }
}

AdamOptimizer::AdamOptimizer(const std::vector<NamedTensor>& parameters, double learning_rate,
                             double beta1, double beta2)
    : learning_rate_(learning_rate), beta1_(beta1), beta2_(beta2) {
  const c10::NoGradGuard no_grad;
  for (const NamedTensor& parameter : parameters) {
    const at::Tensor& tensor = parameter.tensor;
    parameters_.push_back(tensor);
    means_.push_back(at::zeros_like(tensor));
    squares_.push_back(at::zeros_like(tensor));
    steps_.push_back(at::zeros({}, tensor.options()));
    state_.push_back({parameter.name + "/mean", means_.back()});
    state_.push_back({parameter.name + "/square", squares_.back()});
    state_.push_back({parameter.name + "/steps", steps_.back()});
  }
}

void AdamOptimizer::Step() {
  const c10::NoGradGuard no_grad;
  const std::vector<at::Tensor> gradients = TakeGradients(parameters_);
  at::_foreach_add_(steps_, 1);  // the operator reads the steps but does not advance them
  at::_fused_adam_(parameters_, gradients, means_, squares_, /*max_exp_avg_sqs=*/{}, steps_,
                   learning_rate_, beta1_, beta2_, /*weight_decay=*/0,
                   /*eps=*/1e-8, /*amsgrad=*/false, /*maximize=*/false);
}

}  // namespace reluscape
