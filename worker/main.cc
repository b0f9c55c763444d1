// reluscape-worker: trains for a coordinator, on one device. Flags, wiring, signals.

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "base/exit_codes.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/ports.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/rpc/run_worker.h"
#include "worker/torch/torch_trainer.h"
#include "worker/torch/trainer_flags.h"

namespace reluscape {
namespace {

struct Options {
  std::string server = LocalServer();
  std::string artifact_dir;
  std::string id;
  TrainerFlags trainer;
  int64_t sharers = 1;
  std::string log_level = "info";
};

void AddOptions(CLI::App& app, Options& options) {
  app.option_defaults()->always_capture_default();
  app.add_option("--server", options.server, "HOST:PORT of the coordinator");
  app.add_option("--artifact-dir", options.artifact_dir,
                 "the coordinator's artifact folder: the same on this machine, or the same on a "
                 "shared file system")
      ->required();
  AddTrainerFlags(app, options.trainer);
  app.add_option("--sharers", options.sharers,
                 "how many workers of this machine, this one included, share --threads")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 20));
  app.add_option("--id", options.id,
                 "what listings call this worker; must survive restarts and be unique (default: "
                 "made of host and device)");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error");
}

absl::Status Work(const Options& options, const std::stop_token& stop) {
  ASSIGN_OR_RETURN(TorchTrainerOptions trainer_options, TrainerOptionsOf(options.trainer));
  trainer_options.sharers = options.sharers;
  const ArtifactFolder artifacts(options.artifact_dir);
  ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer,
                   MakeTorchTrainer(trainer_options, artifacts));
  RunWorkerOptions run_options;
  run_options.server = options.server;
  run_options.id = options.id;
  return RunWorker(run_options, artifacts, *trainer, stop);
}

int Main(int argc, char** argv) {
  const SignalWatch signals;
  Options options;
  CLI::App app("A worker of Reluscape: trains what the coordinator hands out.", "reluscape-worker");
  AddConfigOption(app);
  AddOptions(app, options);
  if (const int status = ParseFlags(app, argc, argv); status >= 0) return status;
  absl::Status status = StartLog("worker", options.log_level);
  if (status.ok()) status = Work(options, signals.token());
  if (!status.ok()) std::cerr << "reluscape-worker: " << status.message() << "\n";
  return static_cast<int>(ServiceExitCodeOf(status));
}

}  // namespace
}  // namespace reluscape

int main(int argc, char** argv) { return reluscape::Main(argc, argv); }
