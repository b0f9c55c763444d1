#include "worker/torch/linearize_stage.h"

#include <c10/core/GradMode.h>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "worker/torch/evaluate.h"
#include "worker/torch/losses.h"
#include "worker/torch/optimizers.h"
#include "worker/torch/trim.h"

namespace reluscape {
namespace {

using Json = nlohmann::json;

std::vector<at::Tensor> TensorsOf(const std::vector<NamedTensor>& named) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(named.size());
  for (const NamedTensor& one : named) tensors.push_back(one.tensor);
  return tensors;
}

void Append(const std::vector<NamedTensor>& tensors, std::vector<NamedTensor>& list) {
  list.insert(list.end(), tensors.begin(), tensors.end());
}

std::string SnapshotsText(const std::vector<SnapshotReport>& snapshots) {
  Json list = Json::array();
  for (const SnapshotReport& snapshot : snapshots) {
    list.push_back({{"budget", snapshot.budget},
                    {"sha256", snapshot.artifact.sha256},
                    {"bytes", snapshot.artifact.bytes},
                    {"relus", snapshot.relus},
                    {"epoch", snapshot.epoch},
                    {"device_seconds", snapshot.device_seconds}});
  }
  return list.dump();
}

absl::StatusOr<std::vector<SnapshotReport>> SnapshotsIn(const Metadata& metadata) {
  const auto found = metadata.find("snapshots");
  if (found == metadata.end()) return absl::NotFoundError("metadata lack snapshots");
  const Json list = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return absl::DataLossError("snapshots: no JSON list");
  std::vector<SnapshotReport> snapshots;
  for (const Json& one : list) {
    const auto integer = [&](const char* key) {
      return one.is_object() && one.contains(key) && one[key].is_number_integer()
                 ? one[key].get<int64_t>()
                 : -1;
    };
    SnapshotReport snapshot{.budget = integer("budget"),
                            .artifact = {.sha256 = "", .bytes = integer("bytes")},
                            .relus = integer("relus"),
                            .epoch = integer("epoch"),
                            .device_seconds = 0};
    if (one.is_object() && one.contains("sha256") && one["sha256"].is_string()) {
      snapshot.artifact.sha256 = one["sha256"].get<std::string>();
    }
    if (one.is_object() && one.contains("device_seconds") && one["device_seconds"].is_number()) {
      snapshot.device_seconds = one["device_seconds"].get<double>();
    }
    if (snapshot.budget < 0 || snapshot.artifact.bytes < 0 || snapshot.relus < 0 ||
        snapshot.epoch < 0 || !IsSha256Hex(snapshot.artifact.sha256)) {
      return absl::DataLossError("snapshots: an entry is broken");
    }
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

// The descent's state and what it decides at comparisons and ends of epochs.
class Descent {
 public:
  Descent(const StageContext& context, std::vector<int64_t> budgets)
      : context_(context),
        settings_(context.task.settings.linearize),
        open_budgets_(std::move(budgets)),
        teacher_(context.network, MaskMode::kNone, context.device),
        student_(context.network, MaskMode::kSoft, context.device),
        weight_adam_(student_.weights(), settings_.weight_learning_rate),
        mask_adam_(student_.masks(), settings_.mask_learning_rate),
        masks_(TensorsOf(student_.masks())),
        checkpoints_(context, State(), settings_.max_epochs),
        lambda_(settings_.lambda),
        count_(student_.units()),
        lowest_count_(student_.units()) {}

  absl::StatusOr<TaskOutcome> Run();

 private:
  std::vector<NamedTensor> Network() const {
    std::vector<NamedTensor> tensors = student_.weights();
    Append(student_.statistics(), tensors);
    Append(student_.masks(), tensors);
    return tensors;
  }
  std::vector<NamedTensor> State() const {
    std::vector<NamedTensor> tensors = Network();
    Append(weight_adam_.state(), tensors);
    Append(mask_adam_.state(), tensors);
    return tensors;
  }

  absl::Status Start();
  StepResult Step(const Batch& batch);
  // Counts, stores a Snapshot for each open Budget that was passed, and keeps the current state.
  absl::Status Compare(int64_t epoch);
  void Keep();
  absl::StatusOr<ArtifactRef> StoreKept(int64_t epoch);
  void UpdateLambda(int64_t epoch);

  const StageContext& context_;
  const LinearizeSettings& settings_;
  std::vector<int64_t> open_budgets_;  // not yet met, largest first
  GraphNetwork teacher_;
  GraphNetwork student_;
  AdamOptimizer weight_adam_;
  AdamOptimizer mask_adam_;
  std::vector<at::Tensor> masks_;
  Checkpoints checkpoints_;
  double lambda_;
  int64_t count_;
  int64_t lowest_count_;
  int64_t first_epoch_ = 0;
  std::vector<SnapshotReport> snapshots_;
  // The network at the last comparison. Its count is at or above every open Budget.
  TensorMap kept_;
  int64_t kept_count_ = 0;
};

absl::Status Descent::Start() {
  RETURN_IF_ERROR(LoadPretrained(context_.artifacts, context_.task, context_.data, teacher_));
  teacher_.SetTraining(false);
  teacher_.SetRequiresGrad(false);
  RETURN_IF_ERROR(LoadPretrained(context_.artifacts, context_.task, context_.data, student_));

  double lambda = 0;
  int64_t lowest = 0;
  std::vector<SnapshotReport> snapshots;
  const auto read = [&](const Metadata& metadata) -> absl::Status {
    ASSIGN_OR_RETURN(lambda, NumberIn(metadata, "lambda"));
    ASSIGN_OR_RETURN(lowest, IntegerIn(metadata, "lowest_count"));
    ASSIGN_OR_RETURN(snapshots, SnapshotsIn(metadata));
    return absl::OkStatus();
  };
  if (const auto resumed = checkpoints_.Restore(read)) {
    first_epoch_ = resumed->epochs_done;
    lambda_ = lambda;
    lowest_count_ = lowest;
    count_ = CountAbove(masks_, settings_.threshold);
    for (const SnapshotReport& snapshot : snapshots) {
      std::erase(open_budgets_, snapshot.budget);
      snapshots_.push_back(snapshot);
      // The Worker of the Attempt before may have died before it could pass this on.
      context_.listener.OnSnapshot(snapshot);
    }
  }
  Keep();
  return absl::OkStatus();
}

StepResult Descent::Step(const Batch& batch) {
  at::Tensor target;
  {
    const c10::NoGradGuard no_grad;
    target = teacher_.Forward(batch.images);
  }
  StepResult result;
  result.logits = student_.Forward(batch.images);
  result.loss =
      DistillationLoss(result.logits, target, batch.labels, context_.task.settings.distillation);
  result.loss.backward();
  {
    // The gradient of lambda * sum |a|; 0 at a = 0.
    const c10::NoGradGuard no_grad;
    at::Tensor norm = at::zeros({}, result.loss.options());
    for (const at::Tensor& mask : masks_) {
      norm += mask.norm(1);
      mask.mutable_grad().add_(mask.sign(), lambda_);
    }
    result.loss = result.loss.detach() + lambda_ * norm;
  }
  weight_adam_.Step();
  mask_adam_.Step();
  return result;
}

void Descent::Keep() {
  kept_.clear();
  AddTensors(Network(), kept_);
  kept_count_ = count_;
}

absl::StatusOr<ArtifactRef> Descent::StoreKept(int64_t epoch) {
  SafetensorsFile file;
  file.tensors = kept_;
  file.metadata = DescribeOrigin("snapshot", context_.task, context_.data);
  file.metadata["relus"] = absl::StrCat(kept_count_);
  file.metadata["epoch"] = absl::StrCat(epoch);
  file.metadata["threshold"] = NumberText(settings_.threshold);
  return StoreArtifact(context_.artifacts, file);
}

absl::Status Descent::Compare(int64_t epoch) {
  count_ = CountAbove(masks_, settings_.threshold);
  ArtifactRef artifact;
  const auto report = [&]() -> absl::Status {
    if (!artifact) {
      ASSIGN_OR_RETURN(artifact, StoreKept(epoch));
    }
    snapshots_.push_back({.budget = open_budgets_.front(),
                          .artifact = artifact,
                          .relus = kept_count_,
                          .epoch = epoch,
                          .device_seconds = checkpoints_.DeviceSeconds()});
    context_.listener.OnSnapshot(snapshots_.back());
    open_budgets_.erase(open_budgets_.begin());
    return absl::OkStatus();
  };
  while (!open_budgets_.empty() && count_ < open_budgets_.front()) RETURN_IF_ERROR(report());
  if (open_budgets_.empty()) return absl::OkStatus();
  Keep();
  artifact = {};
  if (count_ == 0) RETURN_IF_ERROR(report());  // of a Budget of 0, the only one left
  return absl::OkStatus();
}

void Descent::UpdateLambda(int64_t epoch) {
  // SNL's public code: only an epoch without a new lowest count raises lambda, and none before
  // the patience is over.
  if (count_ < lowest_count_) {
    lowest_count_ = count_;
  } else if (epoch >= settings_.lambda_patience) {
    lambda_ *= settings_.lambda_growth;
  }
  lambda_ *= settings_.lambda_growth_per_epoch;
}

absl::StatusOr<TaskOutcome> Descent::Run() {
  if (!open_budgets_.empty() && open_budgets_.front() > student_.units()) {
    return FailedOutcome(FailureKind::kBadInput,
                         absl::StrCat("budget: found ", open_budgets_.front(), "; allowed: 0 to ",
                                      student_.units(), ", the ReLUs of the network"),
                         /*epoch=*/-1);
  }
  RETURN_IF_ERROR(Start());
  TrainingImages images = context_.MakeTrainingImages();
  const EvaluationImages validation = context_.MakeEvaluationImages(context_.data.validation);

  for (int64_t epoch = first_epoch_; epoch < settings_.max_epochs && !open_budgets_.empty();
       ++epoch) {
    const Stopwatch stopwatch;
    absl::Status compared;
    double checked_loss = 0;
    ASSIGN_OR_RETURN(
        const EpochTotals totals,
        RunEpoch(context_, images, settings_.batch, epoch, [&](const Batch& batch, int64_t step) {
          StepResult result = Step(batch);
          const int64_t interval = settings_.check_interval_steps;
          if (interval > 0 && (step + 1) % interval == 0) {
            checked_loss = result.loss.item<double>();
            if (std::isfinite(checked_loss)) compared = Compare(epoch);
            result.last = !compared.ok() || open_budgets_.empty() || !std::isfinite(checked_loss);
          }
          return result;
        }));
    RETURN_IF_ERROR(compared);
    if (!std::isfinite(totals.loss)) return DivergedOutcome(context_, epoch, totals.loss);
    if (!open_budgets_.empty()) RETURN_IF_ERROR(Compare(epoch));

    const std::optional<double> accuracy = Evaluate(student_, validation, context_.stop);
    if (!accuracy) return StoppedError();
    context_.listener.OnEpoch({.epoch = epoch,
                               .loss = totals.loss,
                               .train_accuracy = totals.accuracy,
                               .validation_accuracy = *accuracy,
                               .learning_rate = settings_.weight_learning_rate,
                               .lambda = lambda_,
                               .relus = count_,
                               .seconds = stopwatch.Seconds()});
    UpdateLambda(epoch);
    if (open_budgets_.empty() || epoch + 1 == settings_.max_epochs) continue;
    RETURN_IF_ERROR(checkpoints_.SaveIfDue(epoch + 1, [&] {
      return Metadata{{"lambda", NumberText(lambda_)},
                      {"lowest_count", absl::StrCat(lowest_count_)},
                      {"snapshots", SnapshotsText(snapshots_)}};
    }));
  }

  TaskOutcome outcome;
  if (!open_budgets_.empty()) {
    outcome = FailedOutcome(
        FailureKind::kInfeasible,
        absl::StrCat("linearize ended after max_epochs = ", settings_.max_epochs, " epochs with ",
                     count_, " ReLUs, above the budgets ", absl::StrJoin(open_budgets_, ", "),
                     "; more epochs or a larger lambda may help"),
        settings_.max_epochs - 1);
  }
  outcome.device_seconds = checkpoints_.DeviceSeconds();
  return outcome;
}

}  // namespace

absl::StatusOr<TaskOutcome> RunLinearize(const StageContext& context) {
  std::vector<int64_t> budgets = context.task.budgets;
  std::sort(budgets.begin(), budgets.end(), std::greater<>());
  budgets.erase(std::unique(budgets.begin(), budgets.end()), budgets.end());
  if (budgets.empty() || budgets.back() < 0) {
    return FailedOutcome(FailureKind::kBadInput,
                         "budgets: found none or a negative one; allowed: at least one, from 0 on",
                         /*epoch=*/-1);
  }
  return Descent(context, std::move(budgets)).Run();
}

}  // namespace reluscape
