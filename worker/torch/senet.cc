#include "worker/torch/senet.h"

#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "worker/task_error.h"
#include "worker/torch/evaluate.h"
#include "worker/torch/layer_shares.h"
#include "worker/torch/losses.h"
#include "worker/torch/mask_scores.h"
#include "worker/torch/optimizers.h"
#include "worker/torch/polynomials.h"
#include "worker/torch/snapshots.h"
#include "worker/torch/trim.h"

namespace reluscape {
namespace {

class Senet {
 public:
  Senet(const StageContext& context, const std::vector<int64_t>& budgets)
      : context_(context),
        settings_(context.task.settings().linearize()),
        budgets_(budgets),
        epochs_(settings_.planned_epochs() * static_cast<int64_t>(budgets.size())),
        teacher_(context.MakeNetwork(MaskMode::kNone)),
        student_(context.MakeNetwork(MaskMode::kFrozen, settings_.mask_shape(),
                                     settings_.replacement())),
        adam_(student_.parameters(), settings_.weight_learning_rate(), settings_.adam_beta1(),
              settings_.adam_beta2()),
        checkpoints_(context, State(), epochs_) {}

  absl::StatusOr<TaskOutcome> Run();

 private:
  std::vector<NamedTensor> Network() const {
    std::vector<NamedTensor> tensors = student_.parameters();
    for (const auto& list : {student_.statistics(), student_.masks()}) {
      tensors.insert(tensors.end(), list.begin(), list.end());
    }
    return tensors;
  }
  std::vector<NamedTensor> State() const {
    std::vector<NamedTensor> tensors = Network();
    tensors.insert(tensors.end(), adam_.state().begin(), adam_.state().end());
    return tensors;
  }

  absl::Status Start();
  absl::Status MeasureShares();
  absl::Status SetMasks(const std::vector<at::Tensor>& scores, int64_t budget);
  absl::Status SetRandomMasks(int64_t budget);
  // One epoch of training; adds to `differences` how far the ReLUs' outputs lie apart.
  absl::StatusOr<EpochTotals> Train(TrainingImages& images, int64_t epoch,
                                    std::vector<at::Tensor>& differences);
  StepResult Step(const Batch& batch, std::vector<at::Tensor>& differences);
  absl::Status Report(int64_t budget, int64_t epoch);
  // With what a Budget that is added later begins with.
  absl::Status SaveEnd(const std::vector<at::Tensor>& differences);
  static std::string DifferencesName(const NamedTensor& mask) { return mask.name + "/differences"; }

  const StageContext& context_;
  const v1::LinearizeSpec& settings_;
  const std::vector<int64_t>& budgets_;
  const int64_t epochs_;
  GraphNetwork teacher_;
  GraphNetwork student_;
  AdamOptimizer adam_;
  Checkpoints checkpoints_;
  std::vector<double> shares_;
  int64_t first_epoch_ = 0;
  std::vector<v1::Snapshot> snapshots_;
};

absl::Status Senet::MeasureShares() {
  if (!settings_.layer_shares().empty()) {
    shares_ = ListOf(settings_.layer_shares());
    if (shares_.size() == student_.relu_units().size()) return absl::OkStatus();
    return TaskError({.kind = v1::Failure::REFUSED},
                     absl::StrCat("stages.linearize.layer_shares: found ", shares_.size(),
                                  " entries; allowed: one for each "
                                  "of the network's ",
                                  student_.relu_units().size(), " ReLU layers, or none"));
  }
  GraphNetwork scored = context_.MakeNetwork(MaskMode::kSoft);
  RETURN_IF_ERROR(LoadPretrained(context_.artifacts, context_.task, context_.data, scored));
  ASSIGN_OR_RETURN(const std::vector<at::Tensor> scores,
                   ScoreMasks(context_, v1::LinearizeSpec::SNIP, scored));
  for (size_t i = 0; i < scores.size(); ++i) {
    shares_.push_back(scores[i].sum().item<double>());
    if (!std::isfinite(shares_.back())) {
      return TaskError({.kind = v1::Failure::DIVERGED},
                       absl::StrCat("senet: the scores of layer ", scored.relu_names()[i],
                                    " sum up to ", shares_.back(), ", which is no share"));
    }
  }
  return absl::OkStatus();
}

absl::Status Senet::SetMasks(const std::vector<at::Tensor>& scores, int64_t budget) {
  ASSIGN_OR_RETURN(
      const std::vector<at::Tensor> masks,
      WithFault(KeepPerLayer(scores, DivideBudget(shares_, student_.relu_units(), budget),
                             student_.units_per_value()),
                {.kind = v1::Failure::DIVERGED}));
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < masks.size(); ++i) student_.masks()[i].tensor.copy_(masks[i]);
  return absl::OkStatus();
}

absl::Status Senet::SetRandomMasks(int64_t budget) {
  at::Generator generator =
      at::make_generator<at::CPUGeneratorImpl>(DeriveSeed(context_.task.seed(), "masks"));
  std::vector<at::Tensor> scores;
  for (const NamedTensor& mask : student_.masks()) {
    at::Tensor score = at::empty(mask.tensor.sizes(), at::kFloat);
    const bool pixels = settings_.mask_shape() == v1::LinearizeSpec::PIXEL;
    const int64_t channels = pixels ? 1 : score.size(0);
    const at::Tensor drawn = at::empty({channels, score.size(1), score.size(2)}, at::kFloat);
    scores.push_back(score.copy_(drawn.uniform_(0, 1, generator).expand(score.sizes())));
  }
  return SetMasks(scores, budget);
}

absl::Status Senet::Start() {
  RETURN_IF_ERROR(LoadPretrained(context_.artifacts, context_.task, context_.data, teacher_));
  teacher_.Fold();
  RETURN_IF_ERROR(LoadPretrained(context_.artifacts, context_.task, context_.data, student_));
  RETURN_IF_ERROR(FitPolynomials(context_, student_));
  RETURN_IF_ERROR(MeasureShares());
  RETURN_IF_ERROR(SetRandomMasks(budgets_.front()));
  std::vector<v1::Snapshot> snapshots;
  std::vector<at::Tensor> differences;  // of an end
  const auto read = [&](SafetensorsFile& file) -> absl::Status {
    ASSIGN_OR_RETURN(snapshots, SnapshotsIn(file.metadata));
    for (const NamedTensor& mask : student_.masks()) {
      auto found = file.tensors.extract(DifferencesName(mask));
      if (!found.empty()) differences.push_back(found.mapped().to(mask.tensor.device()));
    }
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const std::optional<Checkpoints::Resumed> resumed, checkpoints_.Restore(read));
  if (resumed) {
    first_epoch_ = resumed->epochs_done;
    snapshots_ = std::move(snapshots);
    // The Worker of the Attempt before may have died before it could pass these on.
    for (const v1::Snapshot& snapshot : snapshots_) context_.listener.OnSnapshot(snapshot);
    if (differences.size() == student_.masks().size() && first_epoch_ < epochs_) {
      const auto index = static_cast<size_t>(first_epoch_ / settings_.planned_epochs());
      return SetMasks(differences, budgets_[index]);
    }
  }
  return absl::OkStatus();
}

StepResult Senet::Step(const Batch& batch, std::vector<at::Tensor>& differences) {
  std::vector<at::Tensor> outputs;  // of the teacher's ReLUs
  at::Tensor target;
  {
    const c10::NoGradGuard no_grad;
    target = teacher_.Forward(
        batch.images, [&](const Op& op, const at::Tensor& /*input*/, const at::Tensor& output) {
          if (op.kind != OpKind::kRelu) return;
          outputs.push_back(output.narrow(1, 0, op.relu_channels).clone());
        });
  }
  StepResult result;
  size_t relu = 0;
  const RangedOutput student = ForwardInRange(
      student_, batch.images, RangePenaltyOf(settings_),
      [&](const Op& op, const at::Tensor& /*input*/, const at::Tensor& output) {
        if (op.kind != OpKind::kRelu) return;
        const c10::NoGradGuard no_grad;
        outputs[relu].sub_(output.detach().narrow(1, 0, op.relu_channels)).abs_();
        differences[relu] += at::sum_to(outputs[relu].sum(0), differences[relu].sizes());
        outputs[relu].reset();
        ++relu;
      });
  result.logits = student.logits;
  result.loss = student.AddTo(DistillationLoss(at::cross_entropy_loss(result.logits, batch.targets),
                                               result.logits, target,
                                               context_.task.settings().distillation()));
  result.loss.backward();
  adam_.Step();
  return {.loss = result.loss.detach(), .logits = result.logits.detach()};
}

absl::StatusOr<EpochTotals> Senet::Train(TrainingImages& images, int64_t epoch,
                                         std::vector<at::Tensor>& differences) {
  return RunEpoch(context_, images, settings_.batch(), epoch,
                  [&](const Batch& batch, int64_t /*step*/) { return Step(batch, differences); });
}

absl::Status Senet::Report(int64_t budget, int64_t epoch) {
  TensorMap network;
  AddTensors(Network(), network);
  ASSIGN_OR_RETURN(const v1::Artifact artifact,
                   StoreSnapshot(context_, network, student_.units(), epoch));
  v1::Snapshot snapshot;
  snapshot.set_budget(budget);
  *snapshot.mutable_artifact() = artifact;
  snapshot.set_relus(student_.units());
  snapshot.set_epoch(epoch);
  snapshot.set_device_seconds(checkpoints_.DeviceSeconds());
  snapshots_.push_back(snapshot);
  context_.listener.OnSnapshot(snapshots_.back());
  return absl::OkStatus();
}

absl::Status Senet::SaveEnd(const std::vector<at::Tensor>& differences) {
  TensorMap beside;
  for (size_t i = 0; i < differences.size(); ++i) {
    beside[DifferencesName(student_.masks()[i])] = differences[i];
  }
  return checkpoints_.SaveEnd(epochs_, {{"snapshots", SnapshotsText(snapshots_)}}, beside);
}

absl::StatusOr<TaskOutcome> Senet::Run() {
  RETURN_IF_ERROR(Start());
  TrainingImages images = context_.MakeTrainingImages();
  const EvaluationImages validation = context_.MakeEvaluationImages(context_.data.validation);
  std::vector<at::Tensor> masks;
  for (const NamedTensor& mask : student_.masks()) masks.push_back(mask.tensor);
  for (int64_t epoch = first_epoch_; epoch < epochs_; ++epoch) {
    const Stopwatch stopwatch;
    std::vector<at::Tensor> differences;
    for (const at::Tensor& mask : masks) differences.push_back(at::zeros_like(mask));
    ASSIGN_OR_RETURN(const EpochTotals totals, Train(images, epoch, differences));
    if (!std::isfinite(totals.loss)) {
      return DivergedOutcome(context_, epoch, totals.loss, checkpoints_);
    }
    const auto index = static_cast<size_t>(epoch / settings_.planned_epochs());
    const bool last = (epoch + 1) % settings_.planned_epochs() == 0;
    RETURN_IF_ERROR(SetMasks(differences, budgets_[index]));
    const std::optional<double> accuracy = Evaluate(student_, validation, context_.stop);
    if (!accuracy) return StoppedError();
    if (last) RETURN_IF_ERROR(Report(budgets_[index], epoch));
    v1::Epoch report;
    report.set_epoch(epoch);
    report.set_loss(totals.loss);
    report.set_train_accuracy(totals.accuracy);
    report.set_validation_accuracy(*accuracy);
    report.set_learning_rate(settings_.weight_learning_rate());
    report.set_relus(CountAbove(masks, /*threshold=*/0.5, student_.units_per_value()));
    report.set_seconds(stopwatch.Seconds());
    context_.listener.OnEpoch(report);
    // The next Budget begins with the units that differed most in this epoch.
    if (last && index + 1 < budgets_.size()) {
      RETURN_IF_ERROR(SetMasks(differences, budgets_[index + 1]));
    }
    if (epoch + 1 == epochs_) {
      RETURN_IF_ERROR(SaveEnd(differences));
      continue;
    }
    RETURN_IF_ERROR(checkpoints_.SaveIfDue(
        epoch + 1, [&] { return Metadata{{"snapshots", SnapshotsText(snapshots_)}}; }));
  }
  TaskOutcome outcome;
  outcome.device_seconds = checkpoints_.DeviceSeconds();
  return outcome;
}

}  // namespace

absl::StatusOr<TaskOutcome> RunSenet(const StageContext& context,
                                     const std::vector<int64_t>& budgets) {
  return Senet(context, budgets).Run();
}

}  // namespace reluscape
