#include "search/wire/sync.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/field_errors.h"
#include "base/foreign_text.h"
#include "base/sha256.h"
#include "search/wire/job.h"
#include "search/wire/views.h"

namespace reluscape {
namespace {

// Far above what an honest peer sends, so that a broken one costs no memory and no disk.
constexpr size_t kMostReports = 1000;
constexpr size_t kMostEpochs = 10'000;
constexpr size_t kMostSnapshots = 1000;
constexpr size_t kMostLayers = 10'000;
constexpr size_t kMostClasses = 100'000;
constexpr size_t kMostDataSets = 1000;
constexpr size_t kMostBudgets = 1000;
constexpr size_t kMostLeases = 1000;
constexpr size_t kLongestName = 200;
constexpr size_t kLongestClassName = 255;  // a folder's
constexpr size_t kLongestNetwork = 10'000;
constexpr size_t kLongestFile = 1000;
constexpr size_t kLongestMessage = 10'000;
constexpr int64_t kLargestWait = int64_t{24} * 3600 * 1000;  // ms

// Checks that collect errors under a path; the values are taken whatever they are.
class Checker {
 public:
  explicit Checker(FieldErrors& errors) : errors_(errors) {}

  void Require(bool condition, const std::string& path, const std::string& found,
               const std::string& allowed) {
    if (!condition) errors_.Add(path, found, allowed);
  }
  std::string Text(const std::string& path, const std::string& value, size_t shortest,
                   size_t longest) {
    Require(value.size() >= shortest && value.size() <= longest, path,
            absl::StrCat(value.size(), " characters"),
            absl::StrCat(shortest, " to ", longest, " characters"));
    return value;
  }
  int64_t AtLeast(const std::string& path, int64_t value, int64_t low) {
    Require(value >= low, path, absl::StrCat(value), absl::StrCat(low, " or more"));
    return value;
  }
  double Finite(const std::string& path, double value) {
    Require(std::isfinite(value), path, absl::StrCat(value), "a finite number");
    return value;
  }
  double Seconds(const std::string& path, double value) {
    Require(std::isfinite(value) && value >= 0, path, absl::StrCat(value),
            "a finite number of at least 0");
    return value;
  }
  double Accuracy(const std::string& path, double value) {
    Require(value >= 0 && value <= 1, path, absl::StrCat(value), "a number from 0 to 1");
    return value;
  }
  // An empty text or a SHA-256.
  std::string Hash(const std::string& path, const std::string& value) {
    Require(value.empty() || IsSha256Hex(value), path, absl::StrCat("\"", value, "\""),
            "64 lower-case hexadecimal digits");
    return value;
  }
  // Whether a list of `size` is short enough to be read.
  bool Length(const std::string& path, int size, size_t most) {
    Require(static_cast<size_t>(size) <= most, path, absl::StrCat(size, " entries"),
            absl::StrCat("at most ", most));
    return static_cast<size_t>(size) <= most;
  }

 private:
  FieldErrors& errors_;
};

std::string Item(const std::string& path, int index) { return absl::StrCat(path, "[", index, "]"); }

// ---------------------------------------------------------------------------------------------
// Parts of both messages.

void Write(const ArtifactRef& artifact, v1::Artifact& message) {
  message.set_sha256(artifact.sha256);
  message.set_bytes(artifact.bytes);
}

ArtifactRef Read(const v1::Artifact& message, const std::string& path, Checker& check) {
  ArtifactRef artifact;
  if (message.sha256().empty()) {
    check.Require(message.bytes() == 0, path + ".sha256", "nothing",
                  "64 lower-case hexadecimal digits");
    return artifact;
  }
  artifact.sha256 = check.Hash(path + ".sha256", message.sha256());
  artifact.bytes = check.AtLeast(path + ".bytes", message.bytes(), 1);
  return artifact;
}

// One that may not be missing.
ArtifactRef ReadRequired(const v1::Artifact& message, const std::string& path, Checker& check) {
  check.Require(!message.sha256().empty(), path, "nothing", "an artifact");
  return Read(message, path, check);
}

void Write(const EpochReport& epoch, v1::Epoch& message) {
  message.set_epoch(epoch.epoch);
  message.set_loss(epoch.loss);
  message.set_train_accuracy(epoch.train_accuracy);
  message.set_validation_accuracy(epoch.validation_accuracy);
  message.set_learning_rate(epoch.learning_rate);
  if (epoch.lambda) message.set_lambda(*epoch.lambda);
  message.set_relus(epoch.relus);
  message.set_seconds(epoch.seconds);
}

EpochReport Read(const v1::Epoch& message, const std::string& path, Checker& check) {
  EpochReport epoch;
  epoch.epoch = check.AtLeast(path + ".epoch", message.epoch(), 0);
  epoch.loss = check.Finite(path + ".loss", message.loss());
  epoch.train_accuracy = check.Accuracy(path + ".train_accuracy", message.train_accuracy());
  epoch.validation_accuracy =
      check.Accuracy(path + ".validation_accuracy", message.validation_accuracy());
  epoch.learning_rate = check.Finite(path + ".learning_rate", message.learning_rate());
  if (message.has_lambda()) epoch.lambda = check.Finite(path + ".lambda", message.lambda());
  epoch.relus = check.AtLeast(path + ".relus", message.relus(), 0);
  epoch.seconds = check.Seconds(path + ".seconds", message.seconds());
  return epoch;
}

void Write(const SnapshotReport& snapshot, v1::Snapshot& message) {
  message.set_budget(snapshot.budget);
  Write(snapshot.artifact, *message.mutable_artifact());
  message.set_relus(snapshot.relus);
  message.set_epoch(snapshot.epoch);
  message.set_device_seconds(snapshot.device_seconds);
}

SnapshotReport Read(const v1::Snapshot& message, const std::string& path, Checker& check) {
  SnapshotReport snapshot;
  snapshot.budget = check.AtLeast(path + ".budget", message.budget(), 1);
  snapshot.artifact = ReadRequired(message.artifact(), path + ".artifact", check);
  snapshot.relus = check.AtLeast(path + ".relus", message.relus(), message.budget());
  snapshot.epoch = check.AtLeast(path + ".epoch", message.epoch(), 0);
  snapshot.device_seconds = check.Seconds(path + ".device_seconds", message.device_seconds());
  return snapshot;
}

void Write(const Measurement& measurement, v1::Measurement& message) {
  message.set_build_commit(measurement.build_commit);
  message.set_torch_version(measurement.torch_version);
  message.set_device(measurement.device);
  message.set_precision(measurement.precision);
  message.set_threads(measurement.threads);
  message.set_data_hash(measurement.data_hash);
  message.set_split_hash(measurement.split_hash);
  message.set_train_images(measurement.train_images);
  message.set_validation_images(measurement.validation_images);
  message.set_test_images(measurement.test_images);
}

Measurement Read(const v1::Measurement& message, const std::string& path, Checker& check) {
  Measurement measurement;
  measurement.build_commit =
      check.Text(path + ".build_commit", message.build_commit(), 0, kLongestName);
  measurement.torch_version =
      check.Text(path + ".torch_version", message.torch_version(), 0, kLongestName);
  measurement.device = check.Text(path + ".device", message.device(), 0, kLongestName);
  measurement.precision = check.Text(path + ".precision", message.precision(), 0, kLongestName);
  measurement.threads = check.AtLeast(path + ".threads", message.threads(), 0);
  measurement.data_hash = check.Hash(path + ".data_hash", message.data_hash());
  measurement.split_hash = check.Hash(path + ".split_hash", message.split_hash());
  measurement.train_images = check.AtLeast(path + ".train_images", message.train_images(), 0);
  measurement.validation_images =
      check.AtLeast(path + ".validation_images", message.validation_images(), 0);
  measurement.test_images = check.AtLeast(path + ".test_images", message.test_images(), 0);
  return measurement;
}

void Write(const ResultReport& result, v1::ResultReport& message) {
  message.set_budget(result.budget);
  message.set_relus(result.relus);
  for (const LayerRelus& layer : result.layers) *message.add_layers() = ToProto(layer);
  message.set_accuracy_soft(result.accuracy_soft);
  message.set_accuracy_trimmed(result.accuracy_trimmed);
  message.set_accuracy_validation(result.accuracy_validation);
  message.set_accuracy_test(result.accuracy_test);
  for (const ClassAccuracy& one : result.classes) *message.add_classes() = ToProto(one);
  Write(result.artifact, *message.mutable_artifact());
}

ResultReport Read(const v1::ResultReport& message, const std::string& path, Checker& check) {
  ResultReport result;
  result.budget = check.AtLeast(path + ".budget", message.budget(), 1);
  result.relus = check.AtLeast(path + ".relus", message.relus(), 0);
  if (check.Length(path + ".layers", message.layers_size(), kMostLayers)) {
    for (int i = 0; i < message.layers_size(); ++i) {
      const v1::LayerRelus& read = message.layers(i);
      const std::string item = Item(path + ".layers", i);
      LayerRelus layer;
      layer.layer = check.Text(item + ".layer", read.layer(), 1, kLongestName);
      layer.units = check.AtLeast(item + ".units", read.units(), 0);
      layer.kept = check.AtLeast(item + ".kept", read.kept(), 0);
      check.Require(read.kept() <= read.units(), item + ".kept", absl::StrCat(read.kept()),
                    absl::StrCat("at most its units, ", read.units()));
      layer.polynomials = check.AtLeast(item + ".polynomials", read.polynomials(), 0);
      if (read.kept() >= 0 && read.kept() <= read.units()) {
        check.Require(
            read.polynomials() <= read.units() - read.kept(), item + ".polynomials",
            absl::StrCat(read.polynomials()),
            absl::StrCat("at most its units without a ReLU, ", read.units() - read.kept()));
      }
      if (read.has_input_min()) layer.input_min = read.input_min();
      if (read.has_input_max()) layer.input_max = read.input_max();
      result.layers.push_back(std::move(layer));
    }
  }
  result.accuracy_soft = check.Accuracy(path + ".accuracy_soft", message.accuracy_soft());
  result.accuracy_trimmed = check.Accuracy(path + ".accuracy_trimmed", message.accuracy_trimmed());
  result.accuracy_validation =
      check.Accuracy(path + ".accuracy_validation", message.accuracy_validation());
  result.accuracy_test = check.Accuracy(path + ".accuracy_test", message.accuracy_test());
  if (check.Length(path + ".classes", message.classes_size(), kMostClasses)) {
    for (int i = 0; i < message.classes_size(); ++i) {
      const v1::ClassAccuracy& read = message.classes(i);
      const std::string item = Item(path + ".classes", i);
      ClassAccuracy one;
      one.name = check.Text(item + ".name", read.name(), 1, kLongestClassName);
      one.images = check.AtLeast(item + ".images", read.images(), 0);
      one.correct = check.AtLeast(item + ".correct", read.correct(), 0);
      check.Require(read.correct() <= read.images(), item + ".correct",
                    absl::StrCat(read.correct()),
                    absl::StrCat("at most its images, ", read.images()));
      result.classes.push_back(std::move(one));
    }
  }
  result.artifact = ReadRequired(message.artifact(), path + ".artifact", check);
  return result;
}

// ---------------------------------------------------------------------------------------------
// The request.

// The numbers of the proto's enum are those of FailureKind and one more: UNSPECIFIED is 0.
static_assert(static_cast<int>(FailureKind::kTransient) + 1 == v1::Failure::TRANSIENT);
static_assert(static_cast<int>(FailureKind::kData) + 1 == v1::Failure::DATA);
static_assert(static_cast<int>(FailureKind::kStorage) + 1 == v1::Failure::STORAGE);
static_assert(static_cast<int>(FailureKind::kArtifact) + 1 == v1::Failure::ARTIFACT);
static_assert(static_cast<int>(FailureKind::kRefused) + 1 == v1::Failure::REFUSED);
static_assert(static_cast<int>(FailureKind::kDiverged) + 1 == v1::Failure::DIVERGED);
static_assert(static_cast<int>(FailureKind::kInfeasible) + 1 == v1::Failure::INFEASIBLE);

v1::Failure::Kind ToProto(FailureKind kind) {
  return static_cast<v1::Failure::Kind>(static_cast<int>(kind) + 1);
}

std::optional<FailureKind> FromProto(v1::Failure::Kind kind) {
  if (kind < v1::Failure::TRANSIENT || kind > v1::Failure::INFEASIBLE) return std::nullopt;
  return static_cast<FailureKind>(static_cast<int>(kind) - 1);
}

void Write(const DataRequest& request, v1::DataRequest& message) {
  *message.mutable_data() = ToProto(request.data);
  message.set_split_seed(static_cast<int64_t>(request.split_seed));
}

DataRequest Read(const v1::DataRequest& message, const std::string& path, Checker& check,
                 FieldErrors& errors) {
  DataRequest request;
  FieldErrors inner;
  request.data = DataSpecFromProto(message.data(), inner);
  for (const FieldError& error : inner.errors()) {
    errors.Add(absl::StrCat(path, ".", error.field), error.found, error.allowed);
  }
  check.Require(request.data.hash.empty(), path + ".data.hash", "a hash", "none");
  request.split_seed =
      static_cast<uint64_t>(check.AtLeast(path + ".split_seed", message.split_seed(), 0));
  return request;
}

void Write(const DataState& state, v1::DataState& message) {
  Write(state.request, *message.mutable_request());
  message.set_data_hash(state.data_hash);
  message.set_split_hash(state.split_hash);
  message.set_problem(ValidUtf8(state.problem));
}

DataState Read(const v1::DataState& message, const std::string& path, Checker& check,
               FieldErrors& errors) {
  DataState state;
  state.request = Read(message.request(), path + ".request", check, errors);
  state.data_hash = check.Hash(path + ".data_hash", message.data_hash());
  state.split_hash = check.Hash(path + ".split_hash", message.split_hash());
  state.problem = check.Text(path + ".problem", message.problem(), 0, kLongestMessage);
  check.Require(state.problem.empty() != state.data_hash.empty() &&
                    state.data_hash.empty() == state.split_hash.empty(),
                path, state.problem.empty() ? "no problem" : "a problem",
                "both hashes or a problem");
  return state;
}

v1::TaskReport::State ToProto(ReportState state) {
  switch (state) {
    case ReportState::kRunning:
      return v1::TaskReport::RUNNING;
    case ReportState::kSucceeded:
      return v1::TaskReport::SUCCEEDED;
    case ReportState::kFailed:
      return v1::TaskReport::FAILED;
    case ReportState::kHandedBack:
      return v1::TaskReport::HANDED_BACK;
  }
  return v1::TaskReport::STATE_UNSPECIFIED;
}

std::optional<ReportState> FromProto(v1::TaskReport::State state) {
  switch (state) {
    case v1::TaskReport::RUNNING:
      return ReportState::kRunning;
    case v1::TaskReport::SUCCEEDED:
      return ReportState::kSucceeded;
    case v1::TaskReport::FAILED:
      return ReportState::kFailed;
    case v1::TaskReport::HANDED_BACK:
      return ReportState::kHandedBack;
    default:
      return std::nullopt;
  }
}

void Write(const TaskReport& report, v1::TaskReport& message) {
  message.set_task(report.task.value);
  message.set_attempt(report.attempt);
  message.set_state(ToProto(report.state));
  for (const EpochReport& epoch : report.epochs) Write(epoch, *message.add_epochs());
  message.set_epochs_planned(report.epochs_planned);
  if (report.checkpoint) Write(report.checkpoint, *message.mutable_checkpoint());
  for (const SnapshotReport& snapshot : report.snapshots) Write(snapshot, *message.add_snapshots());
  if (report.weights) Write(report.weights, *message.mutable_weights());
  if (report.result) Write(*report.result, *message.mutable_result());
  if (report.failure) {
    message.mutable_failure()->set_kind(ToProto(report.failure->kind));
    message.mutable_failure()->set_message(ValidUtf8(report.failure->message));
    message.mutable_failure()->set_epoch(report.failure->epoch);
    if (report.failure->artifact) {
      Write(report.failure->artifact, *message.mutable_failure()->mutable_artifact());
    }
  }
  if (report.measurement) Write(*report.measurement, *message.mutable_measurement());
  message.set_device_seconds(report.device_seconds);
}

TaskReport Read(const v1::TaskReport& message, const std::string& path, Checker& check) {
  TaskReport report;
  report.task = TaskId{check.AtLeast(path + ".task", message.task(), 1)};
  report.attempt = check.AtLeast(path + ".attempt", message.attempt(), 1);
  const auto state = FromProto(message.state());
  check.Require(state.has_value(), path + ".state", absl::StrCat(int{message.state()}),
                "RUNNING, SUCCEEDED, FAILED or HANDED_BACK");
  report.state = state.value_or(ReportState::kRunning);
  if (check.Length(path + ".epochs", message.epochs_size(), kMostEpochs)) {
    for (int i = 0; i < message.epochs_size(); ++i) {
      report.epochs.push_back(Read(message.epochs(i), Item(path + ".epochs", i), check));
    }
  }
  report.epochs_planned = check.AtLeast(path + ".epochs_planned", message.epochs_planned(), 0);
  report.checkpoint = Read(message.checkpoint(), path + ".checkpoint", check);
  if (check.Length(path + ".snapshots", message.snapshots_size(), kMostSnapshots)) {
    for (int i = 0; i < message.snapshots_size(); ++i) {
      report.snapshots.push_back(Read(message.snapshots(i), Item(path + ".snapshots", i), check));
    }
  }
  report.weights = Read(message.weights(), path + ".weights", check);
  if (message.has_result()) report.result = Read(message.result(), path + ".result", check);
  if (message.has_failure()) {
    Failure& failure = report.failure.emplace();
    const auto kind = FromProto(message.failure().kind());
    check.Require(kind.has_value(), path + ".failure.kind",
                  absl::StrCat(int{message.failure().kind()}),
                  "TRANSIENT, DATA, STORAGE, ARTIFACT, REFUSED, DIVERGED or INFEASIBLE");
    failure.kind = kind.value_or(FailureKind::kTransient);
    failure.message =
        check.Text(path + ".failure.message", message.failure().message(), 0, kLongestMessage);
    failure.epoch = check.AtLeast(path + ".failure.epoch", message.failure().epoch(), -1);
    failure.artifact = Read(message.failure().artifact(), path + ".failure.artifact", check);
  }
  check.Require((report.state == ReportState::kFailed) == report.failure.has_value(),
                path + ".failure", report.failure ? "a failure" : "nothing",
                "a failure exactly where state is FAILED");
  if (message.has_measurement()) {
    report.measurement = Read(message.measurement(), path + ".measurement", check);
  }
  report.device_seconds = check.Seconds(path + ".device_seconds", message.device_seconds());
  return report;
}

// ---------------------------------------------------------------------------------------------
// The response.

std::optional<Stage> ParseStage(const std::string& name) {
  for (const Stage stage : {Stage::kPretrain, Stage::kLinearize, Stage::kFineTune}) {
    if (name == StageName(stage)) return stage;
  }
  return std::nullopt;
}

void Write(const TaskDescription& task, v1::TaskDescription& message) {
  message.set_task(task.task.value);
  message.set_attempt(task.attempt);
  message.set_job(task.job.value);
  message.set_candidate(task.candidate.value);
  message.set_stage(StageName(task.stage));
  message.set_network(task.network);
  *message.mutable_data() = ToProto(task.data);
  *message.mutable_settings() = ToProto(task.settings);
  for (const int64_t budget : task.budgets) message.add_budgets(budget);
  message.set_seed(static_cast<int64_t>(task.seed));
  message.set_split_seed(static_cast<int64_t>(task.split_seed));
  message.set_recipe(task.recipe);
  message.set_data_hash(task.data_hash);
  message.set_split_hash(task.split_hash);
  if (task.weights) Write(task.weights, *message.mutable_weights());
  if (task.snapshot) Write(task.snapshot, *message.mutable_snapshot());
  if (task.checkpoint) Write(task.checkpoint, *message.mutable_checkpoint());
  message.set_teacher_network(task.teacher_network);
  if (task.teacher) Write(task.teacher, *message.mutable_teacher());
  if (task.pretrained) Write(task.pretrained, *message.mutable_pretrained());
  message.set_pretrained_file(task.pretrained_file);
}

TaskDescription Read(const v1::TaskDescription& message, const std::string& path, Checker& check,
                     FieldErrors& errors) {
  TaskDescription task;
  task.task = TaskId{check.AtLeast(path + ".task", message.task(), 1)};
  task.attempt = check.AtLeast(path + ".attempt", message.attempt(), 1);
  task.job = JobId{check.AtLeast(path + ".job", message.job(), 1)};
  task.candidate = CandidateId{check.AtLeast(path + ".candidate", message.candidate(), 1)};
  const auto stage = ParseStage(message.stage());
  check.Require(stage.has_value(), path + ".stage", absl::StrCat("\"", message.stage(), "\""),
                "pretrain, linearize, fine-tune");
  task.stage = stage.value_or(Stage::kPretrain);
  task.network = check.Text(path + ".network", message.network(), 1, kLongestNetwork);
  FieldErrors inner;
  task.data = DataSpecFromProto(message.data(), inner);
  task.settings = StageSettingsFromProto(message.settings(), inner);
  for (const FieldError& error : inner.errors()) {
    errors.Add(absl::StrCat(path, ".", error.field), error.found, error.allowed);
  }
  if (check.Length(path + ".budgets", message.budgets_size(), kMostBudgets)) {
    for (int i = 0; i < message.budgets_size(); ++i) {
      task.budgets.push_back(check.AtLeast(Item(path + ".budgets", i), message.budgets(i), 1));
    }
  }
  task.seed = static_cast<uint64_t>(check.AtLeast(path + ".seed", message.seed(), 0));
  task.split_seed =
      static_cast<uint64_t>(check.AtLeast(path + ".split_seed", message.split_seed(), 0));
  task.recipe = check.Hash(path + ".recipe", message.recipe());
  task.recipe_understood = RecipeHash(task.settings);
  task.data_hash = check.Hash(path + ".data_hash", message.data_hash());
  task.split_hash = check.Hash(path + ".split_hash", message.split_hash());
  task.weights = Read(message.weights(), path + ".weights", check);
  task.snapshot = Read(message.snapshot(), path + ".snapshot", check);
  task.checkpoint = Read(message.checkpoint(), path + ".checkpoint", check);
  task.teacher_network =
      check.Text(path + ".teacher_network", message.teacher_network(), 0, kLongestNetwork);
  task.teacher = Read(message.teacher(), path + ".teacher", check);
  check.Require(task.teacher_network.empty() == !task.teacher, path + ".teacher",
                task.teacher ? "an artifact without its network" : "nothing",
                "an artifact exactly where teacher_network is set");
  task.pretrained = Read(message.pretrained(), path + ".pretrained", check);
  task.pretrained_file =
      check.Text(path + ".pretrained_file", message.pretrained_file(), 0, kLongestFile);
  check.Require(task.pretrained_file.empty() == !task.pretrained, path + ".pretrained",
                task.pretrained ? "an artifact without its file name" : "nothing",
                "an artifact exactly where pretrained_file is set");
  return task;
}

}  // namespace

v1::SynchronizeRequest ToProto(const SyncRequest& request) {
  v1::SynchronizeRequest message;
  v1::WorkerInfo& worker = *message.mutable_worker();
  worker.set_id(request.worker.id);
  worker.set_incarnation(request.worker.incarnation);
  worker.set_host(request.worker.host);
  worker.set_pid(request.worker.pid);
  worker.set_device(request.worker.device);
  worker.set_torch_version(request.worker.torch_version);
  worker.set_build_commit(request.worker.build_commit);
  for (const std::string& set : request.worker.data_sets) worker.add_data_sets(set);
  worker.set_slots(request.worker.slots);
  worker.set_protocol(request.worker.protocol);
  worker.set_behaviour(request.worker.behaviour);
  for (const DataState& state : request.worker.data) Write(state, *worker.add_data());
  worker.set_problem(ValidUtf8(request.worker.problem));
  message.set_artifact_folder_id(request.artifact_folder_id);
  message.set_accepts_work(request.accepts_work);
  for (const TaskReport& report : request.reports) Write(report, *message.add_reports());
  return message;
}

absl::StatusOr<SyncRequest> FromProto(const v1::SynchronizeRequest& message) {
  FieldErrors errors;
  Checker check(errors);
  SyncRequest request;
  const v1::WorkerInfo& worker = message.worker();
  request.worker.id = check.Text("worker.id", worker.id(), 1, kLongestName);
  request.worker.incarnation =
      check.Text("worker.incarnation", worker.incarnation(), 1, kLongestName);
  request.worker.host = check.Text("worker.host", worker.host(), 0, kLongestName);
  request.worker.pid = check.AtLeast("worker.pid", worker.pid(), 0);
  request.worker.device = check.Text("worker.device", worker.device(), 0, kLongestName);
  request.worker.torch_version =
      check.Text("worker.torch_version", worker.torch_version(), 0, kLongestName);
  request.worker.build_commit =
      check.Text("worker.build_commit", worker.build_commit(), 0, kLongestName);
  if (check.Length("worker.data_sets", worker.data_sets_size(), kMostDataSets)) {
    for (int i = 0; i < worker.data_sets_size(); ++i) {
      request.worker.data_sets.push_back(
          check.Text(Item("worker.data_sets", i), worker.data_sets(i), 1, kLongestName));
    }
  }
  request.worker.slots = check.AtLeast("worker.slots", worker.slots(), 1);
  request.worker.protocol = worker.protocol();
  request.worker.behaviour = worker.behaviour();
  request.worker.problem = check.Text("worker.problem", worker.problem(), 0, kLongestMessage);
  request.artifact_folder_id =
      check.Text("artifact_folder_id", message.artifact_folder_id(), 0, kLongestName);
  request.accepts_work = message.accepts_work();
  // What else another build says would be read by the wrong rules.
  if (worker.protocol() != kProtocolNumber) {
    if (!errors.empty()) return errors.ToStatus();
    return request;
  }
  if (check.Length("worker.data", worker.data_size(), kMostDataStates)) {
    for (int i = 0; i < worker.data_size(); ++i) {
      request.worker.data.push_back(Read(worker.data(i), Item("worker.data", i), check, errors));
    }
  }
  if (check.Length("reports", message.reports_size(), kMostReports)) {
    for (int i = 0; i < message.reports_size(); ++i) {
      request.reports.push_back(Read(message.reports(i), Item("reports", i), check));
    }
  }
  if (!errors.empty()) return errors.ToStatus();
  return request;
}

v1::SynchronizeResponse ToProto(const SyncResponse& response) {
  v1::SynchronizeResponse message;
  for (const Lease& lease : response.leases) {
    v1::Lease& written = *message.add_leases();
    Write(lease.description, *written.mutable_description());
    written.set_epochs_received(lease.epochs_received);
    written.set_time_left_ms(lease.time_left.count());
  }
  message.set_next_call_ms(response.next_call.count());
  for (const DataRequest& request : response.open) Write(request, *message.add_open());
  return message;
}

absl::StatusOr<SyncResponse> FromProto(const v1::SynchronizeResponse& message) {
  FieldErrors errors;
  Checker check(errors);
  SyncResponse response;
  if (check.Length("leases", message.leases_size(), kMostLeases)) {
    for (int i = 0; i < message.leases_size(); ++i) {
      const std::string item = Item("leases", i);
      Lease lease;
      lease.description =
          Read(message.leases(i).description(), item + ".description", check, errors);
      lease.epochs_received =
          check.AtLeast(item + ".epochs_received", message.leases(i).epochs_received(), 0);
      lease.time_left = Milliseconds(message.leases(i).time_left_ms());
      response.leases.push_back(std::move(lease));
    }
  }
  if (check.Length("open", message.open_size(), kMostOpenRequests)) {
    for (int i = 0; i < message.open_size(); ++i) {
      response.open.push_back(Read(message.open(i), Item("open", i), check, errors));
    }
  }
  const int64_t wait = check.AtLeast("next_call_ms", message.next_call_ms(), 0);
  response.next_call = Milliseconds(std::clamp(wait, int64_t{1}, kLargestWait));
  if (!errors.empty()) return errors.ToStatus();
  return response;
}

}  // namespace reluscape
