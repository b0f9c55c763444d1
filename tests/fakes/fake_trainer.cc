#include "tests/fakes/fake_trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/build_info.h"
#include "base/fault_point.h"
#include "base/log.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "worker/task_error.h"

namespace reluscape {
namespace {

constexpr int64_t kLinearizeEpochs = 8;

// A safetensors file (huggingface/safetensors, README, "Format") of uint8 tensors.
std::string TensorFile(const std::map<std::string, std::string>& metadata,
                       const std::map<std::string, std::string>& tensors) {
  std::string header = "{\"__metadata__\":{";
  std::string bytes;
  const char* comma = "";
  for (const auto& [key, value] : metadata) {
    absl::StrAppend(&header, comma, "\"", key, "\":\"", value, "\"");
    comma = ",";
  }
  header += '}';
  for (const auto& [name, content] : tensors) {
    absl::StrAppend(&header, ",\"", name, "\":{\"dtype\":\"U8\",\"shape\":[", content.size(),
                    "],\"data_offsets\":[", bytes.size(), ",", bytes.size() + content.size(), "]}");
    bytes += content;
  }
  header += '}';
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string file;
  for (int i = 0; i < 8; ++i) {
    file += static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i) & 0xFF);
  }
  return file + header + bytes;
}

// The value of a key in the metadata that TensorFile wrote.
absl::StatusOr<int64_t> MetadataInteger(const std::string& file, const std::string& key) {
  const std::string marker = absl::StrCat("\"", key, "\":\"");
  const size_t start = file.find(marker);
  int64_t value = 0;
  if (start == std::string::npos ||
      !absl::SimpleAtoi(file.substr(start + marker.size(),
                                    file.find('"', start + marker.size()) - start - marker.size()),
                        &value)) {
    return absl::DataLossError(absl::StrCat("there is no ", key, " in the artifact"));
  }
  return value;
}

// A number in [0, 1) that looks drawn but depends on its arguments alone.
double Jitter(uint64_t seed, const std::string& purpose, int64_t index) {
  return Random(DeriveSeed(seed, purpose, static_cast<uint64_t>(index))).Uniform();
}

std::string SplitHash(uint64_t split_seed) { return Sha256Hex(absl::StrCat("split ", split_seed)); }

// Of a text that may name a file: whether it holds now.
bool Holds(const std::string& problem) {
  if (problem.empty()) return false;
  std::error_code error;
  return problem[0] != '@' || std::filesystem::exists(problem.substr(1), error);
}

// `accuracy` as that of a whole number of `images`.
double OfImages(double accuracy, int64_t images) {
  const double all = static_cast<double>(images);
  return std::clamp(std::round(accuracy * all), 0.0, all) / all;
}

// Classes whose images are `images` in all, of which `accuracy` of them are right; as even as it
// goes.
std::vector<ClassAccuracy> Classes(int64_t classes, int64_t images, double accuracy) {
  const auto correct = static_cast<int64_t>(std::llround(accuracy * static_cast<double>(images)));
  std::vector<ClassAccuracy> list;
  int64_t correct_so_far = 0;
  for (int64_t i = 0; i < classes; ++i) {
    const int64_t of_class = images * (i + 1) / classes - images * i / classes;
    const int64_t until = images * (i + 1) / classes;
    const int64_t correct_until = images > 0 ? correct * until / images : 0;
    list.push_back({.name = absl::StrCat("class ", i),
                    .images = of_class,
                    .correct = correct_until - correct_so_far});
    correct_so_far = correct_until;
  }
  return list;
}

bool SleepUnlessStopped(Milliseconds time, const std::stop_token& stop) {
  const auto until = std::chrono::steady_clock::now() + time;
  while (!stop.stop_requested()) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= Milliseconds(0)) return true;
    std::this_thread::sleep_for(
        std::min(left, std::chrono::steady_clock::duration(Milliseconds(20))));
  }
  return false;
}

}  // namespace

struct FakeTrainer::Script {
  Network network;
  NetworkCounts counts;
  Measurement measurement;
  int64_t epochs = 0;       // of the whole stage
  int64_t first_epoch = 0;  // to play
  double seconds_before = 0;

  // Of the descent after that many epochs: a straight line from the full network to the smallest
  // Budget.
  int64_t RelusAfter(const TaskDescription& task, int64_t epochs_done) const {
    const int64_t end = task.budgets.back();
    return counts.relus - (counts.relus - end) * epochs_done / epochs;
  }
  // Validation accuracy of a network with `relus` left, in [0.1, 0.95].
  double AccuracyAt(int64_t relus, uint64_t seed) const {
    const double left = static_cast<double>(relus) / static_cast<double>(counts.relus);
    const double size = std::log10(static_cast<double>(counts.macs) + 1) / 100;
    return 0.55 + size + 0.3 * std::pow(left, 0.3) + 0.02 * Jitter(seed, "accuracy", relus);
  }
};

FakeTrainer::FakeTrainer(FakeTrainerOptions options, const ArtifactFolder& artifacts)
    : options_(std::move(options)), artifacts_(artifacts) {}

void FakeTrainer::Describe(WorkerInfo& info) const {
  info.device = options_.device;
  info.torch_version = "none (scripted)";
  info.data_sets = options_.data_sets;
  info.protocol = options_.protocol;
  info.behaviour = options_.behaviour;
}

DataState FakeTrainer::OpenData(const DataRequest& request, std::stop_token /*stop*/) {
  if (const std::string problem = DataProblem(request.data); !problem.empty()) {
    return {request, "", "", problem};
  }
  return {request, DataHash(request.data), SplitHash(request.split_seed), ""};
}

std::string FakeTrainer::DataProblem(const DataSpec& data) const {
  if (std::find(options_.data_sets.begin(), options_.data_sets.end(), data.set) ==
      options_.data_sets.end()) {
    return absl::StrCat("data set ", data.set, " is not scripted");
  }
  if (!Holds(options_.data_problem)) return "";
  if (options_.data_problem[0] != '@') return options_.data_problem;
  return absl::StrCat("the images cannot be used while ", options_.data_problem.substr(1),
                      " exists");
}

std::string FakeTrainer::DataHash(const DataSpec& data) const {
  const std::string& salt = options_.data_salt;
  return Sha256Hex(
      absl::StrCat("scripted ", data.set, " ", data.classes, salt.empty() ? "" : " ", salt));
}

absl::Status FakeTrainer::CheckStorage() const {
  if (!Holds(options_.storage_problem)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("artifacts cannot be used while ",
                                             options_.storage_problem.substr(1), " exists"));
}

absl::StatusOr<ArtifactRef> FakeTrainer::Put(const std::string& content) const {
  absl::Status status = CheckStorage();
  if (status.ok()) {
    absl::StatusOr<ArtifactRef> artifact = artifacts_.Put(content);
    if (artifact.ok()) return artifact;
    status = artifact.status();
  }
  return WithFault(status, {.kind = FailureKind::kStorage,
                            .unstored_bytes = static_cast<int64_t>(content.size())});
}

absl::StatusOr<std::string> FakeTrainer::Get(const ArtifactRef& artifact) const {
  absl::Status status = CheckStorage();
  if (status.ok()) {
    absl::StatusOr<std::string> content = artifacts_.Get(artifact);
    if (content.ok()) return content;
    status = content.status();
  }
  return WithFault(status, {.kind = FailureKind::kStorage, .artifact = artifact});
}

absl::Status FakeTrainer::GoOnFrom(const ArtifactRef& checkpoint, Script& script) const {
  RETURN_IF_ERROR(WithFault(CheckStorage(), {.kind = FailureKind::kStorage}));
  const auto read = [&]() -> absl::Status {
    ASSIGN_OR_RETURN(const std::string file, artifacts_.Get(checkpoint));
    ASSIGN_OR_RETURN(const int64_t epochs_done, MetadataInteger(file, "epochs_done"));
    ASSIGN_OR_RETURN(const int64_t milliseconds, MetadataInteger(file, "milliseconds"));
    script.first_epoch = epochs_done;
    script.seconds_before = static_cast<double>(milliseconds) / 1000;
    return absl::OkStatus();
  };
  if (const absl::Status status = read(); !status.ok()) {
    LogWarning("starting anew, the checkpoint cannot be used: ", std::string(status.message()));
  }
  return absl::OkStatus();
}

absl::StatusOr<FakeTrainer::Script> FakeTrainer::Prepare(const TaskDescription& task) const {
  const TaskFault refused{.kind = FailureKind::kRefused};
  const TaskFault of_data{.kind = FailureKind::kData};
  Script script;
  const auto architecture = ParseArchitecture(task.network, task.data.side, task.data.classes);
  RETURN_IF_ERROR(WithFault(architecture.status(), refused));
  absl::StatusOr<Network> network = BuildNetwork(*architecture);
  RETURN_IF_ERROR(WithFault(network.status(), refused));
  script.network = *std::move(network);
  ASSIGN_OR_RETURN(script.counts, CountNetwork(script.network));
  if (task.stage != Stage::kPretrain && task.budgets.empty()) {
    return TaskError(refused, "the task names no budget");
  }
  if (const std::string problem = DataProblem(task.data); !problem.empty()) {
    return TaskError(of_data, problem);
  }
  Measurement& measurement = script.measurement;
  measurement.build_commit = BuildCommit();
  measurement.torch_version = "none (scripted)";
  measurement.device = options_.device;
  measurement.precision = "float32";
  measurement.threads = 1;
  measurement.data_hash = DataHash(task.data);
  measurement.split_hash = SplitHash(task.split_seed);
  measurement.train_images = task.data.train_images > 0 ? task.data.train_images : 9000;
  measurement.validation_images =
      task.data.validation_images > 0 ? task.data.validation_images : 1000;
  measurement.test_images = task.data.test_images > 0 ? task.data.test_images : 2000;
  if (!task.data_hash.empty() && task.data_hash != measurement.data_hash) {
    return TaskError(of_data, absl::StrCat("the data differs from what the job goes by: found ",
                                           measurement.data_hash, ", expected ", task.data_hash));
  }
  if (!task.split_hash.empty() && task.split_hash != measurement.split_hash) {
    return TaskError(of_data, absl::StrCat("the split differs from what the pretrain used: found ",
                                           measurement.split_hash, ", expected ", task.split_hash));
  }
  for (const ArtifactRef& input : {task.weights, task.snapshot, task.teacher, task.pretrained}) {
    if (input) RETURN_IF_ERROR(Get(input).status());
  }
  const auto chosen = options_.epochs.find(task.stage);
  if (chosen != options_.epochs.end() && chosen->second > 0) {
    script.epochs = chosen->second;
  } else if (task.stage == Stage::kPretrain) {
    script.epochs = task.settings.pretrain.epochs;
  } else if (task.stage == Stage::kFineTune) {
    script.epochs = task.settings.fine_tune.epochs;
  } else {
    script.epochs = std::min(kLinearizeEpochs, task.settings.linearize.max_epochs);
  }
  if (task.checkpoint) RETURN_IF_ERROR(GoOnFrom(task.checkpoint, script));
  return script;
}

Failure FakeTrainer::ScriptedFailure(const TaskDescription& task, int64_t epoch) const {
  Failure failure{options_.fail_kind, "scripted failure", epoch};
  if (failure.kind != FailureKind::kArtifact) return failure;
  for (const ArtifactRef& input : {task.snapshot, task.weights, task.teacher}) {
    if (input && !failure.artifact) failure.artifact = input;
  }
  return failure;
}

absl::Status FakeTrainer::Play(const TaskDescription& task, const Script& script,
                               TaskListener& listener, const std::stop_token& stop,
                               TaskOutcome& outcome) const {
  const auto begin = std::chrono::steady_clock::now();
  auto last_checkpoint = begin;
  outcome.device_seconds = script.seconds_before;
  for (int64_t epoch = script.first_epoch; epoch < script.epochs; ++epoch) {
    if (options_.fail_stage == task.stage && epoch == options_.fail_epoch) {
      outcome.failure = ScriptedFailure(task, epoch);
      return absl::OkStatus();
    }
    const auto epoch_begin = std::chrono::steady_clock::now();
    outcome.stopped = !SleepUnlessStopped(options_.epoch_time * 4 / 5, stop);
    if (outcome.stopped) return absl::OkStatus();
    FaultPoint("worker.mid_epoch");
    outcome.stopped = !SleepUnlessStopped(options_.epoch_time / 5, stop);
    if (outcome.stopped) return absl::OkStatus();

    const auto now = std::chrono::steady_clock::now();
    outcome.device_seconds =
        script.seconds_before + std::chrono::duration<double>(now - begin).count();
    const double progress = static_cast<double>(epoch + 1) / static_cast<double>(script.epochs);
    EpochReport report;
    report.epoch = epoch;
    report.seconds = std::chrono::duration<double>(now - epoch_begin).count();
    report.relus = script.counts.relus;
    double accuracy = script.AccuracyAt(script.counts.relus, task.seed);
    if (task.stage == Stage::kPretrain) {
      accuracy *= 1 - std::exp(-4 * progress) * 0.8;
      report.learning_rate = task.settings.pretrain.learning_rate * (1 - progress);
    } else if (task.stage == Stage::kLinearize) {
      report.relus = script.RelusAfter(task, epoch + 1);
      report.lambda = task.settings.linearize.lambda * std::pow(1.1, static_cast<double>(epoch));
      accuracy = script.AccuracyAt(report.relus, task.seed);
      report.learning_rate = task.settings.linearize.weight_learning_rate;
    } else {
      report.relus = task.budgets.front();
      accuracy = script.AccuracyAt(report.relus, task.seed) * (0.8 + 0.2 * progress);
      report.learning_rate = task.settings.fine_tune.learning_rate * (1 - progress);
    }
    report.validation_accuracy = accuracy;
    report.train_accuracy = std::min(1.0, accuracy + 0.03);
    report.loss = 2.3 * (1 - accuracy);
    if (task.stage == Stage::kLinearize) {
      const int64_t before = script.RelusAfter(task, epoch);
      for (const int64_t budget : task.budgets) {
        // Left behind in this epoch; or reached with its very last step.
        const bool crossed = before >= budget && report.relus < budget;
        const bool met = epoch + 1 == script.epochs && report.relus == budget;
        if (!crossed && !met) continue;
        SnapshotReport snapshot;
        snapshot.budget = budget;
        snapshot.relus = crossed ? before : report.relus;
        snapshot.epoch = epoch;
        snapshot.device_seconds = outcome.device_seconds;
        ASSIGN_OR_RETURN(snapshot.artifact,
                         Put(TensorFile({{"kind", "snapshot"},
                                         {"budget", absl::StrCat(budget)},
                                         {"candidate", absl::StrCat(task.candidate.value)},
                                         {"seed", absl::StrCat(task.seed)}},
                                        {})));
        listener.OnSnapshot(snapshot);
      }
    }
    listener.OnEpoch(report);
    if (now - last_checkpoint >= options_.checkpoint_interval && epoch + 1 < script.epochs) {
      last_checkpoint = now;
      ASSIGN_OR_RETURN(
          const ArtifactRef checkpoint,
          Put(TensorFile(
              {{"kind", "checkpoint"},
               {"task", absl::StrCat(task.task.value)},
               {"seed", absl::StrCat(task.seed)},
               {"epochs_done", absl::StrCat(epoch + 1)},
               {"milliseconds", absl::StrCat(static_cast<int64_t>(outcome.device_seconds * 1000))}},
              {})));
      listener.OnCheckpoint(checkpoint, outcome.device_seconds);
    }
  }
  return Finish(task, script, outcome);
}

absl::Status FakeTrainer::Finish(const TaskDescription& task, const Script& script,
                                 TaskOutcome& outcome) const {
  if (task.stage == Stage::kLinearize) return absl::OkStatus();
  if (task.stage == Stage::kPretrain && task.budgets.empty()) {
    ASSIGN_OR_RETURN(
        outcome.weights,
        Put(TensorFile(
            {{"kind", "weights"}, {"network", task.network}, {"seed", absl::StrCat(task.seed)}},
            {{"tail.weight", "scripted"}})));
    return absl::OkStatus();
  }
  ResultReport result;
  result.budget = task.budgets.front();
  result.relus = result.budget;
  std::map<std::string, std::string> masks;
  int64_t units_so_far = 0;
  int64_t kept_so_far = 0;
  for (const Op& op : script.network.ops) {
    if (op.kind != OpKind::kRelu) continue;
    LayerRelus layer;
    layer.layer = op.name;
    layer.units = op.relu_channels * op.output.height * op.output.width;
    // Evenly over all layers, exact in the sum.
    units_so_far += layer.units;
    const auto kept_until = static_cast<int64_t>(static_cast<__int128>(result.budget) *
                                                 units_so_far / script.counts.relus);
    layer.kept = kept_until - kept_so_far;
    kept_so_far = kept_until;
    if (task.settings.linearize.replacement == Replacement::kPolynomial &&
        layer.kept < layer.units) {
      layer.polynomials = layer.units - layer.kept;
      layer.input_min = -1;
      layer.input_max = 1;
    }
    std::string mask(static_cast<size_t>(layer.units), '\0');
    std::fill_n(mask.begin(), layer.kept, '\1');
    masks[op.name + ".mask"] = std::move(mask);
    result.layers.push_back(std::move(layer));
  }
  const int64_t images = script.measurement.validation_images;
  const double accuracy = OfImages(script.AccuracyAt(result.relus, task.seed), images);
  result.accuracy_validation = accuracy;
  result.accuracy_soft = OfImages(accuracy - 0.02, images);
  result.accuracy_trimmed = OfImages(accuracy - 0.1, images);
  result.accuracy_test = OfImages(accuracy - 0.01, script.measurement.test_images);
  result.classes = Classes(task.data.classes, images, result.accuracy_validation);
  ASSIGN_OR_RETURN(result.artifact, Put(TensorFile({{"kind", "result"},
                                                    {"network", task.network},
                                                    {"budget", absl::StrCat(result.budget)},
                                                    {"seed", absl::StrCat(task.seed)}},
                                                   masks)));
  outcome.result = std::move(result);
  return absl::OkStatus();
}

void FakeTrainer::Forge(TaskOutcome& outcome) const {
  if (options_.forgery == Forgery::kArtifact) {
    const ArtifactRef& artifact = outcome.result ? outcome.result->artifact : outcome.weights;
    if (artifact) {
      std::ofstream(artifacts_.PathOf(artifact), std::ios::binary)
          << std::string(static_cast<size_t>(artifact.bytes), 'x');
    }
  }
  if (!outcome.result) return;
  ResultReport& result = *outcome.result;
  if (options_.forgery == Forgery::kAccuracy) result.accuracy_validation = 1;
  if (options_.forgery == Forgery::kResult) {
    result.relus = 0;
    for (LayerRelus& layer : result.layers) layer.kept = 0;
    for (ClassAccuracy& one : result.classes) one.correct = one.images;
    result.accuracy_soft = 1;
    result.accuracy_trimmed = 1;
    result.accuracy_validation = 1;
    result.accuracy_test = 1;
  }
}

TaskOutcome FakeTrainer::Run(const TaskDescription& task, TaskListener& listener,
                             std::stop_token stop) {
  TaskOutcome outcome;
  if (options_.fail_every && options_.fail_stage.value_or(task.stage) == task.stage) {
    outcome.failure = ScriptedFailure(task, /*epoch=*/-1);
    return outcome;
  }
  absl::StatusOr<Script> script = Prepare(task);
  absl::Status status = script.status();
  if (status.ok()) {
    listener.OnMeasurement(script->measurement, script->epochs);
    status = Play(task, *script, listener, stop, outcome);
  }
  if (!status.ok()) return FailureOf(status);
  Forge(outcome);
  return outcome;
}

}  // namespace reluscape
