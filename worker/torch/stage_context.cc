#include "worker/torch/stage_context.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace reluscape {
namespace {

Normalization NormalizationOfData(const DataSet& data) {
  return {.mean = data.mean, .deviation = data.deviation};
}

bool AllFinite(const std::vector<NamedTensor>& tensors) {
  const c10::NoGradGuard no_grad;
  return std::all_of(tensors.begin(), tensors.end(), [](const NamedTensor& named) {
    return at::isfinite(named.tensor).all().item<bool>();
  });
}

}  // namespace

GraphNetwork StageContext::MakeNetwork(MaskMode mask_mode, MaskShape mask_shape,
                                       Replacement replacement) const {
  return GraphNetwork(network, mask_mode, device, mask_shape, replacement, task.settings.precision);
}

TrainingImages StageContext::MakeTrainingImages() const {
  return TrainingImages(data.train, data.classes, NormalizationOfData(data),
                        task.settings.augmentation, device);
}

EvaluationImages StageContext::MakeEvaluationImages(const ImageSet& images) const {
  return EvaluationImages(images, NormalizationOfData(data), device);
}

absl::Status StoppedError() { return absl::CancelledError("stopped"); }

TaskOutcome FailedOutcome(FailureKind kind, const std::string& message, int64_t epoch) {
  TaskOutcome outcome;
  outcome.failure = Failure{.kind = kind, .message = message, .epoch = epoch};
  return outcome;
}

absl::StatusOr<EpochTotals> RunEpoch(
    const StageContext& context, TrainingImages& images, int64_t batch, int64_t epoch,
    const std::function<StepResult(const Batch& batch, int64_t step)>& step) {
  images.StartEpoch(context.task.seed, epoch);
  const int64_t steps = images.StepsPerEpoch(batch);
  const at::TensorOptions on_device = at::TensorOptions().device(context.device);
  at::Tensor loss = at::zeros({}, on_device.dtype(at::kDouble));
  at::Tensor correct = at::zeros({}, on_device.dtype(at::kLong));
  int64_t seen = 0;
  int64_t taken = 0;
  for (bool last = false; taken < steps && !last; ++taken) {
    if (taken == steps / 2) FaultPoint("worker.mid_epoch");
    const Batch part = images.Get(taken, batch);
    const StepResult result = step(part, taken);
    const c10::NoGradGuard no_grad;
    loss += result.loss.detach();
    correct += (result.logits.detach().argmax(1) == part.labels).sum();
    seen += part.labels.size(0);
    last = result.last;
    if (context.stop.stop_requested()) return StoppedError();
  }
  return EpochTotals{
      .loss = loss.item<double>() / static_cast<double>(taken),
      .accuracy = static_cast<double>(correct.item<int64_t>()) / static_cast<double>(seen)};
}

Checkpoints::Checkpoints(const StageContext& context, std::vector<NamedTensor> state,
                         int64_t epochs)
    : context_(context),
      state_(std::move(state)),
      epochs_(epochs),
      origin_(DescribeOrigin("checkpoint", context.task, context.data)) {}

std::optional<Checkpoints::Resumed> Checkpoints::Restore(
    const std::function<absl::Status(const Metadata& metadata)>& accept) {
  const ArtifactRef& artifact = context_.task.checkpoint;
  if (!artifact) return std::nullopt;
  const auto restore = [&]() -> absl::StatusOr<Resumed> {
    ASSIGN_OR_RETURN(SafetensorsFile file, LoadArtifact(context_.artifacts, artifact, origin_));
    ASSIGN_OR_RETURN(const double seconds, NumberIn(file.metadata, "device_seconds"));
    ASSIGN_OR_RETURN(const int64_t epochs_done, IntegerIn(file.metadata, "epochs_done"));
    if (epochs_done < 1 || epochs_done >= epochs_) {
      return absl::FailedPreconditionError(
          absl::StrCat("epochs_done: found ", epochs_done, "; allowed: 1 to ", epochs_ - 1));
    }
    if (accept) RETURN_IF_ERROR(accept(file.metadata));
    RETURN_IF_ERROR(RestoreTensors(file.tensors, state_));
    earlier_seconds_ = seconds;
    newest_ = artifact;
    newest_epochs_ = epochs_done;
    return Resumed{.epochs_done = epochs_done, .metadata = std::move(file.metadata)};
  };
  absl::StatusOr<Resumed> resumed = restore();
  if (resumed.ok()) return *std::move(resumed);
  LogWarning("task ", context_.task.task.value, " starts anew, its checkpoint cannot be used: ",
             std::string(resumed.status().message()));
  return std::nullopt;
}

absl::Status Checkpoints::SaveIfDue(int64_t epochs_done,
                                    const std::function<Metadata()>& stage_metadata) {
  if (since_last_.Seconds() * 1000 < static_cast<double>(context_.checkpoint_interval.count())) {
    return absl::OkStatus();
  }
  if (!AllFinite(state_)) return absl::OkStatus();
  SafetensorsFile file;
  for (const NamedTensor& named : state_) file.tensors[named.name] = named.tensor;
  file.metadata = origin_;
  if (stage_metadata) file.metadata.merge(stage_metadata());
  const double seconds = DeviceSeconds();
  file.metadata["epochs_done"] = absl::StrCat(epochs_done);
  file.metadata["device_seconds"] = NumberText(seconds);
  ASSIGN_OR_RETURN(const ArtifactRef artifact, StoreArtifact(context_.artifacts, file));
  context_.listener.OnCheckpoint(artifact, seconds);
  newest_ = artifact;
  newest_epochs_ = epochs_done;
  since_last_ = Stopwatch();
  return absl::OkStatus();
}

TaskOutcome DivergedOutcome(const StageContext& context, int64_t epoch, double loss,
                            const Checkpoints& checkpoints) {
  const std::string last_good =
      checkpoints.newest() ? absl::StrCat("the last good checkpoint, of the state after ",
                                          checkpoints.newest_epochs(), " epochs, is artifact ",
                                          checkpoints.newest().sha256)
                           : std::string("no checkpoint was due before");
  const bool polynomials = context.task.stage != Stage::kPretrain &&
                           context.task.settings.linearize.replacement == Replacement::kPolynomial;
  const char* remedy =
      polynomials ? ", a larger range_penalty or a smaller range_limit of the polynomials" : "";
  return FailedOutcome(
      FailureKind::kDiverged,
      absl::StrCat(StageName(context.task.stage), " diverged: the mean loss of epoch ", epoch,
                   " is ", loss, "; a smaller learning rate", remedy, " may help; ", last_good),
      epoch);
}

}  // namespace reluscape
