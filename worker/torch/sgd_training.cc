#include "worker/torch/sgd_training.h"

#include <cmath>

#include "base/status_macros.h"
#include "worker/torch/evaluate.h"
#include "worker/torch/learning_rate.h"
#include "worker/torch/losses.h"
#include "worker/torch/result.h"

namespace reluscape {

absl::StatusOr<SgdOutcome> TrainBySgd(const StageContext& context, const SgdTraining& training,
                                      SgdOptimizer& optimizer, int64_t first_epoch,
                                      Checkpoints& checkpoints, const Metadata& stage_metadata) {
  const v1::SgdSpec& settings = training.settings;
  TrainingImages images = context.MakeTrainingImages();
  const EvaluationImages validation = context.MakeEvaluationImages(context.data.validation);
  const int64_t steps = images.StepsPerEpoch(settings.batch());
  StepGraph step = context.MakeStepGraph(training.network, [&](const StepInput& input) {
    StepResult result;
    const RangedOutput output = ForwardInRange(training.network, input.images, training.range);
    result.logits = output.logits;
    result.loss =
        at::cross_entropy_loss(result.logits, input.targets, /*weight=*/{}, at::Reduction::Mean,
                               /*ignore_index=*/-100, settings.label_smoothing());
    if (training.teacher != nullptr) {
      const at::Tensor target = input.teacher_logits.defined()
                                    ? input.teacher_logits
                                    : training.teacher->Logits(input.images);
      result.loss = DistillationLoss(result.loss, result.logits, target,
                                     context.task.settings().distillation());
    }
    result.loss = output.AddTo(result.loss);
    result.loss.backward();
    optimizer.Step();
    return result;
  });
  SgdOutcome outcome;
  for (int64_t epoch = first_epoch; epoch < settings.epochs(); ++epoch) {
    const Stopwatch stopwatch;
    double rate = 0;
    ASSIGN_OR_RETURN(
        const EpochTotals totals,
        RunEpoch(context, images, settings.batch(), epoch, [&](const Batch& batch, int64_t number) {
          rate = LearningRateAt(settings, epoch * steps + number, steps);
          optimizer.SetLearningRate(rate);
          StepInput input{.images = batch.images, .targets = batch.targets, .teacher_logits = {}};
          if (training.teacher != nullptr) input.teacher_logits = training.teacher->Kept(batch);
          return step.Take(input);
        }));
    // The loss is from before each step: the last one may have been the one too many.
    if (!std::isfinite(totals.loss) || !AllFinite(LearnedOf(training.network))) {
      outcome.failure = DivergedOutcome(context, epoch, totals.loss, checkpoints);
      return outcome;
    }
    const std::optional<double> accuracy = Evaluate(training.network, validation, context.stop);
    if (!accuracy) return StoppedError();
    outcome.validation_accuracy = *accuracy;
    v1::Epoch report;
    report.set_epoch(epoch);
    report.set_loss(totals.loss);
    report.set_train_accuracy(totals.accuracy);
    report.set_validation_accuracy(*accuracy);
    report.set_learning_rate(rate);
    report.set_relus(training.relus);
    report.set_seconds(stopwatch.Seconds());
    context.listener.OnEpoch(report);
    if (epoch + 1 < settings.epochs()) {
      RETURN_IF_ERROR(checkpoints.SaveIfDue(epoch + 1, [&] { return stage_metadata; }));
    }
  }
  return outcome;
}

}  // namespace reluscape
