// reluscape-worker: trains for a coordinator, on one device. Flags, wiring, signals.

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/exit_codes.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/signals.h"
#include "base/status_macros.h"
#include "search/artifact_folder.h"
#include "worker/rpc/run_worker.h"
#include "worker/torch/torch_trainer.h"

namespace reluscape {
namespace {

struct Options {
  std::string server = "127.0.0.1:50551";
  std::string artifact_dir;
  std::vector<std::string> data;
  std::string data_cache;
  std::string device = "auto";
  int threads = 0;
  std::string id;
  double checkpoint_seconds = 15;
  int64_t teacher_cache_mib = 2048;
  bool no_cuda_graphs = false;
  std::string log_level = "info";
};

void AddOptions(CLI::App& app, Options& options) {
  app.option_defaults()->always_capture_default();
  app.add_option("--server", options.server, "HOST:PORT of the coordinator");
  app.add_option("--artifact-dir", options.artifact_dir,
                 "the coordinator's artifact folder: the same on this machine, or the same on a "
                 "shared file system")
      ->required();
  app.add_option("--data", options.data,
                 "a data set as NAME=PATH, where jobs say NAME (repeatable); synthetic is always "
                 "there");
  app.add_option("--data-cache", options.data_cache,
                 "folder for decoded images of image folders and TinyImageNet, which are then "
                 "decoded once; empty = at every start");
  app.add_option("--device", options.device, "auto, cpu, cuda or cuda:N");
  app.add_option("--threads", options.threads, "CPU threads; 0 = one per core")
      ->check(CLI::Range(0, 1024));
  app.add_option("--id", options.id,
                 "what listings call this worker; must survive restarts and be unique (default: "
                 "made of host and device)");
  app.add_option("--checkpoint-seconds", options.checkpoint_seconds,
                 "least time between two checkpoints, which are made at ends of epochs")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--teacher-cache-mib", options.teacher_cache_mib,
                 "the most memory, on the device, for a teacher's logits where a job keeps them")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20));
  app.add_flag("--no-cuda-graphs", options.no_cuda_graphs,
               "launch every kernel of a step anew, rather than replay a recorded step");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error");
}

absl::Status Work(const Options& options, const std::stop_token& stop) {
  TorchTrainerOptions trainer_options;
  trainer_options.device = options.device;
  trainer_options.threads = options.threads;
  trainer_options.checkpoint_interval =
      Milliseconds(static_cast<int64_t>(std::llround(options.checkpoint_seconds * 1000)));
  trainer_options.teacher_cache_bytes = options.teacher_cache_mib << 20;
  trainer_options.cuda_graphs = !options.no_cuda_graphs;
  ASSIGN_OR_RETURN(trainer_options.data_sets, ParseNamedPaths("--data", options.data));
  trainer_options.data_cache = options.data_cache;
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
