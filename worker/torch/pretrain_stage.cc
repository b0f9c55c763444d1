#include "worker/torch/pretrain_stage.h"

#include "base/random.h"
#include "base/status_macros.h"
#include "worker/torch/sgd_training.h"

namespace reluscape {

absl::StatusOr<TaskOutcome> RunPretrain(const StageContext& context) {
  const SgdSettings& settings = context.task.settings.pretrain;
  GraphNetwork network(context.network, MaskMode::kNone, context.device);
  network.Initialize(DeriveSeed(context.task.seed, "weights"));
  SgdOptimizer optimizer(network.weights(), settings);

  std::vector<NamedTensor> learned = network.weights();
  learned.insert(learned.end(), network.statistics().begin(), network.statistics().end());
  std::vector<NamedTensor> state = learned;
  state.insert(state.end(), optimizer.state().begin(), optimizer.state().end());
  Checkpoints checkpoints(context, state, settings.epochs);
  const std::optional<Checkpoints::Resumed> resumed = checkpoints.Restore();

  ASSIGN_OR_RETURN(
      const SgdOutcome trained,
      TrainBySgd(
          context,
          {.network = network, .teacher = nullptr, .settings = settings, .relus = network.units()},
          optimizer, resumed ? resumed->epochs_done : 0, checkpoints, /*stage_metadata=*/{}));
  if (trained.failure) return *trained.failure;

  SafetensorsFile file;
  AddTensors(learned, file.tensors);
  file.metadata = DescribeOrigin("weights", context.task, context.data);
  TaskOutcome outcome;
  ASSIGN_OR_RETURN(outcome.weights, StoreArtifact(context.artifacts, file));
  outcome.device_seconds = checkpoints.DeviceSeconds();
  return outcome;
}

}  // namespace reluscape
