// A worker process like reluscape-worker (same agent, same gRPC link, same flags) whose trainer
// plays curves instead of using LibTorch. For tests of faults, of the dashboard and of whole
// installations.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/exit_codes.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/signals.h"
#include "search/artifact_folder.h"
#include "tests/fakes/fake_trainer.h"
#include "worker/rpc/run_worker.h"

namespace reluscape {
namespace {

int Main(int argc, char** argv) {
  const SignalWatch signals;
  CLI::App app("A worker that plays scripted curves.", "scripted_worker");
  AddConfigOption(app);
  app.option_defaults()->always_capture_default();
  RunWorkerOptions run;
  std::string artifact_dir;
  std::string log_level = "info";
  double checkpoint_seconds = 15;
  app.add_option("--server", run.server, "HOST:PORT of the coordinator");
  app.add_option("--artifact-dir", artifact_dir, "the coordinator's artifact folder")->required();
  app.add_option("--id", run.id, "what listings call this worker");
  app.add_option("--checkpoint-seconds", checkpoint_seconds, "least time between checkpoints")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--log-level", log_level, "debug, info, warning or error");
  // Taken so that both programs can be started alike.
  std::vector<std::string> data;
  std::string device = "auto";
  int threads = 0;
  app.add_option("--data", data, "NAME=PATH: the name is offered, the path is not looked at");
  app.add_option("--device", device, "no effect");
  app.add_option("--threads", threads, "no effect");

  FakeTrainerOptions script;
  int64_t epoch_ms = script.epoch_time.count();
  int64_t fail_epoch = 0;
  app.add_option("--epoch-ms", epoch_ms, "time of an epoch")->check(CLI::Range(0, 3'600'000));
  std::map<Stage, int64_t>& epochs = script.epochs;
  app.add_option("--pretrain-epochs", epochs[Stage::kPretrain], "0 = as the recipe says");
  app.add_option("--linearize-epochs", epochs[Stage::kLinearize], "0 = 8");
  app.add_option("--fine-tune-epochs", epochs[Stage::kFineTune], "0 = as the recipe says");
  std::vector<std::string> data_sets = {"synthetic", "cifar10", "cifar100"};
  app.add_option("--data-set", data_sets, "offered data sets");
  const std::map<std::string, Stage> stages = {{"pretrain", Stage::kPretrain},
                                               {"linearize", Stage::kLinearize},
                                               {"fine-tune", Stage::kFineTune}};
  const std::map<std::string, FailureKind> kinds = {{"transient", FailureKind::kTransient},
                                                    {"bad-input", FailureKind::kBadInput},
                                                    {"diverged", FailureKind::kDiverged},
                                                    {"infeasible", FailureKind::kInfeasible}};
  std::string fail_stage;
  std::string fail_kind = "bad-input";
  app.add_option("--fail-stage", fail_stage, "stage that fails")->check(CLI::IsMember(stages));
  app.add_option("--fail-epoch", fail_epoch, "epoch in which it fails, 0-based");
  app.add_option("--fail-kind", fail_kind, "how")->check(CLI::IsMember(kinds));
  if (const int status = ParseFlags(app, argc, argv); status >= 0) return status;

  script.epoch_time = Milliseconds(epoch_ms);
  script.checkpoint_interval =
      Milliseconds(static_cast<int64_t>(std::llround(checkpoint_seconds * 1000)));
  script.data_sets = data_sets;
  for (const std::string& entry : data) {
    const std::string name = entry.substr(0, entry.find('='));
    if (std::find(data_sets.begin(), data_sets.end(), name) == data_sets.end()) {
      script.data_sets.push_back(name);
    }
  }
  if (!fail_stage.empty()) script.fail_stage = stages.at(fail_stage);
  script.fail_epoch = fail_epoch;
  script.fail_kind = kinds.at(fail_kind);

  absl::Status status = StartLog("worker", log_level);
  if (status.ok()) {
    const ArtifactFolder artifacts(artifact_dir);
    FakeTrainer trainer(script, artifacts);
    status = RunWorker(run, artifacts, trainer, signals.token());
  }
  if (!status.ok()) std::cerr << "scripted_worker: " << status.message() << "\n";
  return static_cast<int>(ServiceExitCodeOf(status));
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) { return reluscape::Main(argc, argv); }
