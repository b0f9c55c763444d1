// Runs every stage of a small job through the Trainer and writes what a second implementation needs
// to do the same: the batches that each epoch trained on, the weights that each stage began with,
// and what it came to. reference_run FOLDER DEVICE PRECISION, as in "cpu float32";
// tests/torch/reference/reference_test.py reads it.

#include <ATen/Parallel.h>

#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "base/files.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "search/vocabulary/recipe.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/data/data_set.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/batches.h"
#include "worker/torch/torch_trainer.h"

namespace reluscape {
namespace {

using Json = nlohmann::json;

// Deep enough for every kind of block, small enough for a minute on one core.
constexpr char kNetworkName[] = "resnet20@2";
constexpr int64_t kImages = 40;
// That the other side may need more than this one to come to its budgets.
constexpr size_t kSpareEpochs = 5;

// Keeps what a Task reports.
class Reports final : public TaskListener {
 public:
  void OnProvenance(const v1::Provenance& found, int64_t /*epochs_planned*/) override {
    provenance = found;
  }
  void OnEpoch(const v1::Epoch& epoch) override { epochs.push_back(epoch); }
  void OnCheckpoint(const v1::Artifact& /*artifact*/, double /*device_seconds*/) override {}
  void OnSnapshot(const v1::Snapshot& snapshot) override { snapshots.push_back(snapshot); }

  v1::Provenance provenance;
  std::vector<v1::Epoch> epochs;
  std::vector<v1::Snapshot> snapshots;
};

class ReferenceRun {
 public:
  ReferenceRun(std::filesystem::path folder, std::string device,
               v1::StagesSpec::Precision precision)
      : folder_(std::move(folder)),
        device_(std::move(device)),
        precision_(precision),
        artifacts_(folder_ / "artifacts") {}

  absl::Status Run();

 private:
  v1::TaskDescription Task() const;
  // Runs `task`, writes its batches and records under `name`.
  absl::StatusOr<TaskOutcome> Stage(const std::string& name, const v1::TaskDescription& task,
                                    int64_t batch, Reports& reports);
  absl::Status WriteBatches(const std::string& name, const v1::TaskDescription& task, int64_t batch,
                            size_t epochs);
  absl::Status Copy(const v1::Artifact& artifact, const std::string& name);
  absl::Status WriteInitialWeights(const v1::TaskDescription& task);

  const std::filesystem::path folder_;
  const std::string device_;
  const v1::StagesSpec::Precision precision_;
  ArtifactFolder artifacts_;
  std::unique_ptr<Trainer> trainer_;
  Json document_;
};

v1::TaskDescription ReferenceRun::Task() const {
  v1::TaskDescription task;
  task.set_task(1);
  task.set_attempt(1);
  task.mutable_data()->set_set("synthetic");
  task.mutable_data()->set_classes(10);
  task.mutable_data()->set_side(32);
  task.mutable_data()->set_train_images(kImages);
  task.mutable_data()->set_validation_images(10);
  task.mutable_data()->set_test_images(10);
  task.set_network(CanonicalText(*ParseArchitecture(kNetworkName, 32, 10)));
  *task.mutable_settings() = Filled<v1::StagesSpec>();
  task.mutable_settings()->set_precision(precision_);
  // All images are one batch: an epoch is a step, whose loss, count and lambda are reported.
  task.mutable_settings()->mutable_pretrain()->set_batch(kImages);
  task.mutable_settings()->mutable_pretrain()->set_epochs(20);
  SetList(task.mutable_settings()->mutable_pretrain()->mutable_step_epochs(), {8, 14});
  task.mutable_settings()->mutable_linearize()->set_batch(kImages);
  task.mutable_settings()->mutable_linearize()->set_max_epochs(20);
  task.mutable_settings()->mutable_fine_tune()->set_batch(kImages);
  task.mutable_settings()->mutable_fine_tune()->set_epochs(20);
  task.set_split_seed(3);
  return task;
}

absl::Status ReferenceRun::WriteBatches(const std::string& name, const v1::TaskDescription& task,
                                        int64_t batch, size_t epochs) {
  ASSIGN_OR_RETURN(const DataSet data, LoadDataSet(task.data(), task.split_seed(), "", {}));
  TrainingImages images(data.train, data.classes, {.mean = data.mean, .deviation = data.deviation},
                        task.settings().augmentation(), at::kCPU);
  SafetensorsFile file;
  for (size_t epoch = 0; epoch < epochs; ++epoch) {
    images.StartEpoch(task.seed(), static_cast<int64_t>(epoch));
    for (int64_t step = 0; step < images.StepsPerEpoch(batch); ++step) {
      const Batch part = images.Get(step, batch);
      file.tensors[absl::StrCat("images/", epoch, "/", step)] = part.images.contiguous();
      file.tensors[absl::StrCat("labels/", epoch, "/", step)] = part.labels;
    }
  }
  return WriteFileAtomically(folder_ / (name + "_batches.safetensors"), WriteSafetensors(file));
}

absl::Status ReferenceRun::Copy(const v1::Artifact& artifact, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string bytes, artifacts_.Get(artifact));
  return WriteFileAtomically(folder_ / (name + ".safetensors"), bytes);
}

absl::Status ReferenceRun::WriteInitialWeights(const v1::TaskDescription& task) {
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(task.network()));
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  GraphNetwork graph(network, MaskMode::kNone, at::kCPU);
  graph.Initialize(DeriveSeed(task.seed(), "weights"));
  SafetensorsFile file;
  AddTensors(graph.weights(), file.tensors);
  AddTensors(graph.statistics(), file.tensors);
  return WriteFileAtomically(folder_ / "initial.safetensors", WriteSafetensors(file));
}

absl::StatusOr<TaskOutcome> ReferenceRun::Stage(const std::string& name,
                                                const v1::TaskDescription& task, int64_t batch,
                                                Reports& reports) {
  TaskOutcome outcome = trainer_->Run(task, reports, {});
  if (outcome.failure && outcome.failure->kind() != v1::Failure::INFEASIBLE) {
    return absl::InternalError(absl::StrCat(name, ": ", outcome.failure->message()));
  }
  const size_t spare = task.budgets().size() > 1 ? kSpareEpochs : 0;
  RETURN_IF_ERROR(WriteBatches(name, task, batch, reports.epochs.size() + spare));
  Json records = Json::array();
  for (const v1::Epoch& epoch : reports.epochs) {
    records.push_back({{"loss", epoch.loss()},
                       {"relus", epoch.relus()},
                       {"lambda", epoch.lambda()},
                       {"learning_rate", epoch.learning_rate()}});
  }
  document_[name] = {{"records", records}, {"steps", kImages / batch}};
  return outcome;
}

Json ToJson(const v1::SgdSpec& settings) {
  return {{"epochs", settings.epochs()},
          {"learning_rate", settings.learning_rate()},
          {"momentum", settings.momentum()},
          {"weight_decay", settings.weight_decay()},
          {"step_epochs", ListOf(settings.step_epochs())},
          {"step_factor", settings.step_factor()}};
}

Json ToJson(const v1::LinearizeSpec& settings) {
  return {{"weight_learning_rate", settings.weight_learning_rate()},
          {"mask_learning_rate", settings.mask_learning_rate()},
          {"lambda", settings.lambda()},
          {"lambda_growth", settings.lambda_growth()},
          {"lambda_patience", settings.lambda_patience()},
          {"threshold", settings.threshold()}};
}

absl::Status ReferenceRun::Run() {
  RETURN_IF_ERROR(artifacts_.WriteId(ArtifactFolder::NewId()));
  TorchTrainerOptions options;
  options.device = device_;
  ASSIGN_OR_RETURN(trainer_, MakeTorchTrainer(options, artifacts_));

  v1::TaskDescription task = Task();
  task.set_stage(StageName(Stage::kPretrain));
  task.set_seed(11);
  RETURN_IF_ERROR(WriteInitialWeights(task));
  Reports pretrain;
  ASSIGN_OR_RETURN(const TaskOutcome pretrained, Stage("pretrain", task, kImages, pretrain));
  if (const std::string wanted = NameOf(precision_); pretrain.provenance.precision() != wanted) {
    return absl::FailedPreconditionError(absl::StrCat(device_, " computed in ",
                                                      pretrain.provenance.precision(), " where ",
                                                      wanted, " was asked for"));
  }
  RETURN_IF_ERROR(Copy(pretrained.weights, "pretrained"));
  document_["pretrain"]["settings"] = ToJson(task.settings().pretrain());

  // The descent's first steps, with the published constants.
  task.set_stage(StageName(Stage::kLinearize));
  task.set_seed(12);
  *task.mutable_weights() = pretrained.weights;
  task.set_data_hash(pretrain.provenance.data_hash());
  task.set_split_hash(pretrain.provenance.split_hash());
  SetList(task.mutable_budgets(), {100});
  Reports first;
  RETURN_IF_ERROR(Stage("first_steps", task, kImages, first).status());
  document_["first_steps"]["settings"] = ToJson(task.settings().linearize());

  // A descent in miniature: five steps per epoch, masks fifty times as fast, and a patience of 0:
  // lambda rises in the first epochs, in which no mask can reach the threshold yet.
  v1::LinearizeSpec& linearize = *task.mutable_settings()->mutable_linearize();
  linearize.set_batch(kImages / 5);
  linearize.set_mask_learning_rate(50 * linearize.mask_learning_rate());
  linearize.set_lambda(1e-4);
  linearize.set_lambda_patience(0);
  linearize.set_max_epochs(40);
  task.set_seed(13);
  SetList(task.mutable_budgets(), {20000, 17000});
  Reports descent;
  RETURN_IF_ERROR(Stage("descent", task, linearize.batch(), descent).status());
  document_["descent"]["settings"] = ToJson(linearize);
  document_["descent"]["budgets"] = ListOf(task.budgets());
  if (std::ssize(descent.snapshots) != task.budgets_size()) {
    return absl::InternalError("the descent did not cross both budgets");
  }
  for (const v1::Snapshot& snapshot : descent.snapshots) {
    RETURN_IF_ERROR(Copy(snapshot.artifact(), absl::StrCat("snapshot_", snapshot.budget())));
  }

  for (const v1::Snapshot& snapshot : descent.snapshots) {
    const std::string name = absl::StrCat("fine_tune_", snapshot.budget());
    task.set_stage(StageName(Stage::kFineTune));
    task.set_seed(14);
    SetList(task.mutable_budgets(), {snapshot.budget()});
    *task.mutable_snapshot() = snapshot.artifact();
    Reports tuning;
    ASSIGN_OR_RETURN(const TaskOutcome tuned, Stage(name, task, kImages, tuning));
    RETURN_IF_ERROR(Copy(tuned.result->artifact(), absl::StrCat("result_", snapshot.budget())));
    document_[name]["settings"] = ToJson(task.settings().fine_tune());
  }
  document_["distillation"] = {
      {"temperature", task.settings().distillation().temperature()},
      {"weight", task.settings().distillation().weight()},
      {"cross_entropy_weight", task.settings().distillation().cross_entropy_weight()}};
  return WriteFileAtomically(folder_ / "runs.json", document_.dump(1));
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) {
  reluscape::v1::StagesSpec::Precision precision{};
  if (argc != 4 ||
      !reluscape::v1::StagesSpec::Precision_Parse(absl::AsciiStrToUpper(argv[3]), &precision)) {
    std::fprintf(stderr, "usage: reference_run FOLDER DEVICE float32|tf32|bfloat16\n");
    return 2;
  }
  const absl::Status status = reluscape::ReferenceRun(argv[1], argv[2], precision).Run();
  if (status.ok()) return 0;
  std::fprintf(stderr, "error: %s\n", std::string(status.message()).c_str());
  return 1;
}
