#pragma once

// The command-line flags of a TorchTrainer, for the programs that train.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/torch/torch_trainer.h"

namespace CLI {
class App;
}  // namespace CLI

namespace reluscape {

// As the flags of the same names have them.
struct TrainerFlags {
  std::vector<std::string> data;
  std::string data_cache;
  std::string device = "auto";
  int64_t threads = 0;
  double checkpoint_seconds = 15;
  std::optional<int64_t> teacher_cache_mib;
  bool no_cuda_graphs = false;
};

// `flags` must outlive the parsing.
void AddTrainerFlags(CLI::App& app, TrainerFlags& flags);

// INVALID_ARGUMENT for a --data that is not NAME=PATH.
absl::StatusOr<TorchTrainerOptions> TrainerOptionsOf(const TrainerFlags& flags);

}  // namespace reluscape
