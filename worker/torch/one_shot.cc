#include "worker/torch/one_shot.h"

#include <c10/core/GradMode.h>

#include "base/status_macros.h"
#include "worker/task_error.h"
#include "worker/torch/layer_shares.h"
#include "worker/torch/mask_scores.h"
#include "worker/torch/polynomials.h"
#include "worker/torch/snapshots.h"
#include "worker/torch/trim.h"

namespace reluscape {

absl::StatusOr<TaskOutcome> RunOneShot(const StageContext& context,
                                       const std::vector<int64_t>& budgets) {
  const v1::LinearizeSpec& settings = context.task.settings().linearize();
  const Stopwatch stopwatch;
  GraphNetwork network =
      context.MakeNetwork(MaskMode::kSoft, settings.mask_shape(), settings.replacement());
  RETURN_IF_ERROR(LoadPretrained(context.artifacts, context.task, context.data, network));
  RETURN_IF_ERROR(FitPolynomials(context, network));
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> scores,
                   ScoreMasks(context, settings.method(), network));
  const std::vector<double> shares(network.relu_units().begin(), network.relu_units().end());
  TensorMap tensors;
  AddTensors(network.parameters(), tensors);
  AddTensors(network.statistics(), tensors);
  for (const int64_t budget : budgets) {
    ASSIGN_OR_RETURN(
        const std::vector<at::Tensor> masks,
        WithFault(settings.method() == v1::LinearizeSpec::LAYER_UNIFORM
                      ? KeepPerLayer(scores, DivideBudget(shares, network.relu_units(), budget),
                                     network.units_per_value())
                      : TrimMasks(scores, budget, network.units_per_value()),
                  {.kind = v1::Failure::DIVERGED}));
    for (size_t i = 0; i < masks.size(); ++i) tensors[network.masks()[i].name] = masks[i];
    ASSIGN_OR_RETURN(const v1::Artifact artifact,
                     StoreSnapshot(context, tensors, network.units(), /*epoch=*/0));
    v1::Snapshot snapshot;
    snapshot.set_budget(budget);
    *snapshot.mutable_artifact() = artifact;
    snapshot.set_relus(network.units());
    snapshot.set_epoch(0);
    snapshot.set_device_seconds(stopwatch.Seconds());
    context.listener.OnSnapshot(snapshot);
  }
  TaskOutcome outcome;
  outcome.device_seconds = stopwatch.Seconds();
  return outcome;
}

}  // namespace reluscape
