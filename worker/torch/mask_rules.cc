#include "worker/torch/mask_rules.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "worker/torch/trim.h"

namespace reluscape {
namespace {

std::vector<at::Tensor> TensorsOf(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(named.size());
  for (const NamedTensor& one : named) tensors.push_back(one.tensor);
  return tensors;
}

class SoftMasks final : public MaskRule {
 public:
  SoftMasks(const GraphNetwork& student, const v1::LinearizeSpec& settings)
      : clamp_(settings.clamp_masks()),
        masks_(TensorsOf(student.masks())),
        units_per_value_(student.units_per_value()),
        adam_(student.masks(), settings.mask_learning_rate(), settings.adam_beta1(),
              settings.adam_beta2()),
        lambda_(at::zeros({}, masks_.front().options().requires_grad(false))) {}

  void SetLambda(double lambda) override { lambda_.fill_(lambda); }

  at::Tensor Step() override {
    const c10::NoGradGuard no_grad;
    at::Tensor norm = at::zeros({}, masks_.front().options());
    for (size_t i = 0; i < masks_.size(); ++i) {
      const auto units = static_cast<double>(units_per_value_[i]);
      norm += units * masks_[i].norm(1);
      masks_[i].mutable_grad().addcmul_(masks_[i].sign(), lambda_, units);
    }
    adam_.Step();
    if (clamp_) {
      for (const at::Tensor& mask : masks_) mask.clamp_(0, 1);
    }
    return lambda_ * norm;
  }

  const std::vector<NamedTensor>& state() const override { return adam_.state(); }
  std::vector<at::Tensor> Ranking() const override { return masks_; }
  bool binary() const override { return false; }

 private:
  const bool clamp_;
  const std::vector<at::Tensor> masks_;
  const std::vector<int64_t> units_per_value_;
  AdamOptimizer adam_;
  at::Tensor lambda_;  // a tensor, since it changes between steps that may be recorded
};

std::vector<NamedTensor> UniformScores(const GraphNetwork& student, uint64_t seed) {
  // Drawn on the CPU, so that a seed means the same scores on every device.
  at::Generator generator = at::make_generator<at::CPUGeneratorImpl>(seed);
  std::vector<NamedTensor> scores;
  for (const NamedTensor& mask : student.masks()) {
    const at::Tensor drawn = at::empty(mask.tensor.sizes(), at::kFloat).uniform_(0, 1, generator);
    scores.push_back({mask.name + "/score", at::empty_like(mask.tensor).copy_(drawn)});
  }
  return scores;
}

class HysteresisMasks final : public MaskRule {
 public:
  HysteresisMasks(const GraphNetwork& student, const v1::LinearizeSpec& settings, int64_t target,
                  uint64_t seed)
      : settings_(settings),
        units_(static_cast<double>(student.units())),
        target_density_(static_cast<double>(target) / units_),
        masks_(TensorsOf(student.masks())),
        units_per_value_(student.units_per_value()),
        named_scores_(UniformScores(student, seed)),
        scores_(TensorsOf(named_scores_)),
        adam_(named_scores_, settings.mask_learning_rate(), settings.adam_beta1(),
              settings.adam_beta2()),
        state_(named_scores_) {
    state_.insert(state_.end(), adam_.state().begin(), adam_.state().end());
  }

  void SetLambda(double /*lambda*/) override {}

  at::Tensor Step() override {
    const c10::NoGradGuard no_grad;
    at::Tensor kept = at::zeros({}, masks_.front().options());
    for (size_t i = 0; i < masks_.size(); ++i) {
      kept += masks_[i].sum() * static_cast<double>(units_per_value_[i]);
    }
    const at::Tensor excess = (kept / units_ - target_density_).clamp_min(0);
    const at::Tensor pull = (excess > 0).to(at::kFloat) * (settings_.density_weight() / units_);
    for (size_t i = 0; i < masks_.size(); ++i) {
      const auto units = static_cast<double>(units_per_value_[i]);
      scores_[i].mutable_grad() = at::softplus(scores_[i]) * (masks_[i].grad() + pull * units);
      masks_[i].mutable_grad().reset();
    }
    adam_.Step();
    for (size_t i = 0; i < masks_.size(); ++i) {
      masks_[i].masked_fill_(scores_[i] <= -settings_.hysteresis(), 0);
      masks_[i].masked_fill_(scores_[i] > settings_.hysteresis(), 1);
    }
    return settings_.density_weight() * excess;
  }

  const std::vector<NamedTensor>& state() const override { return state_; }
  std::vector<at::Tensor> Ranking() const override {
    const c10::NoGradGuard no_grad;
    std::vector<at::Tensor> ranking;
    // A ReLU that is there goes before one that is not, whatever their scores.
    for (size_t i = 0; i < masks_.size(); ++i) {
      ranking.push_back(2 * masks_[i].detach() + at::sigmoid(scores_[i]));
    }
    return ranking;
  }
  bool binary() const override { return true; }

 private:
  const v1::LinearizeSpec& settings_;
  const double units_;
  const double target_density_;
  const std::vector<at::Tensor> masks_;
  const std::vector<int64_t> units_per_value_;
  const std::vector<NamedTensor> named_scores_;
  const std::vector<at::Tensor> scores_;
  AdamOptimizer adam_;
  std::vector<NamedTensor> state_;
};

}  // namespace

std::unique_ptr<MaskRule> MakeSoftMasks(const GraphNetwork& student,
                                        const v1::LinearizeSpec& settings) {
  return std::make_unique<SoftMasks>(student, settings);
}

std::unique_ptr<MaskRule> MakeHysteresisMasks(const GraphNetwork& student,
                                              const v1::LinearizeSpec& settings, int64_t target,
                                              uint64_t seed) {
  return std::make_unique<HysteresisMasks>(student, settings, target, seed);
}

}  // namespace reluscape
