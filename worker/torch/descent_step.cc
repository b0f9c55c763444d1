#include "worker/torch/descent_step.h"

#include "worker/torch/losses.h"

namespace reluscape {

StepResult DescentStep::Take(const Batch& batch, double lambda) const {
  const at::Tensor target = teacher.Logits(batch);
  StepResult result;
  const RangedOutput output = ForwardInRange(student, batch.images, range);
  result.logits = output.logits;
  result.loss = output.AddTo(DistillationLoss(result.logits, target, batch.targets, distillation));
  result.loss.backward();
  weights.Step();
  result.loss = result.loss.detach() + rule.Step(lambda);
  return result;
}

}  // namespace reluscape
