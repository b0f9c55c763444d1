#include "worker/torch/stage_context.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "worker/task_error.h"

namespace reluscape {
namespace {

constexpr char kEnd[] = "end";  // metadata of what SaveEnd saves

Normalization NormalizationOfData(const DataSet& data) {
  return {.mean = data.mean, .deviation = data.deviation};
}

}  // namespace

GraphNetwork StageContext::MakeNetwork(MaskMode mask_mode, v1::LinearizeSpec::MaskShape mask_shape,
                                       v1::LinearizeSpec::Replacement replacement) const {
  return GraphNetwork(network, mask_mode, device, mask_shape, replacement,
                      task.settings().precision());
}

TrainingImages StageContext::MakeTrainingImages() const {
  return TrainingImages(data.train, data.classes, NormalizationOfData(data),
                        task.settings().augmentation(), device);
}

EvaluationImages StageContext::MakeEvaluationImages(const ImageSet& images) const {
  return EvaluationImages(images, NormalizationOfData(data), device);
}

StepGraph StageContext::MakeStepGraph(const GraphNetwork& trained, StepGraph::Step step) const {
  return StepGraph(
      std::move(step), [&trained] { trained.DropGradients(); },
      cuda_graphs ? MakeStepRecorder(device) : nullptr);
}

Teacher StageContext::MakeTeacher(const GraphNetwork& teacher) const {
  return Teacher(teacher, teacher_cache, cuda_graphs ? MakeStepRecorder(device) : nullptr);
}

bool AllFinite(const std::vector<NamedTensor>& tensors) {
  const c10::NoGradGuard no_grad;
  return std::all_of(tensors.begin(), tensors.end(), [](const NamedTensor& named) {
    return at::isfinite(named.tensor).all().item<bool>();
  });
}

absl::Status StoppedError() { return absl::CancelledError("stopped"); }

TaskOutcome FailedOutcome(v1::Failure::Kind kind, const std::string& message, int64_t epoch) {
  TaskOutcome outcome;
  outcome.failure = MakeFailure(kind, message, epoch);
  return outcome;
}

absl::StatusOr<EpochTotals> RunEpoch(
    const StageContext& context, TrainingImages& images, int64_t batch, int64_t epoch,
    const std::function<StepResult(const Batch& batch, int64_t step)>& step) {
  EpochPart part;
  return FinishEpoch(context, images, batch, epoch, step, part);
}

absl::StatusOr<EpochTotals> FinishEpoch(
    const StageContext& context, TrainingImages& images, int64_t batch, int64_t epoch,
    const std::function<StepResult(const Batch& batch, int64_t step)>& step, EpochPart& part) {
  images.StartEpoch(context.task.seed(), epoch);
  const int64_t steps = images.StepsPerEpoch(batch);
  const at::TensorOptions on_device = at::TensorOptions().device(context.device);
  at::Tensor loss = at::full({}, part.loss, on_device.dtype(at::kDouble));
  at::Tensor correct = at::full({}, part.correct, on_device.dtype(at::kLong));
  for (bool last = false; part.steps < steps && !last; ++part.steps) {
    if (part.steps == steps / 2) FaultPoint("worker.mid_epoch");
    const Batch images_of_step = images.Get(part.steps, batch);
    const StepResult result = step(images_of_step, part.steps);
    const c10::NoGradGuard no_grad;
    loss += result.loss;
    correct += (result.logits.argmax(1) == images_of_step.labels).sum();
    part.seen += images_of_step.labels.size(0);
    last = result.last;
    if (context.stop.stop_requested()) return StoppedError();
  }
  part.loss = loss.item<double>();
  part.correct = correct.item<int64_t>();
  return EpochTotals{
      .loss = part.loss / static_cast<double>(part.steps),
      .accuracy = static_cast<double>(part.correct) / static_cast<double>(part.seen)};
}

Checkpoints::Checkpoints(const StageContext& context, std::vector<NamedTensor> state,
                         int64_t epochs)
    : context_(context),
      state_(std::move(state)),
      epochs_(epochs),
      origin_(DescribeOrigin("checkpoint", context.task, context.data)) {}

absl::StatusOr<std::optional<Checkpoints::Resumed>> Checkpoints::Restore(
    const std::function<absl::Status(SafetensorsFile& file)>& accept) {
  const v1::Artifact& artifact = context_.task.checkpoint();
  if (!IsSet(artifact)) return std::nullopt;
  const auto restore = [&]() -> absl::StatusOr<Resumed> {
    ASSIGN_OR_RETURN(SafetensorsFile file, LoadArtifact(context_.artifacts, artifact, origin_));
    ASSIGN_OR_RETURN(const double seconds, NumberIn(file.metadata, "device_seconds"));
    ASSIGN_OR_RETURN(const int64_t epochs_done, IntegerIn(file.metadata, "epochs_done"));
    const bool end = file.metadata.contains(kEnd);
    const int64_t fewest = end ? 0 : 1;
    const int64_t most = end ? epochs_ : epochs_ - 1;
    if (epochs_done < fewest || epochs_done > most) {
      return absl::FailedPreconditionError(
          absl::StrCat("epochs_done: found ", epochs_done, "; allowed: ", fewest, " to ", most));
    }
    if (accept) RETURN_IF_ERROR(accept(file));
    RETURN_IF_ERROR(RestoreTensors(file.tensors, state_));
    earlier_seconds_ = seconds;
    newest_ = artifact;
    newest_epochs_ = epochs_done;
    return Resumed{.epochs_done = epochs_done};
  };
  absl::StatusOr<Resumed> resumed = restore();
  if (resumed.ok()) return *std::move(resumed);
  const bool unread = FailureOf(resumed.status()).failure->kind() == v1::Failure::STORAGE;
  if (unread && !IsLost(context_.artifacts, artifact, resumed.status())) return resumed.status();
  LogWarning("task ", context_.task.task(), " starts anew, its checkpoint cannot be used: ",
             std::string(resumed.status().message()));
  return std::nullopt;
}

absl::Status Checkpoints::SaveIfDue(int64_t epochs_done,
                                    const std::function<Metadata()>& stage_metadata) {
  if (since_last_.Seconds() * 1000 < static_cast<double>(context_.checkpoint_interval.count())) {
    return absl::OkStatus();
  }
  if (!AllFinite(state_)) return absl::OkStatus();
  return Save(epochs_done, stage_metadata ? stage_metadata() : Metadata(), /*beside=*/{});
}

absl::Status Checkpoints::SaveEnd(int64_t epochs_done, const Metadata& stage_metadata,
                                  const TensorMap& beside) {
  if (!AllFinite(state_)) return absl::OkStatus();
  Metadata metadata = stage_metadata;
  metadata[kEnd] = "true";
  return Save(epochs_done, metadata, beside);
}

absl::Status Checkpoints::Save(int64_t epochs_done, const Metadata& stage_metadata,
                               const TensorMap& beside) {
  SafetensorsFile file;
  file.tensors = beside;
  for (const NamedTensor& named : state_) file.tensors[named.name] = named.tensor;
  file.metadata = origin_;
  for (const auto& [key, value] : stage_metadata) file.metadata[key] = value;
  const double seconds = DeviceSeconds();
  file.metadata["epochs_done"] = absl::StrCat(epochs_done);
  file.metadata["device_seconds"] = NumberText(seconds);
  ASSIGN_OR_RETURN(const v1::Artifact artifact, StoreArtifact(context_.artifacts, file));
  context_.listener.OnCheckpoint(artifact, seconds);
  newest_ = artifact;
  newest_epochs_ = epochs_done;
  since_last_ = Stopwatch();
  return absl::OkStatus();
}

TaskOutcome DivergedOutcome(const StageContext& context, int64_t epoch, double loss,
                            const Checkpoints& checkpoints) {
  const std::string last_good =
      IsSet(checkpoints.newest())
          ? absl::StrCat("the last good checkpoint, of the state after ",
                         checkpoints.newest_epochs(), " epochs, is artifact ",
                         checkpoints.newest().sha256())
          : std::string("no checkpoint was due before");
  const bool polynomials =
      StageOf(context.task) != Stage::kPretrain &&
      context.task.settings().linearize().replacement() == v1::LinearizeSpec::POLYNOMIAL;
  const char* remedy =
      polynomials ? ", a larger range_penalty or a smaller range_limit of the polynomials" : "";
  return FailedOutcome(
      v1::Failure::DIVERGED,
      absl::StrCat(context.task.stage(), " diverged: ",
                   std::isfinite(loss)
                       ? absl::StrCat("weights after epoch ", epoch, " are not finite")
                       : absl::StrCat("the mean loss of epoch ", epoch, " is ", loss),
                   "; a smaller learning rate", remedy, " may help; ", last_good),
      epoch);
}

}  // namespace reluscape
