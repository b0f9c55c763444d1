#include "worker/standalone/documents.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "search/objective.h"
#include "search/result_front.h"
#include "search/wire/views.h"

namespace reluscape {
namespace {

constexpr char kWorker[] = "reluscape-train";
constexpr size_t kShownRecipeDigits = 12;  // as a coordinator shows it

const PlannedTask& PretrainOf(const TrainPlan& plan, const PlannedCandidate& candidate) {
  return plan.tasks[candidate.tasks[0]];
}

// Of a Candidate of role kSearch.
const PlannedTask& LinearizeOf(const TrainPlan& plan, const PlannedCandidate& candidate) {
  return plan.tasks[candidate.tasks[1]];
}

bool Succeeded(const TaskProgress* task) { return task != nullptr && task->succeeded(); }
bool Failed(const TaskProgress* task) { return task != nullptr && task->failed(); }

const SnapshotReport* FindSnapshot(const TaskProgress* linearize, int64_t budget) {
  if (linearize == nullptr) return nullptr;
  for (const SnapshotReport& snapshot : linearize->report.snapshots) {
    if (snapshot.budget == budget) return &snapshot;
  }
  return nullptr;
}

bool CanBegin(const TrainPlan& plan, const TrainState& state, const PlannedTask& task) {
  const PlannedCandidate& candidate = plan.candidates[task.candidate];
  if (task.stage == Stage::kPretrain) {
    return !candidate.teacher ||
           Succeeded(state.Find(PretrainOf(plan, plan.candidates[*candidate.teacher]).id));
  }
  if (!Succeeded(state.Find(PretrainOf(plan, candidate).id))) return false;
  return task.stage == Stage::kLinearize ||
         FindSnapshot(state.Find(LinearizeOf(plan, candidate).id), task.budget) != nullptr;
}

TaskState TaskStateOf(const TrainPlan& plan, const TrainState& state, const PlannedTask& task) {
  if (const TaskProgress* progress = state.Find(task.id)) {
    if (progress->succeeded()) return TaskState::kSucceeded;
    if (progress->failed()) return TaskState::kFailed;
    return progress->report.state == ReportState::kHandedBack ? TaskState::kQueued
                                                              : TaskState::kLeased;
  }
  if (FailedBefore(plan, state, task)) return TaskState::kCancelled;
  return CanBegin(plan, state, task) ? TaskState::kQueued : TaskState::kBlocked;
}

std::string MessageOf(const TrainPlan& plan, const TrainState& state, const PlannedTask& task) {
  if (const TaskProgress* progress = state.Find(task.id)) {
    const std::optional<Failure>& failure = progress->report.failure;
    return failure ? absl::StrCat(FailureKindName(failure->kind), ": ", failure->message) : "";
  }
  const std::optional<TaskId> failed = FailedBefore(plan, state, task);
  return failed ? absl::StrCat("task ", failed->value, " failed") : "";
}

TaskView ViewOf(const TrainPlan& plan, const TrainState& state, const PlannedTask& task) {
  TaskView view;
  view.id = task.id;
  view.candidate = plan.candidates[task.candidate].id;
  view.stage = task.stage;
  view.budget = task.budget;
  view.state = TaskStateOf(plan, state, task);
  view.message = MessageOf(plan, state, task);
  const TaskProgress* progress = state.Find(task.id);
  if (progress == nullptr) return view;
  view.attempt = progress->report.attempt;
  view.worker = kWorker;
  view.epochs_done = progress->epochs_done;
  view.epochs_planned = progress->report.epochs_planned;
  if (!progress->report.epochs.empty()) view.last_epoch = progress->report.epochs.back();
  view.device_seconds = progress->report.device_seconds;
  view.started_at = progress->started_at;
  view.finished_at = progress->ended_at;
  return view;
}

// `progress` has succeeded.
ResultView ViewOf(const TrainPlan& plan, const TrainState& state, const PlannedTask& task,
                  const TaskProgress& progress, ResultCosts& costs) {
  const PlannedCandidate& candidate = plan.candidates[task.candidate];
  const PlannedTask& pretrain = PretrainOf(plan, candidate);
  const ResultReport& report = *progress.report.result;
  ResultView view;
  view.id = task.result;
  view.candidate = candidate.id;
  view.name = candidate.name;
  view.network = candidate.network;
  view.network_hash = candidate.network_hash;
  view.budget = report.budget;
  view.relus = report.relus;
  view.relus_with_stem = report.relus + (candidate.relus_with_stem - candidate.relus);
  view.polynomials = CountPolynomials(report.layers);
  view.macs = candidate.macs;
  view.parameters = candidate.parameters;
  view.accuracy_soft = report.accuracy_soft;
  view.accuracy_trimmed = report.accuracy_trimmed;
  view.accuracy_validation = report.accuracy_validation;
  if (state.unsealed_at) view.accuracy_test = report.accuracy_test;
  const ResultCosts::Costs& price = costs.Of(task, report);
  view.latency = price.latency;
  view.costs = price.costs;
  view.seed_pretrain = pretrain.seed;
  view.seed_split = plan.split_seed;
  view.recipe = plan.recipe.substr(0, kShownRecipeDigits);
  view.measurement = progress.report.measurement.value_or(Measurement());
  if (const TaskProgress* trained = state.Find(pretrain.id)) {
    view.seconds_pretrain = trained->report.device_seconds;
  }
  if (task.stage == Stage::kFineTune) {
    const PlannedTask& linearize = LinearizeOf(plan, candidate);
    view.seed_linearize = linearize.seed;
    view.seed_fine_tune = task.seed;
    if (const auto* snapshot = FindSnapshot(state.Find(linearize.id), task.budget)) {
      view.seconds_linearize = snapshot->device_seconds;
    }
    view.seconds_fine_tune = progress.report.device_seconds;
  }
  view.worker = kWorker;
  view.attempt = progress.report.attempt;
  view.created_at = progress.ended_at.value_or(Time());
  view.layers = report.layers;
  view.classes = report.classes;
  view.artifact = report.artifact;
  view.origin = candidate.origin;
  return view;
}

CandidateView ViewOf(const TrainPlan& plan, const TrainState& state,
                     const PlannedCandidate& candidate) {
  CandidateView view;
  view.id = candidate.id;
  view.name = candidate.name;
  view.network = candidate.network;
  view.network_hash = candidate.network_hash;
  view.replicate = candidate.replicate;
  view.relus = candidate.relus;
  view.relus_with_stem = candidate.relus_with_stem;
  view.macs = candidate.macs;
  view.parameters = candidate.parameters;
  view.budgets = candidate.budgets;
  view.origin = candidate.origin;
  view.pretrained_file = candidate.pretrained_file;
  view.pretrained = candidate.pretrained;
  view.role = candidate.role;
  if (candidate.teacher) view.teacher = plan.candidates[*candidate.teacher].id;
  for (const size_t task : candidate.tasks) {
    view.tasks.push_back(ViewOf(plan, state, plan.tasks[task]));
  }
  return view;
}

JobView Summary(const TrainPlan& plan, const TrainState& state, int64_t results) {
  JobView view;
  view.name = plan.spec.name;
  view.state = StateOf(plan, state);
  view.created_at = state.created_at;
  view.unsealed_at = state.unsealed_at;
  view.data_set = plan.spec.data.set;
  view.recipe = plan.recipe.substr(0, kShownRecipeDigits);
  view.candidates = static_cast<int64_t>(plan.candidates.size());
  view.results = results;
  view.objectives = plan.spec.objectives;
  view.cost_limits = plan.spec.limits.costs;
  int64_t failed = 0;
  for (const PlannedTask& task : plan.tasks) {
    const TaskState task_state = TaskStateOf(plan, state, task);
    ++view.tasks[TaskStateName(task_state)];
    if (task_state == TaskState::kFailed && ++failed == 1) {
      view.message = absl::StrCat(TaskText(plan, task), ": ", MessageOf(plan, state, task));
    }
    const TaskProgress* progress = state.Find(task.id);
    if (view.state != JobState::kRunning && progress != nullptr && progress->ended_at) {
      view.finished_at = std::max(view.finished_at.value_or(Time()), *progress->ended_at);
    }
  }
  if (failed > 0) {
    view.message = absl::StrCat(failed, failed == 1 ? " task" : " tasks",
                                " failed; the first: ", view.message);
  }
  return view;
}

}  // namespace

std::optional<TaskId> FailedBefore(const TrainPlan& plan, const TrainState& state,
                                   const PlannedTask& task) {
  const PlannedCandidate& candidate = plan.candidates[task.candidate];
  const PlannedTask& pretrain = PretrainOf(plan, candidate);
  if (task.stage == Stage::kPretrain) {
    if (!candidate.teacher) return std::nullopt;
    const PlannedTask& lesson = PretrainOf(plan, plan.candidates[*candidate.teacher]);
    return Failed(state.Find(lesson.id)) ? std::optional<TaskId>(lesson.id) : std::nullopt;
  }
  if (Failed(state.Find(pretrain.id))) return pretrain.id;
  if (task.stage == Stage::kLinearize) return std::nullopt;
  const PlannedTask& linearize = LinearizeOf(plan, candidate);
  const TaskProgress* descended = state.Find(linearize.id);
  if (!Failed(descended)) return std::nullopt;
  // A descent that fails takes with it only the fine-tunes whose Snapshot it has not left.
  return FindSnapshot(descended, task.budget) != nullptr ? std::nullopt
                                                         : std::optional<TaskId>(linearize.id);
}

JobState StateOf(const TrainPlan& plan, const TrainState& state) {
  bool failed = false;
  for (const PlannedTask& task : plan.tasks) {
    const TaskProgress* progress = state.Find(task.id);
    if (progress == nullptr) {
      if (!FailedBefore(plan, state, task)) return JobState::kRunning;
      continue;
    }
    if (!progress->succeeded() && !progress->failed()) return JobState::kRunning;
    failed = failed || progress->failed();
  }
  return failed ? JobState::kFailed : JobState::kFinished;
}

std::vector<ResultView> Results(const TrainPlan& plan, const TrainState& state,
                                ResultCosts& costs) {
  std::vector<ResultView> results;
  for (const PlannedTask& task : plan.tasks) {
    const TaskProgress* progress = state.Find(task.id);
    if (progress == nullptr || !progress->succeeded() || !progress->report.result) continue;
    results.push_back(ViewOf(plan, state, task, *progress, costs));
  }
  std::stable_sort(results.begin(), results.end(), [](const ResultView& a, const ResultView& b) {
    return std::tie(a.measurement.data_hash, a.measurement.split_hash, a.relus) <
           std::tie(b.measurement.data_hash, b.measurement.split_hash, b.relus);
  });
  MarkFront(plan.spec.objectives, plan.spec.limits.costs, results);
  return results;
}

v1::TrainResults ResultsDocument(const TrainPlan& plan, const TrainState& state,
                                 ResultCosts& costs) {
  v1::TrainResults document;
  for (const std::string& objective : plan.spec.objectives) document.add_objectives(objective);
  for (const CostLimit& limit : plan.spec.limits.costs) {
    document.add_cost_limits(CostLimitText(limit));
  }
  const std::vector<ResultView> results = Results(plan, state, costs);
  for (const ResultView& result : results) *document.add_results() = ToProto(result);
  *document.mutable_summary() = ToProto(Summary(plan, state, static_cast<int64_t>(results.size())));
  for (const PlannedCandidate& candidate : plan.candidates) {
    *document.add_candidates() = ToProto(ViewOf(plan, state, candidate));
  }
  return document;
}

std::string TaskText(const TrainPlan& plan, const PlannedTask& task) {
  const PlannedCandidate& candidate = plan.candidates[task.candidate];
  return absl::StrCat(
      StageName(task.stage),
      task.stage == Stage::kFineTune ? absl::StrCat(" to ", task.budget, " ReLUs") : "", " of ",
      candidate.name,
      plan.spec.candidates.replicates > 1 ? absl::StrCat(", replicate ", candidate.replicate) : "",
      " (task ", task.id.value, ")");
}

}  // namespace reluscape
