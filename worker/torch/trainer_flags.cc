#include "worker/torch/trainer_flags.h"

#include <CLI/CLI.hpp>
#include <cmath>

#include "base/flags.h"
#include "base/status_macros.h"

namespace reluscape {

void AddTrainerFlags(CLI::App& app, TrainerFlags& flags) {
  app.add_option("--data", flags.data,
                 "a data set as NAME=PATH, where jobs say NAME (repeatable); synthetic is always "
                 "there");
  app.add_option("--data-cache", flags.data_cache,
                 "folder for decoded images of image folders and TinyImageNet, which are then "
                 "decoded once; empty = at every start");
  app.add_option("--device", flags.device, "auto, cpu, cuda or cuda:N");
  app.add_option("--threads", flags.threads,
                 "on a CPU: the most threads of all tasks together; 0 = one per core. How many a "
                 "task has its job says")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20));
  app.add_option("--checkpoint-seconds", flags.checkpoint_seconds,
                 "least time between two checkpoints, which are made at ends of epochs")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--teacher-cache-mib", flags.teacher_cache_mib,
                 "the most memory, on the device, for a teacher's logits where a job keeps them; "
                 "default: an eighth of what is free there")
      ->check(CLI::Range(int64_t{0}, int64_t{1} << 20));
  app.add_flag("--no-cuda-graphs", flags.no_cuda_graphs,
               "launch every kernel of a step anew, rather than replay a recorded step");
}

absl::StatusOr<TorchTrainerOptions> TrainerOptionsOf(const TrainerFlags& flags) {
  TorchTrainerOptions options;
  options.device = flags.device;
  options.cores = flags.threads;
  options.checkpoint_interval =
      Milliseconds(static_cast<int64_t>(std::llround(flags.checkpoint_seconds * 1000)));
  if (flags.teacher_cache_mib) options.teacher_cache_bytes = *flags.teacher_cache_mib << 20;
  options.cuda_graphs = !flags.no_cuda_graphs;
  ASSIGN_OR_RETURN(options.data_sets, ParseNamedPaths("--data", flags.data));
  options.data_cache = flags.data_cache;
  return options;
}

}  // namespace reluscape
