#include "worker/torch/polynomials.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <utility>

#include "base/status_macros.h"
#include "worker/torch/evaluate.h"
#include "worker/torch/mask_scores.h"

namespace reluscape {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr double kSmallestVariance = 0.5;  // AutoReP, public code

// Sum over all elements of weight * max(|x| - limit, 0)^2; keeps x alone for the backward pass.
class ExcessFunction : public torch::autograd::Function<ExcessFunction> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            double limit) {
    context->save_for_backward({x, weight});
    context->saved_data["limit"] = limit;
    return (x.to(at::kFloat).abs() - limit).clamp_min_(0).square_().mul_(weight).sum();
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const double limit = context->saved_data["limit"].toDouble();
    const at::Tensor x = saved[0].to(at::kFloat);
    const at::Tensor gradient = (x - x.clamp(-limit, limit)).mul_(2 * saved[1] * gradients[0]);
    return {gradient.to(saved[0].scalar_type()), at::Tensor(), at::Tensor()};
  }
};

// How often `look` wants the input of each ReLU layer, as N x C x H x W of its own channels.
OperationObserver ReluInputs(std::function<void(size_t layer, const at::Tensor& input)> look) {
  return [look = std::move(look), layer = size_t{0}](const Op& op, const at::Tensor& input,
                                                     const at::Tensor& /*output*/) mutable {
    if (op.kind == OpKind::kInput) layer = 0;
    if (op.kind != OpKind::kRelu) return;
    look(layer++, input.narrow(1, 0, op.relu_channels));
  };
}

}  // namespace

at::Tensor FittedPolynomials(const at::Tensor& mean, const at::Tensor& variance) {
  const at::Tensor deviation = variance.clamp_min(kSmallestVariance).sqrt();
  const at::Tensor t = mean / deviation;
  const at::Tensor density = (t.square() / -2).exp() / std::sqrt(2 * std::numbers::pi);
  const at::Tensor distribution = (1 + (t / std::numbers::sqrt2).erf()) / 2;
  return at::stack({deviation * density * (1 + t.square()) / 2, distribution - t * density,
                    density / (2 * deviation)});
}

absl::Status FitPolynomials(const StageContext& context, GraphNetwork& network) {
  if (network.coefficients().empty()) return absl::OkStatus();
  const c10::NoGradGuard no_grad;
  struct Moments {
    at::Tensor sum;
    at::Tensor squares;
    double count = 0;
  };
  std::vector<Moments> moments(network.coefficients().size());
  const OperationObserver observer = ReluInputs([&](size_t layer, const at::Tensor& input) {
    const at::Tensor x = input.to(at::kDouble);
    Moments& of_layer = moments[layer];
    const at::Tensor sum = x.sum({0, 2, 3});
    const at::Tensor squares = x.square().sum({0, 2, 3});
    of_layer.sum = of_layer.sum.defined() ? of_layer.sum + sum : sum;
    of_layer.squares = of_layer.squares.defined() ? of_layer.squares + squares : squares;
    of_layer.count += static_cast<double>(x.numel() / x.size(1));
  });
  network.SetTraining(false);
  const absl::Status looked = ForScoredBatches(
      context, [&](const Batch& batch) { network.Forward(batch.images, observer); });
  network.SetTraining(true);
  RETURN_IF_ERROR(looked);
  for (size_t i = 0; i < moments.size(); ++i) {
    const at::Tensor mean = moments[i].sum / moments[i].count;
    const at::Tensor variance = moments[i].squares / moments[i].count - mean.square();
    network.coefficients()[i].tensor.copy_(FittedPolynomials(mean, variance));
  }
  return absl::OkStatus();
}

RangePenalty RangePenaltyOf(const v1::LinearizeSpec& settings) {
  if (settings.replacement() == v1::LinearizeSpec::IDENTITY) return {};
  return {.weight = settings.range_penalty(), .limit = settings.range_limit()};
}

RangedOutput ForwardInRange(const GraphNetwork& network, const at::Tensor& images,
                            const RangePenalty& penalty, const OperationObserver& observer) {
  RangedOutput output;
  if (penalty.weight == 0 || network.coefficients().empty()) {
    output.logits = network.Forward(images, observer);
    return output;
  }
  const double scale = penalty.weight / static_cast<double>(images.size(0));
  const OperationObserver inputs = ReluInputs([&](size_t layer, const at::Tensor& input) {
    const at::Tensor removed = (1 - network.masks()[layer].tensor.detach()).clamp_(0, 1) * scale;
    const at::Tensor excess = ExcessFunction::apply(input, removed.unsqueeze(0), penalty.limit);
    output.penalty = output.penalty.defined() ? output.penalty + excess : excess;
  });
  output.logits =
      network.Forward(images, [&](const Op& op, const at::Tensor& input, const at::Tensor& result) {
        inputs(op, input, result);
        if (observer) observer(op, input, result);
      });
  return output;
}

std::optional<std::vector<std::optional<InputRange>>> MeasureInputRanges(
    const StageContext& context, GraphNetwork& network) {
  const c10::NoGradGuard no_grad;
  struct Extremes {
    at::Tensor kept;  // of the units, which ones are ReLUs
    at::Tensor min;
    at::Tensor max;
  };
  std::vector<Extremes> layers;
  for (const NamedTensor& mask : network.masks()) {
    layers.push_back(
        {.kept = (mask.tensor != 0).unsqueeze(0),
         .min = at::full({}, std::numeric_limits<double>::infinity(), mask.tensor.options()),
         .max = at::full({}, -std::numeric_limits<double>::infinity(), mask.tensor.options())});
  }
  const OperationObserver observer = ReluInputs([&](size_t layer, const at::Tensor& input) {
    Extremes& of_layer = layers[layer];
    const at::Tensor x = input.to(at::kFloat);
    const double infinity = std::numeric_limits<double>::infinity();
    of_layer.min = at::minimum(of_layer.min, x.masked_fill(of_layer.kept, infinity).min());
    of_layer.max = at::maximum(of_layer.max, x.masked_fill(of_layer.kept, -infinity).max());
  });
  const EvaluationImages images = context.MakeEvaluationImages(context.data.train);
  if (!ForwardAll(network, images, context.stop, observer)) return std::nullopt;
  std::vector<std::optional<InputRange>> ranges;
  for (const Extremes& of_layer : layers) {
    if (of_layer.kept.all().item<bool>()) {
      ranges.emplace_back();
    } else {
      ranges.emplace_back(
          InputRange{.min = of_layer.min.item<double>(), .max = of_layer.max.item<double>()});
    }
  }
  return ranges;
}

}  // namespace reluscape
