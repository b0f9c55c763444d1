#include "worker/torch/pretrain_stage.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "worker/torch/result.h"
#include "worker/torch/sgd_training.h"

namespace reluscape {
namespace {

// The network that the Task learns from, for evaluation; null where it has none.
absl::StatusOr<std::unique_ptr<GraphNetwork>> LoadTeacher(const StageContext& context) {
  const TaskDescription& task = context.task;
  if (task.teacher_network.empty()) return nullptr;
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(task.teacher_network));
  if (architecture.side != task.data.side || architecture.classes != task.data.classes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "teacher: made for ", architecture.classes, " classes and images of side ",
        architecture.side, "; the data set has ", task.data.classes, " and ", task.data.side));
  }
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  auto teacher = std::make_unique<GraphNetwork>(network, MaskMode::kNone, context.device);
  TaskDescription of_teacher = task;
  of_teacher.network = task.teacher_network;
  of_teacher.weights = task.teacher;
  RETURN_IF_ERROR(LoadPretrained(context.artifacts, of_teacher, context.data, *teacher));
  teacher->Fold();
  return teacher;
}

absl::StatusOr<ResultReport> WholeResult(const StageContext& context, GraphNetwork& network,
                                         double validation_accuracy) {
  ResultReport result;
  result.budget = network.units();
  result.relus = network.units();
  // Nothing is trimmed: the soft, the trimmed and the final network are one.
  result.accuracy_soft = validation_accuracy;
  result.accuracy_trimmed = validation_accuracy;
  result.accuracy_validation = validation_accuracy;
  for (size_t i = 0; i < network.relu_names().size(); ++i) {
    result.layers.push_back({.layer = network.relu_names()[i],
                             .units = network.relu_units()[i],
                             .kept = network.relu_units()[i]});
  }
  ASSIGN_OR_RETURN(result.artifact, StoreResult(context, network, result));
  ASSIGN_OR_RETURN(result.accuracy_test, Accuracy(context, network, context.data.test));
  return result;
}

}  // namespace

absl::StatusOr<TaskOutcome> RunPretrain(const StageContext& context) {
  const TaskDescription& task = context.task;
  const SgdSettings& settings = task.settings.pretrain;
  GraphNetwork network(context.network, MaskMode::kNone, context.device);
  if (task.budgets.size() > 1 || (task.budgets.size() == 1 && task.budgets[0] != network.units())) {
    return FailedOutcome(
        FailureKind::kBadInput,
        absl::StrCat("budgets of a pretrain: found ", task.budgets.front(),
                     task.budgets.size() > 1 ? " and more" : "", "; allowed: none, or ",
                     network.units(), ", the ReLUs of the network"),
        /*epoch=*/-1);
  }
  network.Initialize(DeriveSeed(task.seed, "weights"));
  ASSIGN_OR_RETURN(const std::unique_ptr<GraphNetwork> teacher, LoadTeacher(context));
  SgdOptimizer optimizer(network.weights(), settings);

  std::vector<NamedTensor> state = LearnedOf(network);
  state.insert(state.end(), optimizer.state().begin(), optimizer.state().end());
  Checkpoints checkpoints(context, state, settings.epochs);
  const std::optional<Checkpoints::Resumed> resumed = checkpoints.Restore();

  // A checkpoint of the last epoch cannot be: at least one epoch is trained here.
  ASSIGN_OR_RETURN(const SgdOutcome trained,
                   TrainBySgd(context,
                              {.network = network,
                               .teacher = teacher.get(),
                               .settings = settings,
                               .relus = network.units()},
                              optimizer, resumed ? resumed->epochs_done : 0, checkpoints,
                              /*stage_metadata=*/{}));
  if (trained.failure) return *trained.failure;

  TaskOutcome outcome;
  if (task.budgets.empty()) {
    SafetensorsFile file;
    AddTensors(LearnedOf(network), file.tensors);
    file.metadata = DescribeOrigin("weights", task, context.data);
    ASSIGN_OR_RETURN(outcome.weights, StoreArtifact(context.artifacts, file));
  } else {
    ASSIGN_OR_RETURN(outcome.result, WholeResult(context, network, trained.validation_accuracy));
  }
  outcome.device_seconds = checkpoints.DeviceSeconds();
  return outcome;
}

}  // namespace reluscape
