#pragma once

// SGD with momentum and Adam over a fixed list of tensors, by LibTorch's fused operators. Their
// state is a plain list of named tensors, so that a checkpoint restores it bit by bit. Not
// thread-safe.

#include <ATen/ATen.h>

#include <vector>

#include "reluscape/v1/job.pb.h"
#include "worker/torch/graph_network.h"

namespace reluscape {

// v = momentum * v + g + weight_decay * w;  w -= rate * v  (w -= rate * (g + momentum * v) with
// Nesterov), as torch::optim::SGD.
//
// In a network with Dirac convolutions weight decay never acts on one-dimensional parameters,
// whatever the settings say: it would pull the identity out of the filters (DiracNets, public
// code).
// It never acts on coefficients of polynomials, which would forget what they stand for: c1 is near
// 1 for units that are nearly linear.
class SgdOptimizer {
 public:
  // Trains `parameters`, which keep their memory as long as this object lives.
  SgdOptimizer(const std::vector<NamedTensor>& parameters, const v1::SgdSpec& settings);

  // That of the next steps; 0 at first.
  void SetLearningRate(double rate);

  // One step with the gradients that the parameters hold; releases them. Can be recorded
  // (step_graph.h).
  void Step();

  // "<parameter>/momentum"; one per parameter, none without momentum.
  const std::vector<NamedTensor>& state() const { return state_; }

 private:
  struct Group {
    double weight_decay = 0;
    std::vector<at::Tensor> parameters;
    std::vector<at::Tensor> momentum;
  };

  v1::SgdSpec settings_;
  double rate_ = 0;
  at::Tensor rate_on_gpu_;  // there alone, and the same: a recorded step reads it anew
  std::vector<Group> groups_;
  std::vector<NamedTensor> state_;
};

// Adam without weight decay (Kingma and Ba, ICLR 2015; epsilon 1e-8), as torch::optim::Adam.
class AdamOptimizer {
 public:
  AdamOptimizer(const std::vector<NamedTensor>& parameters, double learning_rate,
                double beta1 = 0.9, double beta2 = 0.999);

  // One step with the gradients that the parameters hold; releases them. Can be recorded.
  void Step();

  // "<parameter>/mean", "<parameter>/square", "<parameter>/steps".
  const std::vector<NamedTensor>& state() const { return state_; }

 private:
  double learning_rate_;
  double beta1_;
  double beta2_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> means_;
  std::vector<at::Tensor> squares_;
  std::vector<at::Tensor> steps_;
  std::vector<NamedTensor> state_;
};

}  // namespace reluscape
