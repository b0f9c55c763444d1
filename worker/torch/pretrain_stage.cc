#include "worker/torch/pretrain_stage.h"

#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "worker/torch/pretrained_weights.h"
#include "worker/torch/result.h"
#include "worker/torch/sgd_training.h"
#include "worker/torch/whole_network.h"

namespace reluscape {

absl::StatusOr<TaskOutcome> RunPretrain(const StageContext& context) {
  const v1::TaskDescription& task = context.task;
  const v1::SgdSpec& settings = task.settings().pretrain();
  if (IsSet(task.pretrained())) return TakeOverWeights(context);
  GraphNetwork network = context.MakeNetwork(MaskMode::kNone);
  const bool whole = !task.budgets().empty();
  if (whole && (task.budgets().size() != 1 || task.budgets(0) != network.units())) {
    return FailedOutcome(
        v1::Failure::REFUSED,
        absl::StrCat("budgets of a pretrain: found ", absl::StrJoin(task.budgets(), ", "),
                     "; allowed: none, or ", network.units(), ", the ReLUs of the network"),
        /*epoch=*/-1);
  }
  ASSIGN_OR_RETURN(const std::unique_ptr<GraphNetwork> teacher, LoadTeacher(context));
  std::optional<Teacher> targets;
  if (teacher != nullptr) targets.emplace(context.MakeTeacher(*teacher));
  network.Initialize(DeriveSeed(task.seed(), "weights"));
  SgdOptimizer optimizer(network.weights(), settings);

  const std::vector<NamedTensor> learned = LearnedOf(network);
  std::vector<NamedTensor> state = learned;
  state.insert(state.end(), optimizer.state().begin(), optimizer.state().end());
  Checkpoints checkpoints(context, state, settings.epochs());
  ASSIGN_OR_RETURN(const std::optional<Checkpoints::Resumed> resumed, checkpoints.Restore());

  ASSIGN_OR_RETURN(const SgdOutcome trained,
                   TrainBySgd(context,
                              {.network = network,
                               .teacher = targets ? &*targets : nullptr,
                               .settings = settings,
                               .relus = network.units()},
                              optimizer, resumed ? resumed->epochs_done : 0, checkpoints,
                              /*stage_metadata=*/{}));
  if (trained.failure) return *trained.failure;

  TaskOutcome outcome;
  if (whole) {
    ASSIGN_OR_RETURN(outcome.result, WholeResult(context, network, trained.validation_accuracy));
    ASSIGN_OR_RETURN(outcome.accuracy_test, Accuracy(context, network, context.data.test));
  } else {
    SafetensorsFile file;
    AddTensors(learned, file.tensors);
    file.metadata = DescribeOrigin("weights", task, context.data);
    ASSIGN_OR_RETURN(outcome.weights, StoreArtifact(context.artifacts, file));
  }
  outcome.device_seconds = checkpoints.DeviceSeconds();
  return outcome;
}

}  // namespace reluscape
