#include "worker/torch/finetune_stage.h"

#include <c10/core/GradMode.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "worker/torch/evaluate.h"
#include "worker/torch/sgd_training.h"
#include "worker/torch/trim.h"

namespace reluscape {
namespace {

std::vector<at::Tensor> MasksOf(const GraphNetwork& network) {
  std::vector<at::Tensor> masks;
  masks.reserve(network.masks().size());
  for (const NamedTensor& mask : network.masks()) masks.push_back(mask.tensor);
  return masks;
}

std::vector<NamedTensor> LearnedOf(const GraphNetwork& network) {
  std::vector<NamedTensor> learned = network.weights();
  learned.insert(learned.end(), network.statistics().begin(), network.statistics().end());
  return learned;
}

// The soft network of the Task's Snapshot.
absl::Status LoadSnapshot(const StageContext& context, GraphNetwork& network) {
  const TaskDescription& task = context.task;
  ASSIGN_OR_RETURN(const SafetensorsFile file,
                   LoadArtifact(context.artifacts, task.snapshot,
                                {{"format", "reluscape-1"},
                                 {"kind", "snapshot"},
                                 {"network", task.network},
                                 {"data_hash", context.data.data_hash},
                                 {"split_hash", context.data.split_hash}}));
  std::vector<NamedTensor> into = LearnedOf(network);
  into.insert(into.end(), network.masks().begin(), network.masks().end());
  absl::Status restored = RestoreTensors(file.tensors, into);
  if (restored.ok()) return restored;
  return absl::Status(restored.code(), absl::StrCat("artifact ", task.snapshot.sha256, ": ",
                                                    std::string(restored.message())));
}

absl::StatusOr<double> Accuracy(const StageContext& context, GraphNetwork& network,
                                const ImageSet& images) {
  const std::optional<double> accuracy =
      Evaluate(network, context.MakeEvaluationImages(images), context.stop);
  if (!accuracy) return StoppedError();
  return *accuracy;
}

absl::StatusOr<ArtifactRef> StoreResult(const StageContext& context, const GraphNetwork& network,
                                        int64_t budget) {
  SafetensorsFile file;
  AddTensors(LearnedOf(network), file.tensors);
  for (const NamedTensor& mask : network.masks()) {
    file.tensors[mask.name] = mask.tensor.to(at::kByte);
  }
  file.metadata = DescribeOrigin("result", context.task, context.data);
  file.metadata["budget"] = absl::StrCat(budget);
  file.metadata["relus"] = absl::StrCat(budget);
  return StoreArtifact(context.artifacts, file);
}

}  // namespace

absl::StatusOr<TaskOutcome> RunFineTune(const StageContext& context) {
  const TaskDescription& task = context.task;
  const SgdSettings& settings = task.settings.fine_tune;
  if (task.budgets.size() != 1) {
    return FailedOutcome(FailureKind::kBadInput,
                         absl::StrCat("budgets: found ", task.budgets.size(), "; allowed: one"),
                         /*epoch=*/-1);
  }
  const int64_t budget = task.budgets.front();

  GraphNetwork teacher(context.network, MaskMode::kNone, context.device);
  RETURN_IF_ERROR(LoadPretrained(context.artifacts, task, context.data, teacher));
  teacher.SetTraining(false);
  teacher.SetRequiresGrad(false);

  GraphNetwork network(context.network, MaskMode::kFrozen, context.device);
  RETURN_IF_ERROR(LoadSnapshot(context, network));
  const std::vector<at::Tensor> masks = MasksOf(network);
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> trimmed, TrimMasks(masks, budget));
  const int64_t soft_count = CountAbove(masks, task.settings.linearize.threshold);
  if (soft_count < budget) {
    return FailedOutcome(FailureKind::kBadInput,
                         absl::StrCat("snapshot ", task.snapshot.sha256, " has ", soft_count,
                                      " ReLUs; the budget needs at least ", budget),
                         /*epoch=*/-1);
  }

  SgdOptimizer optimizer(network.weights(), settings);
  std::vector<NamedTensor> state = LearnedOf(network);
  state.insert(state.end(), optimizer.state().begin(), optimizer.state().end());
  Checkpoints checkpoints(context, state, settings.epochs);
  ResultReport result;
  const auto read = [&](const Metadata& metadata) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t of_budget, IntegerIn(metadata, "budget"));
    if (of_budget != budget) {
      return absl::FailedPreconditionError(
          absl::StrCat("budget: found ", of_budget, "; this task needs ", budget));
    }
    ASSIGN_OR_RETURN(result.accuracy_soft, NumberIn(metadata, "accuracy_soft"));
    ASSIGN_OR_RETURN(result.accuracy_trimmed, NumberIn(metadata, "accuracy_trimmed"));
    return absl::OkStatus();
  };
  const std::optional<Checkpoints::Resumed> resumed = checkpoints.Restore(read);
  if (!resumed) {
    ASSIGN_OR_RETURN(result.accuracy_soft, Accuracy(context, network, context.data.validation));
  }
  {
    const c10::NoGradGuard no_grad;
    for (size_t i = 0; i < masks.size(); ++i) masks[i].copy_(trimmed[i]);
  }
  RETURN_IF_ERROR(CheckBinary(masks, budget));
  if (!resumed) {
    ASSIGN_OR_RETURN(result.accuracy_trimmed, Accuracy(context, network, context.data.validation));
  }

  ASSIGN_OR_RETURN(
      const SgdOutcome trained,
      TrainBySgd(context,
                 {.network = network, .teacher = &teacher, .settings = settings, .relus = budget},
                 optimizer, resumed ? resumed->epochs_done : 0, checkpoints,
                 {{"budget", absl::StrCat(budget)},
                  {"accuracy_soft", NumberText(result.accuracy_soft)},
                  {"accuracy_trimmed", NumberText(result.accuracy_trimmed)}}));
  if (trained.failure) return *trained.failure;

  // What is handed over is exactly what was trimmed: no update may have touched a mask.
  RETURN_IF_ERROR(CheckBinary(masks, budget));
  for (size_t i = 0; i < masks.size(); ++i) {
    const int64_t kept = (masks[i] == 1).sum().item<int64_t>();
    if (!at::equal(masks[i].cpu(), trimmed[i])) {
      return absl::InternalError("fine-tune changed the mask " + network.masks()[i].name);
    }
    result.layers.push_back(
        {.layer = network.relu_names()[i], .units = network.relu_units()[i], .kept = kept});
  }
  result.budget = budget;
  result.relus = budget;
  result.accuracy_validation = trained.validation_accuracy;
  ASSIGN_OR_RETURN(result.artifact, StoreResult(context, network, budget));
  ASSIGN_OR_RETURN(result.accuracy_test, Accuracy(context, network, context.data.test));

  TaskOutcome outcome;
  outcome.result = std::move(result);
  outcome.device_seconds = checkpoints.DeviceSeconds();
  return outcome;
}

}  // namespace reluscape
