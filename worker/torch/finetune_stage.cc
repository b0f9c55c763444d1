#include "worker/torch/finetune_stage.h"

#include <c10/core/GradMode.h>

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "worker/task_error.h"
#include "worker/torch/polynomials.h"
#include "worker/torch/result.h"
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

// The masks of a Snapshot as they are stored: per unit, or per channel (C x 1 x 1).
struct StoredMasks {
  std::vector<at::Tensor> values;
  std::vector<int64_t> units_per_value;
};

// Takes the masks out of `tensors`.
absl::StatusOr<StoredMasks> TakeMasks(const GraphNetwork& network,
                                      v1::LinearizeSpec::MaskShape shape, TensorMap& tensors) {
  StoredMasks masks;
  for (const NamedTensor& mask : network.masks()) {
    const int64_t channels = mask.tensor.size(0);
    const std::vector<int64_t> sizes = shape == v1::LinearizeSpec::PIXEL
                                           ? mask.tensor.sizes().vec()
                                           : std::vector<int64_t>{channels, 1, 1};
    const auto found = tensors.find(mask.name);
    if (found == tensors.end() || found->second.sizes() != at::IntArrayRef(sizes) ||
        found->second.scalar_type() != at::kFloat) {
      return absl::FailedPreconditionError(
          absl::StrCat("tensor ", mask.name, " is missing or not ", absl::StrJoin(sizes, "x"),
                       " of Float, as the job's mask_shape wants it"));
    }
    masks.values.push_back(found->second);
    masks.units_per_value.push_back(mask.tensor.numel() / found->second.numel());
    tensors.erase(found);
  }
  return masks;
}

void SetMasks(const std::vector<at::Tensor>& values, const GraphNetwork& network) {
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < values.size(); ++i) network.masks()[i].tensor.copy_(values[i]);
}

// The network of the Task's Snapshot, soft where the method leaves it so; a mask per channel is
// spread over the channel's units.
absl::StatusOr<StoredMasks> LoadSnapshot(const StageContext& context, GraphNetwork& network) {
  const v1::TaskDescription& task = context.task;
  ASSIGN_OR_RETURN(SafetensorsFile file, LoadArtifact(context.artifacts, task.snapshot(),
                                                      {{"format", "reluscape-1"},
                                                       {"kind", "snapshot"},
                                                       {"network", task.network()},
                                                       {"data_hash", context.data.data_hash},
                                                       {"split_hash", context.data.split_hash}}));
  absl::StatusOr<StoredMasks> masks =
      TakeMasks(network, task.settings().linearize().mask_shape(), file.tensors);
  absl::Status status = masks.status();
  if (status.ok()) status = RestoreTensors(file.tensors, LearnedOf(network));
  RETURN_IF_ERROR(
      WithFault(WithPrefix(absl::StrCat("artifact ", task.snapshot().sha256(), ": "), status),
                {.kind = v1::Failure::ARTIFACT, .artifact = task.snapshot()}));
  SetMasks(masks->values, network);
  return masks;
}

// The masks that the fine-tune freezes. Only SNL's are still soft. Every error is the Snapshot's.
absl::StatusOr<std::vector<at::Tensor>> FinalMasks(const StageContext& context,
                                                   const StoredMasks& masks, int64_t budget) {
  const v1::LinearizeSpec& settings = context.task.settings().linearize();
  const bool soft = settings.method() == v1::LinearizeSpec::SNL;
  const double threshold = soft ? settings.threshold() : 0.5;
  const int64_t count = CountAbove(masks.values, threshold, masks.units_per_value);
  const bool whole = soft || settings.mask_shape() == v1::LinearizeSpec::PIXEL;
  if ((whole && count < budget) || (!soft && count > budget)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "snapshot ", context.task.snapshot().sha256(), " has ", count, " ReLUs; the budget needs ",
        soft ? "at least " : "", budget, soft ? "" : " exactly, or less with masks per channel"));
  }
  if (soft) return TrimMasks(masks.values, budget, masks.units_per_value, threshold);
  RETURN_IF_ERROR(CheckBinary(masks.values, count, masks.units_per_value));
  return masks.values;
}

// Counts the polynomials of the layers of `result`, which are the network's, and states the ranges
// of their inputs. Returns what is wrong where one is not finite.
std::optional<std::string> AddInputRanges(const std::vector<std::optional<InputRange>>& ranges,
                                          v1::ResultReport& result) {
  for (size_t i = 0; i < ranges.size(); ++i) {
    const std::optional<InputRange>& range = ranges[i];
    if (!range) continue;
    v1::LayerRelus& layer = *result.mutable_layers(static_cast<int>(i));
    if (!std::isfinite(range->min) || !std::isfinite(range->max)) {
      return absl::StrCat("fine-tune diverged: inputs of polynomials in ", layer.layer(),
                          " reach from ", range->min, " to ", range->max,
                          " over the training images; a larger range_penalty or a smaller "
                          "range_limit may help");
    }
    layer.set_polynomials(layer.units() - layer.kept());
    layer.set_input_min(range->min);
    layer.set_input_max(range->max);
  }
  return std::nullopt;
}

}  // namespace

absl::StatusOr<TaskOutcome> RunFineTune(const StageContext& context) {
  const v1::TaskDescription& task = context.task;
  const v1::SgdSpec& settings = task.settings().fine_tune();
  if (task.budgets().size() != 1) {
    return FailedOutcome(v1::Failure::REFUSED,
                         absl::StrCat("budgets: found ", task.budgets().size(), "; allowed: one"),
                         /*epoch=*/-1);
  }
  const int64_t budget = task.budgets(0);

  GraphNetwork teacher = context.MakeNetwork(MaskMode::kNone);
  RETURN_IF_ERROR(LoadPretrained(context.artifacts, task, context.data, teacher));
  teacher.Fold();
  const Teacher targets = context.MakeTeacher(teacher);

  GraphNetwork network = context.MakeNetwork(MaskMode::kFrozen, v1::LinearizeSpec::PIXEL,
                                             task.settings().linearize().replacement());
  ASSIGN_OR_RETURN(const StoredMasks stored, LoadSnapshot(context, network));
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> final_masks,
                   WithFault(FinalMasks(context, stored, budget),
                             {.kind = v1::Failure::ARTIFACT, .artifact = task.snapshot()}));
  const int64_t relus = CountAbove(final_masks, /*threshold=*/0.5, stored.units_per_value);
  const std::vector<at::Tensor> masks = MasksOf(network);

  SgdOptimizer optimizer(network.parameters(), settings);
  std::vector<NamedTensor> state = LearnedOf(network);
  state.insert(state.end(), optimizer.state().begin(), optimizer.state().end());
  Checkpoints checkpoints(context, state, settings.epochs());
  v1::ResultReport result;
  const auto read = [&](const SafetensorsFile& file) -> absl::Status {
    ASSIGN_OR_RETURN(const int64_t of_budget, IntegerIn(file.metadata, "budget"));
    if (of_budget != budget) {
      return absl::FailedPreconditionError(
          absl::StrCat("budget: found ", of_budget, "; this task needs ", budget));
    }
    ASSIGN_OR_RETURN(const double soft, NumberIn(file.metadata, "accuracy_soft"));
    ASSIGN_OR_RETURN(const double trimmed, NumberIn(file.metadata, "accuracy_trimmed"));
    result.set_accuracy_soft(soft);
    result.set_accuracy_trimmed(trimmed);
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const std::optional<Checkpoints::Resumed> resumed, checkpoints.Restore(read));
  if (!resumed) {
    ASSIGN_OR_RETURN(const double soft, Accuracy(context, network, context.data.validation));
    result.set_accuracy_soft(soft);
  }
  SetMasks(final_masks, network);
  RETURN_IF_ERROR(CheckBinary(masks, relus));
  if (!resumed) {
    ASSIGN_OR_RETURN(const double trimmed, Accuracy(context, network, context.data.validation));
    result.set_accuracy_trimmed(trimmed);
  }

  ASSIGN_OR_RETURN(const SgdOutcome trained,
                   TrainBySgd(context,
                              {.network = network,
                               .teacher = &targets,
                               .settings = settings,
                               .relus = relus,
                               .range = RangePenaltyOf(task.settings().linearize())},
                              optimizer, resumed ? resumed->epochs_done : 0, checkpoints,
                              {{"budget", absl::StrCat(budget)},
                               {"accuracy_soft", NumberText(result.accuracy_soft())},
                               {"accuracy_trimmed", NumberText(result.accuracy_trimmed())}}));
  if (trained.failure) return *trained.failure;

  // What is handed over is exactly what was trimmed: no update may have touched a mask.
  RETURN_IF_ERROR(CheckBinary(masks, relus));
  for (size_t i = 0; i < masks.size(); ++i) {
    const int64_t kept = (masks[i] == 1).sum().item<int64_t>();
    if (!at::equal(masks[i].cpu(), final_masks[i].cpu().expand_as(masks[i]))) {
      return absl::InternalError("fine-tune changed the mask " + network.masks()[i].name);
    }
    v1::LayerRelus& layer = *result.add_layers();
    layer.set_layer(network.relu_names()[i]);
    layer.set_units(network.relu_units()[i]);
    layer.set_kept(kept);
  }
  if (!network.coefficients().empty()) {
    const auto ranges = MeasureInputRanges(context, network);
    if (!ranges) return StoppedError();
    if (const auto problem = AddInputRanges(*ranges, result)) {
      return FailedOutcome(v1::Failure::DIVERGED, *problem, settings.epochs() - 1);
    }
  }
  result.set_budget(budget);
  result.set_relus(relus);
  result.set_accuracy_validation(trained.validation_accuracy);
  RETURN_IF_ERROR(AddClasses(context, network, result));
  RETURN_IF_ERROR(StoreResult(context, network, result));

  TaskOutcome outcome;
  ASSIGN_OR_RETURN(outcome.accuracy_test, Accuracy(context, network, context.data.test));
  outcome.result = std::move(result);
  outcome.device_seconds = checkpoints.DeviceSeconds();
  return outcome;
}

}  // namespace reluscape
