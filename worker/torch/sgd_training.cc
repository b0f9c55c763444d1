#include "worker/torch/sgd_training.h"

#include <cmath>

#include "base/status_macros.h"
#include "worker/torch/evaluate.h"
#include "worker/torch/learning_rate.h"
#include "worker/torch/losses.h"

namespace reluscape {

absl::StatusOr<SgdOutcome> TrainBySgd(const StageContext& context, const SgdTraining& training,
                                      SgdOptimizer& optimizer, int64_t first_epoch,
                                      Checkpoints& checkpoints, const Metadata& stage_metadata) {
  const SgdSettings& settings = training.settings;
  TrainingImages images = context.MakeTrainingImages();
  const EvaluationImages validation = context.MakeEvaluationImages(context.data.validation);
  const int64_t steps = images.StepsPerEpoch(settings.batch);
  SgdOutcome outcome;
  for (int64_t epoch = first_epoch; epoch < settings.epochs; ++epoch) {
    const Stopwatch stopwatch;
    double rate = 0;
    ASSIGN_OR_RETURN(
        const EpochTotals totals,
        RunEpoch(context, images, settings.batch, epoch, [&](const Batch& batch, int64_t step) {
          at::Tensor target;
          if (training.teacher != nullptr) target = training.teacher->Logits(batch);
          StepResult result;
          const RangedOutput output =
              ForwardInRange(training.network, batch.images, training.range);
          result.logits = output.logits;
          result.loss = target.defined() ? DistillationLoss(result.logits, target, batch.targets,
                                                            context.task.settings.distillation)
                                         : at::cross_entropy_loss(result.logits, batch.targets);
          result.loss = output.AddTo(result.loss);
          result.loss.backward();
          rate = LearningRateAt(settings, epoch * steps + step, steps);
          optimizer.Step(rate);
          return result;
        }));
    if (!std::isfinite(totals.loss)) {
      outcome.failure = DivergedOutcome(context, epoch, totals.loss, checkpoints);
      return outcome;
    }
    const std::optional<double> accuracy = Evaluate(training.network, validation, context.stop);
    if (!accuracy) return StoppedError();
    outcome.validation_accuracy = *accuracy;
    context.listener.OnEpoch({.epoch = epoch,
                              .loss = totals.loss,
                              .train_accuracy = totals.accuracy,
                              .validation_accuracy = *accuracy,
                              .learning_rate = rate,
                              .lambda = std::nullopt,
                              .relus = training.relus,
                              .seconds = stopwatch.Seconds()});
    if (epoch + 1 < settings.epochs) {
      RETURN_IF_ERROR(checkpoints.SaveIfDue(epoch + 1, [&] { return stage_metadata; }));
    }
  }
  return outcome;
}

}  // namespace reluscape
