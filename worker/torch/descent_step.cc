#include "worker/torch/descent_step.h"

#include "worker/torch/losses.h"

namespace reluscape {

StepResult DescentStep::Take(const StepInput& input) const {
  const at::Tensor target =
      input.teacher_logits.defined() ? input.teacher_logits : teacher.Logits(input.images);
  StepResult result;
  const RangedOutput output = ForwardInRange(student, input.images, range);
  result.logits = output.logits;
  result.loss = output.AddTo(DistillationLoss(at::cross_entropy_loss(result.logits, input.targets),
                                              result.logits, target, distillation));
  result.loss.backward();
  weights.Step();
  result.loss = result.loss.detach() + rule.Step();
  return result;
}

}  // namespace reluscape
