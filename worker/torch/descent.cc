#include "worker/torch/descent.h"

#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "worker/task_error.h"
#include "worker/torch/descent_end.h"
#include "worker/torch/descent_step.h"
#include "worker/torch/evaluate.h"
#include "worker/torch/lambda_controller.h"
#include "worker/torch/mask_rules.h"
#include "worker/torch/optimizers.h"
#include "worker/torch/snapshots.h"
#include "worker/torch/trim.h"

namespace reluscape {
namespace {

void Append(const std::vector<NamedTensor>& tensors, std::vector<NamedTensor>& list) {
  list.insert(list.end(), tensors.begin(), tensors.end());
}

// The descent's state and what it decides at comparisons and ends of epochs.
class Descent {
 public:
  Descent(const StageContext& context, const std::vector<int64_t>& budgets)
      : context_(context),
        settings_(context.task.settings().linearize()),
        open_budgets_(budgets),
        images_(context.MakeTrainingImages()),
        steps_per_epoch_(images_.StepsPerEpoch(settings_.batch())),
        teacher_(context.MakeNetwork(MaskMode::kNone)),
        student_(
            context.MakeNetwork(MaskMode::kSoft, settings_.mask_shape(), settings_.replacement())),
        weight_adam_(student_.parameters(), settings_.weight_learning_rate(),
                     settings_.adam_beta1(), settings_.adam_beta2()),
        rule_(MakeRule(context, student_, budgets.back())),
        teacher_logits_(context.MakeTeacher(teacher_)),
        step_{teacher_logits_,
              student_,
              weight_adam_,
              *rule_,
              context.task.settings().distillation(),
              RangePenaltyOf(settings_)},
        steps_(context.MakeStepGraph(student_,
                                     [this](const StepInput& input) { return step_.Take(input); })),
        checkpoints_(context, State(), settings_.max_epochs()),
        lambda_(settings_, student_.units(), budgets.back(), steps_per_epoch_),
        count_(student_.units()) {
    for (const NamedTensor& mask : student_.masks()) masks_.push_back(mask.tensor);
  }

  absl::StatusOr<TaskOutcome> Run();

 private:
  static std::unique_ptr<MaskRule> MakeRule(const StageContext& context,
                                            const GraphNetwork& student, int64_t smallest) {
    const v1::LinearizeSpec& settings = context.task.settings().linearize();
    if (settings.method() != v1::LinearizeSpec::AUTOREP) return MakeSoftMasks(student, settings);
    // One below the smallest Budget, so that the pull does not end before that one is passed.
    return MakeHysteresisMasks(student, settings, std::max<int64_t>(smallest - 1, 0),
                               DeriveSeed(context.task.seed(), "scores"));
  }

  std::vector<NamedTensor> Network() const {
    std::vector<NamedTensor> tensors = student_.parameters();
    Append(student_.statistics(), tensors);
    Append(student_.masks(), tensors);
    return tensors;
  }
  std::vector<NamedTensor> State() const {
    std::vector<NamedTensor> tensors = Network();
    Append(weight_adam_.state(), tensors);
    Append(rule_->state(), tensors);
    return tensors;
  }
  int64_t Count() const {
    return CountAbove(masks_, settings_.threshold(), student_.units_per_value());
  }

  absl::Status Start();
  // What happens within an epoch after a step: comparisons and feedback where they are due.
  absl::Status AfterStep(int64_t epoch, int64_t step, StepResult& result);
  // Counts, stores a Snapshot for each open Budget that was passed, and keeps the current state.
  absl::Status Compare(int64_t epoch);
  void Keep();
  // Of the epoch in which the last Budget was met, before it counts as ended.
  absl::Status SaveEnd(int64_t epoch, double lambda);
  Metadata CheckpointMetadata() const;
  absl::Status Report(int64_t epoch, v1::Artifact& shared);
  TaskOutcome Outcome() const;

  const StageContext& context_;
  const v1::LinearizeSpec& settings_;
  std::vector<int64_t> open_budgets_;  // not yet met, largest first
  TrainingImages images_;
  const int64_t steps_per_epoch_;
  GraphNetwork teacher_;
  GraphNetwork student_;
  AdamOptimizer weight_adam_;
  std::unique_ptr<MaskRule> rule_;
  Teacher teacher_logits_;
  const DescentStep step_;
  StepGraph steps_;
  std::vector<at::Tensor> masks_;
  Checkpoints checkpoints_;
  LambdaController lambda_;
  int64_t count_;
  int64_t first_epoch_ = 0;
  EpochPart part_;          // of first_epoch_, where an earlier Attempt has ended within it
  double part_lambda_ = 0;  // that its last step took
  std::vector<v1::Snapshot> snapshots_;
  // The network at the last comparison, and in which order its masks are kept. Its count is at or
  // above every open Budget.
  TensorMap kept_;
  std::vector<at::Tensor> kept_ranking_;  // of binary masks
  int64_t kept_count_ = 0;
};

absl::Status Descent::Start() {
  RETURN_IF_ERROR(LoadPretrained(context_.artifacts, context_.task, context_.data, teacher_));
  teacher_.Fold();
  RETURN_IF_ERROR(LoadPretrained(context_.artifacts, context_.task, context_.data, student_));
  RETURN_IF_ERROR(FitPolynomials(context_, student_));

  double lambda = 0;
  int64_t lowest = 0;
  std::vector<v1::Snapshot> snapshots;
  std::optional<DescentEnd> end;
  const auto read = [&](SafetensorsFile& file) -> absl::Status {
    ASSIGN_OR_RETURN(lambda, NumberIn(file.metadata, "lambda"));
    ASSIGN_OR_RETURN(lowest, IntegerIn(file.metadata, "lowest_count"));
    ASSIGN_OR_RETURN(snapshots, SnapshotsIn(file.metadata));
    ASSIGN_OR_RETURN(end, TakeDescentEnd(Network(), rule_->binary() ? masks_.size() : 0, file));
    return absl::OkStatus();
  };
  ASSIGN_OR_RETURN(const std::optional<Checkpoints::Resumed> resumed, checkpoints_.Restore(read));
  if (resumed) {
    first_epoch_ = resumed->epochs_done;
    lambda_.Restore(lambda, lowest);
    count_ = Count();
    for (const v1::Snapshot& snapshot : snapshots) {
      std::erase(open_budgets_, snapshot.budget());
      snapshots_.push_back(snapshot);
      // The Worker of the Attempt before may have died before it could pass this on.
      context_.listener.OnSnapshot(snapshot);
    }
    if (end) {
      kept_ = std::move(end->kept);
      kept_count_ = end->kept_count;
      kept_ranking_ = std::move(end->kept_ranking);
      part_ = end->part;
      part_lambda_ = end->lambda;
      // The comparison that ended it, for the Budgets that it did not know.
      return open_budgets_.empty() ? absl::OkStatus() : Compare(first_epoch_);
    }
  }
  Keep();
  return absl::OkStatus();
}

Metadata Descent::CheckpointMetadata() const {
  return {{"lambda", NumberText(lambda_.lambda())},
          {"lowest_count", absl::StrCat(lambda_.lowest_count())},
          {"snapshots", SnapshotsText(snapshots_)}};
}

absl::Status Descent::SaveEnd(int64_t epoch, double lambda) {
  const DescentEnd end{.part = part_,
                       .lambda = lambda,
                       .kept = kept_,
                       .kept_count = kept_count_,
                       .kept_ranking = kept_ranking_};
  Metadata metadata = CheckpointMetadata();
  metadata.merge(MetadataOf(end));
  return checkpoints_.SaveEnd(epoch, metadata, TensorsOf(end));
}

absl::Status Descent::AfterStep(int64_t epoch, int64_t step, StepResult& result) {
  const int64_t steps = epoch * steps_per_epoch_ + step + 1;
  if (lambda_.AfterStep(steps)) lambda_.Feedback(steps, Count());
  const int64_t interval = settings_.check_interval_steps();
  if (interval == 0 || (step + 1) % interval != 0) return absl::OkStatus();
  // A state that is not finite is no Snapshot; the epoch's mean loss then ends the Task.
  result.last = !std::isfinite(result.loss.item<double>());
  if (result.last) return absl::OkStatus();
  const absl::Status compared = Compare(epoch);
  result.last = !compared.ok() || open_budgets_.empty();
  return compared;
}

void Descent::Keep() {
  kept_.clear();
  AddTensors(Network(), kept_);
  kept_count_ = count_;
  if (rule_->binary()) kept_ranking_ = rule_->Ranking();
}

absl::Status Descent::Report(int64_t epoch, v1::Artifact& shared) {
  const int64_t budget = open_budgets_.front();
  if (rule_->binary()) {
    ASSIGN_OR_RETURN(const std::vector<at::Tensor> trimmed,
                     WithFault(TrimMasks(kept_ranking_, budget, student_.units_per_value(),
                                         MaskRule::kRankOfLinear),
                               {.kind = v1::Failure::DIVERGED}));
    TensorMap network = kept_;
    for (size_t i = 0; i < trimmed.size(); ++i) network[student_.masks()[i].name] = trimmed[i];
    ASSIGN_OR_RETURN(shared, StoreSnapshot(context_, network, kept_count_, epoch));
  } else if (!IsSet(shared)) {
    ASSIGN_OR_RETURN(shared, StoreSnapshot(context_, kept_, kept_count_, epoch));
  }
  v1::Snapshot snapshot;
  snapshot.set_budget(budget);
  *snapshot.mutable_artifact() = shared;
  snapshot.set_relus(kept_count_);
  snapshot.set_epoch(epoch);
  snapshot.set_device_seconds(checkpoints_.DeviceSeconds());
  snapshots_.push_back(snapshot);
  context_.listener.OnSnapshot(snapshots_.back());
  open_budgets_.erase(open_budgets_.begin());
  return absl::OkStatus();
}

absl::Status Descent::Compare(int64_t epoch) {
  count_ = Count();
  v1::Artifact shared;
  const auto passed = [&] {
    return !open_budgets_.empty() &&
           static_cast<double>(count_) <
               settings_.early_cut() * static_cast<double>(open_budgets_.front());
  };
  while (passed()) RETURN_IF_ERROR(Report(epoch, shared));
  if (open_budgets_.empty()) return absl::OkStatus();
  Keep();
  shared = {};
  if (count_ == 0) RETURN_IF_ERROR(Report(epoch, shared));  // a Budget of 0, the only one left
  return absl::OkStatus();
}

TaskOutcome Descent::Outcome() const {
  TaskOutcome outcome;
  if (!open_budgets_.empty()) {
    outcome = FailedOutcome(
        v1::Failure::INFEASIBLE,
        absl::StrCat("linearize ended after max_epochs = ", settings_.max_epochs(), " epochs with ",
                     count_, " ReLUs, above the budgets ", absl::StrJoin(open_budgets_, ", "),
                     "; more epochs or a larger lambda may help"),
        settings_.max_epochs() - 1);
  }
  outcome.device_seconds = checkpoints_.DeviceSeconds();
  return outcome;
}

absl::StatusOr<TaskOutcome> Descent::Run() {
  RETURN_IF_ERROR(Start());
  const EvaluationImages validation = context_.MakeEvaluationImages(context_.data.validation);
  for (int64_t epoch = first_epoch_; epoch < settings_.max_epochs() && !open_budgets_.empty();
       ++epoch) {
    const Stopwatch stopwatch;
    absl::Status compared;
    double lambda = part_.steps > 0 ? part_lambda_ : lambda_.lambda();
    const auto step = [&](const Batch& batch, int64_t number) {
      lambda = lambda_.lambda();
      rule_->SetLambda(lambda);
      StepResult result = steps_.Take({.images = batch.images,
                                       .targets = batch.targets,
                                       .teacher_logits = teacher_logits_.Kept(batch)});
      compared = AfterStep(epoch, number, result);
      return result;
    };
    ASSIGN_OR_RETURN(const EpochTotals totals,
                     FinishEpoch(context_, images_, settings_.batch(), epoch, step, part_));
    RETURN_IF_ERROR(compared);
    if (!std::isfinite(totals.loss)) {
      return DivergedOutcome(context_, epoch, totals.loss, checkpoints_);
    }
    if (!open_budgets_.empty()) RETURN_IF_ERROR(Compare(epoch));

    const std::optional<double> accuracy = Evaluate(student_, validation, context_.stop);
    if (!accuracy) return StoppedError();
    v1::Epoch report;
    report.set_epoch(epoch);
    report.set_loss(totals.loss);
    report.set_train_accuracy(totals.accuracy);
    report.set_validation_accuracy(*accuracy);
    report.set_learning_rate(settings_.weight_learning_rate());
    report.set_lambda(settings_.method() == v1::LinearizeSpec::AUTOREP ? settings_.density_weight()
                                                                       : lambda);
    report.set_relus(count_);
    report.set_seconds(stopwatch.Seconds());
    context_.listener.OnEpoch(report);
    if (open_budgets_.empty()) RETURN_IF_ERROR(SaveEnd(epoch, lambda));
    part_ = {};
    lambda_.AfterEpoch(epoch, count_);
    if (open_budgets_.empty() || epoch + 1 == settings_.max_epochs()) continue;
    RETURN_IF_ERROR(checkpoints_.SaveIfDue(epoch + 1, [&] { return CheckpointMetadata(); }));
  }
  return Outcome();
}

}  // namespace

absl::StatusOr<TaskOutcome> RunDescent(const StageContext& context,
                                       const std::vector<int64_t>& budgets) {
  return Descent(context, budgets).Run();
}

}  // namespace reluscape
