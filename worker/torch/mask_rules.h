#pragma once

// How a descent trains the masks of its student. Not thread-safe.

#include <ATen/ATen.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "reluscape/v1/job.pb.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/optimizers.h"

namespace reluscape {

class MaskRule {
 public:
  virtual ~MaskRule() = default;

  // The lambda of the next steps; 0 at first.
  virtual void SetLambda(double lambda) = 0;

  // With the gradients of the loss in the student's masks: adds that of the penalty, takes the
  // step, releases the gradients. Returns the penalty before the step, a scalar without gradient.
  // Can be recorded (step_graph.h).
  virtual at::Tensor Step() = 0;

  // What a checkpoint needs beside the masks.
  virtual const std::vector<NamedTensor>& state() const = 0;

  // Larger values are kept first when the masks are trimmed to a Budget. Those of binary masks
  // are above kRankOfLinear where the mask is 1, else below.
  static constexpr double kRankOfLinear = 1;
  virtual std::vector<at::Tensor> Ranking() const = 0;

  // Whether masks are 0 or 1 at every step, so that only Ranking tells which to trim.
  virtual bool binary() const = 0;
};

// SNL (Cho et al., ICML 2022): Adam on the masks themselves under lambda * sum of |a| over all
// units (a value that governs many units counts that often; sign(0) = 0), with settings.clamp_masks
// brought back into [0, 1] after each step.
std::unique_ptr<MaskRule> MakeSoftMasks(const GraphNetwork& student,
                                        const v1::LinearizeSpec& settings);

// AutoReP (Peng et al., ICCV 2023, with the constants of its public code): every mask value is 0 or
// 1 and has a score s, uniform in [0, 1) at first. After each step it becomes 0 where
// s <= -hysteresis and 1 where s > hysteresis, and stays in between. dL/ds = softplus(s) * dL/da;
// Adam moves s. The penalty is density_weight * max(0, density - target / units), where the density
// is the share of units whose mask is 1; lambda is not used. `seed` decides the first scores.
std::unique_ptr<MaskRule> MakeHysteresisMasks(const GraphNetwork& student,
                                              const v1::LinearizeSpec& settings, int64_t target,
                                              uint64_t seed);

}  // namespace reluscape
