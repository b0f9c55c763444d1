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
void SetClasses(int64_t classes, int64_t images, double accuracy, v1::ResultReport& result) {
  const auto correct = static_cast<int64_t>(std::llround(accuracy * static_cast<double>(images)));
  int64_t correct_so_far = 0;
  for (int64_t i = 0; i < classes; ++i) {
    const int64_t of_class = images * (i + 1) / classes - images * i / classes;
    const int64_t until = images * (i + 1) / classes;
    const int64_t correct_until = images > 0 ? correct * until / images : 0;
    v1::ClassAccuracy& one = *result.add_classes();
    one.set_name(absl::StrCat("class ", i));
    one.set_images(of_class);
    one.set_correct(correct_until - correct_so_far);
    correct_so_far = correct_until;
  }
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
  v1::Provenance provenance;
  int64_t epochs = 0;       // of the whole stage
  int64_t first_epoch = 0;  // to play
  double seconds_before = 0;

  // Of the descent after that many epochs: a straight line from the full network to the smallest
  // Budget.
  int64_t RelusAfter(const v1::TaskDescription& task, int64_t epochs_done) const {
    const int64_t end = *task.budgets().rbegin();
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

void FakeTrainer::Describe(v1::WorkerInfo& info) const {
  info.set_device(options_.device);
  info.set_torch_version("none (scripted)");
  SetList(info.mutable_data_sets(), options_.data_sets);
  info.set_protocol(options_.protocol);
  info.set_behaviour(options_.behaviour);
}

v1::DataState FakeTrainer::OpenData(const v1::DataRequest& request, std::stop_token /*stop*/) {
  v1::DataState state;
  *state.mutable_request() = request;
  state.set_problem(DataProblem(request.data()));
  if (!state.problem().empty()) return state;
  state.set_data_hash(DataHash(request.data()));
  state.set_split_hash(SplitHash(request.split_seed()));
  return state;
}

std::string FakeTrainer::DataProblem(const v1::DataSpec& data) const {
  if (std::find(options_.data_sets.begin(), options_.data_sets.end(), data.set()) ==
      options_.data_sets.end()) {
    return absl::StrCat("data set ", data.set(), " is not scripted");
  }
  if (!Holds(options_.data_problem)) return "";
  if (options_.data_problem[0] != '@') return options_.data_problem;
  return absl::StrCat("the images cannot be used while ", options_.data_problem.substr(1),
                      " exists");
}

std::string FakeTrainer::DataHash(const v1::DataSpec& data) const {
  const std::string& salt = options_.data_salt;
  return Sha256Hex(
      absl::StrCat("scripted ", data.set(), " ", data.classes(), salt.empty() ? "" : " ", salt));
}

absl::Status FakeTrainer::CheckStorage() const {
  if (!Holds(options_.storage_problem)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("artifacts cannot be used while ",
                                             options_.storage_problem.substr(1), " exists"));
}

absl::StatusOr<v1::Artifact> FakeTrainer::Put(const std::string& content) const {
  absl::Status status = CheckStorage();
  if (status.ok()) {
    absl::StatusOr<v1::Artifact> artifact = artifacts_.Put(content);
    if (artifact.ok()) return artifact;
    status = artifact.status();
  }
  return WithFault(status, {.kind = v1::Failure::STORAGE,
                            .unstored_bytes = static_cast<int64_t>(content.size())});
}

absl::StatusOr<std::string> FakeTrainer::Get(const v1::Artifact& artifact) const {
  absl::Status status = CheckStorage();
  if (status.ok()) {
    absl::StatusOr<std::string> content = artifacts_.Get(artifact);
    if (content.ok()) return content;
    status = content.status();
  }
  return WithFault(status, {.kind = v1::Failure::STORAGE, .artifact = artifact});
}

absl::Status FakeTrainer::GoOnFrom(const v1::Artifact& checkpoint, Script& script) const {
  RETURN_IF_ERROR(WithFault(CheckStorage(), {.kind = v1::Failure::STORAGE}));
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

absl::StatusOr<FakeTrainer::Script> FakeTrainer::Prepare(const v1::TaskDescription& task) const {
  const TaskFault refused{.kind = v1::Failure::REFUSED};
  const TaskFault of_data{.kind = v1::Failure::DATA};
  Script script;
  const auto architecture =
      ParseArchitecture(task.network(), task.data().side(), task.data().classes());
  RETURN_IF_ERROR(WithFault(architecture.status(), refused));
  absl::StatusOr<Network> network = BuildNetwork(*architecture);
  RETURN_IF_ERROR(WithFault(network.status(), refused));
  script.network = *std::move(network);
  ASSIGN_OR_RETURN(script.counts, CountNetwork(script.network));
  if (StageOf(task) != Stage::kPretrain && task.budgets().empty()) {
    return TaskError(refused, "the task names no budget");
  }
  if (const std::string problem = DataProblem(task.data()); !problem.empty()) {
    return TaskError(of_data, problem);
  }
  v1::Provenance& provenance = script.provenance;
  provenance.set_build_commit(BuildCommit());
  provenance.set_torch_version("none (scripted)");
  provenance.set_device(options_.device);
  provenance.set_precision("float32");
  provenance.set_threads(1);
  provenance.set_data_hash(DataHash(task.data()));
  provenance.set_split_hash(SplitHash(task.split_seed()));
  provenance.set_train_images(task.data().train_images() > 0 ? task.data().train_images() : 9000);
  provenance.set_validation_images(
      task.data().validation_images() > 0 ? task.data().validation_images() : 1000);
  provenance.set_test_images(task.data().test_images() > 0 ? task.data().test_images() : 2000);
  if (!task.data_hash().empty() && task.data_hash() != provenance.data_hash()) {
    return TaskError(of_data,
                     absl::StrCat("the data differs from what the job goes by: found ",
                                  provenance.data_hash(), ", expected ", task.data_hash()));
  }
  if (!task.split_hash().empty() && task.split_hash() != provenance.split_hash()) {
    return TaskError(of_data,
                     absl::StrCat("the split differs from what the pretrain used: found ",
                                  provenance.split_hash(), ", expected ", task.split_hash()));
  }
  for (const v1::Artifact& input :
       {task.weights(), task.snapshot(), task.teacher(), task.pretrained()}) {
    if (IsSet(input)) RETURN_IF_ERROR(Get(input).status());
  }
  const auto chosen = options_.epochs.find(StageOf(task));
  if (chosen != options_.epochs.end() && chosen->second > 0) {
    script.epochs = chosen->second;
  } else if (StageOf(task) == Stage::kPretrain) {
    script.epochs = task.settings().pretrain().epochs();
  } else if (StageOf(task) == Stage::kFineTune) {
    script.epochs = task.settings().fine_tune().epochs();
  } else {
    script.epochs = std::min(kLinearizeEpochs, task.settings().linearize().max_epochs());
  }
  if (IsSet(task.checkpoint())) RETURN_IF_ERROR(GoOnFrom(task.checkpoint(), script));
  return script;
}

v1::Failure FakeTrainer::ScriptedFailure(const v1::TaskDescription& task, int64_t epoch) const {
  v1::Failure failure = MakeFailure(options_.fail_kind, "scripted failure", epoch);
  if (failure.kind() != v1::Failure::ARTIFACT) return failure;
  for (const v1::Artifact& input : {task.snapshot(), task.weights(), task.teacher()}) {
    if (IsSet(input) && !failure.has_artifact()) *failure.mutable_artifact() = input;
  }
  return failure;
}

absl::Status FakeTrainer::Play(const v1::TaskDescription& task, const Script& script,
                               TaskListener& listener, const std::stop_token& stop,
                               TaskOutcome& outcome) const {
  const auto begin = std::chrono::steady_clock::now();
  auto last_checkpoint = begin;
  outcome.device_seconds = script.seconds_before;
  for (int64_t epoch = script.first_epoch; epoch < script.epochs; ++epoch) {
    if (options_.fail_stage == StageOf(task) && epoch == options_.fail_epoch) {
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
    v1::Epoch report;
    report.set_epoch(epoch);
    report.set_seconds(std::chrono::duration<double>(now - epoch_begin).count());
    report.set_relus(script.counts.relus);
    double accuracy = script.AccuracyAt(script.counts.relus, task.seed());
    if (StageOf(task) == Stage::kPretrain) {
      accuracy *= 1 - std::exp(-4 * progress) * 0.8;
      report.set_learning_rate(task.settings().pretrain().learning_rate() * (1 - progress));
    } else if (StageOf(task) == Stage::kLinearize) {
      report.set_relus(script.RelusAfter(task, epoch + 1));
      report.set_lambda(task.settings().linearize().lambda() *
                        std::pow(1.1, static_cast<double>(epoch)));
      accuracy = script.AccuracyAt(report.relus(), task.seed());
      report.set_learning_rate(task.settings().linearize().weight_learning_rate());
    } else {
      report.set_relus(task.budgets(0));
      accuracy = script.AccuracyAt(report.relus(), task.seed()) * (0.8 + 0.2 * progress);
      report.set_learning_rate(task.settings().fine_tune().learning_rate() * (1 - progress));
    }
    report.set_validation_accuracy(accuracy);
    report.set_train_accuracy(std::min(1.0, accuracy + 0.03));
    report.set_loss(2.3 * (1 - accuracy));
    if (StageOf(task) == Stage::kLinearize) {
      const int64_t before = script.RelusAfter(task, epoch);
      for (const int64_t budget : task.budgets()) {
        // Left behind in this epoch; or reached with its very last step.
        const bool crossed = before >= budget && report.relus() < budget;
        const bool met = epoch + 1 == script.epochs && report.relus() == budget;
        if (!crossed && !met) continue;
        v1::Snapshot snapshot;
        snapshot.set_budget(budget);
        snapshot.set_relus(crossed ? before : report.relus());
        snapshot.set_epoch(epoch);
        snapshot.set_device_seconds(outcome.device_seconds);
        ASSIGN_OR_RETURN(*snapshot.mutable_artifact(),
                         Put(TensorFile({{"kind", "snapshot"},
                                         {"budget", absl::StrCat(budget)},
                                         {"candidate", absl::StrCat(task.candidate())},
                                         {"seed", absl::StrCat(task.seed())}},
                                        {})));
        listener.OnSnapshot(snapshot);
      }
    }
    listener.OnEpoch(report);
    if (now - last_checkpoint >= options_.checkpoint_interval && epoch + 1 < script.epochs) {
      last_checkpoint = now;
      ASSIGN_OR_RETURN(
          const v1::Artifact checkpoint,
          Put(TensorFile(
              {{"kind", "checkpoint"},
               {"task", absl::StrCat(task.task())},
               {"seed", absl::StrCat(task.seed())},
               {"epochs_done", absl::StrCat(epoch + 1)},
               {"milliseconds", absl::StrCat(static_cast<int64_t>(outcome.device_seconds * 1000))}},
              {})));
      listener.OnCheckpoint(checkpoint, outcome.device_seconds);
    }
  }
  return Finish(task, script, outcome);
}

absl::Status FakeTrainer::Finish(const v1::TaskDescription& task, const Script& script,
                                 TaskOutcome& outcome) const {
  if (StageOf(task) == Stage::kLinearize) return absl::OkStatus();
  if (StageOf(task) == Stage::kPretrain && task.budgets().empty()) {
    ASSIGN_OR_RETURN(
        outcome.weights,
        Put(TensorFile(
            {{"kind", "weights"}, {"network", task.network()}, {"seed", absl::StrCat(task.seed())}},
            {{"tail.weight", "scripted"}})));
    return absl::OkStatus();
  }
  v1::ResultReport result;
  result.set_budget(task.budgets(0));
  result.set_relus(result.budget());
  std::map<std::string, std::string> masks;
  int64_t units_so_far = 0;
  int64_t kept_so_far = 0;
  for (const Op& op : script.network.ops) {
    if (op.kind != OpKind::kRelu) continue;
    v1::LayerRelus& layer = *result.add_layers();
    layer.set_layer(op.name);
    layer.set_units(op.relu_channels * op.output.height * op.output.width);
    // Evenly over all layers, exact in the sum.
    units_so_far += layer.units();
    const auto kept_until = static_cast<int64_t>(static_cast<__int128>(result.budget()) *
                                                 units_so_far / script.counts.relus);
    layer.set_kept(kept_until - kept_so_far);
    kept_so_far = kept_until;
    if (task.settings().linearize().replacement() == v1::LinearizeSpec::POLYNOMIAL &&
        layer.kept() < layer.units()) {
      layer.set_polynomials(layer.units() - layer.kept());
      layer.set_input_min(-1);
      layer.set_input_max(1);
    }
    std::string mask(static_cast<size_t>(layer.units()), '\0');
    std::fill_n(mask.begin(), layer.kept(), '\1');
    masks[op.name + ".mask"] = std::move(mask);
  }
  const int64_t images = script.provenance.validation_images();
  const double accuracy = OfImages(script.AccuracyAt(result.relus(), task.seed()), images);
  result.set_accuracy_validation(accuracy);
  result.set_accuracy_soft(OfImages(accuracy - 0.02, images));
  result.set_accuracy_trimmed(OfImages(accuracy - 0.1, images));
  outcome.accuracy_test = OfImages(accuracy - 0.01, script.provenance.test_images());
  SetClasses(task.data().classes(), images, accuracy, result);
  ASSIGN_OR_RETURN(const v1::Artifact artifact,
                   Put(TensorFile({{"kind", "result"},
                                   {"network", task.network()},
                                   {"budget", absl::StrCat(result.budget())},
                                   {"seed", absl::StrCat(task.seed())}},
                                  masks)));
  *result.mutable_artifact() = artifact;
  outcome.result = std::move(result);
  return absl::OkStatus();
}

void FakeTrainer::Forge(TaskOutcome& outcome) const {
  if (options_.forgery == Forgery::kArtifact) {
    const v1::Artifact artifact = outcome.result ? outcome.result->artifact() : outcome.weights;
    if (IsSet(artifact)) {
      std::ofstream(artifacts_.PathOf(artifact), std::ios::binary)
          << std::string(static_cast<size_t>(artifact.bytes()), 'x');
    }
  }
  if (!outcome.result) return;
  v1::ResultReport& result = *outcome.result;
  if (options_.forgery == Forgery::kAccuracy) result.set_accuracy_validation(1);
  if (options_.forgery == Forgery::kResult) {
    result.set_relus(0);
    for (v1::LayerRelus& layer : *result.mutable_layers()) layer.set_kept(0);
    for (v1::ClassAccuracy& one : *result.mutable_classes()) one.set_correct(one.images());
    result.set_accuracy_soft(1);
    result.set_accuracy_trimmed(1);
    result.set_accuracy_validation(1);
    outcome.accuracy_test = 1;
  }
}

TaskOutcome FakeTrainer::Run(const v1::TaskDescription& task, TaskListener& listener,
                             std::stop_token stop) {
  TaskOutcome outcome;
  if (options_.fail_every && options_.fail_stage.value_or(StageOf(task)) == StageOf(task)) {
    outcome.failure = ScriptedFailure(task, /*epoch=*/-1);
    return outcome;
  }
  absl::StatusOr<Script> script = Prepare(task);
  absl::Status status = script.status();
  if (status.ok()) {
    listener.OnProvenance(script->provenance, script->epochs);
    status = Play(task, *script, listener, stop, outcome);
  }
  if (!status.ok()) return FailureOf(status);
  Forge(outcome);
  return outcome;
}

}  // namespace reluscape
