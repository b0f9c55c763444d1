#include "worker/torch/descent_step.h"

#include "worker/torch/losses.h"

namespace reluscape {

StepResult DescentStep::Take(const Batch& batch, double lambda) const {
  const at::Tensor target = teacher.Logits(batch);
  StepResult result;
  result.logits = student.Forward(batch.images);
  result.loss = DistillationLoss(result.logits, target, batch.targets, distillation);
  result.loss.backward();
  weights.Step();
  result.loss = result.loss.detach() + rule.Step(lambda);
  return result;
}

}  // namespace reluscape
