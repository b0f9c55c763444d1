#pragma once

// The Trainer that really trains: LibTorch on a CPU or a CUDA device. No Torch type appears here,
// so that its users see neither its headers nor its include folder.

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/trainer.h"

namespace reluscape {

struct TorchTrainerOptions {
  // "auto" (the first CUDA device if there is one, else the CPU), "cpu", "cuda" or "cuda:<index>".
  std::string device = "auto";
  // CPU threads for operators, 0 to 1024; 0 = what LibTorch chooses, normally one per core. Results
  // on a CPU repeat bit by bit only for equal numbers of threads.
  int threads = 0;
  // Data sets that can be loaded: name -> path. "synthetic" needs no path and is always there.
  std::map<std::string, std::string> data_sets;
  // Folder for decoded image files, which are then decoded once; empty = decoded at every start.
  std::string data_cache;
  // The least time between two resume checkpoints; they are made at ends of epochs only.
  Milliseconds checkpoint_interval{15000};
  // The most memory for the logits of a teacher, of one at a time, where a recipe keeps them
  // (cache_teacher_logits): 0 or more. It never changes a result. Not set: an eighth of what is
  // free on the device when a teacher's first Task begins. The memory is taken at once, so that of
  // several Workers each takes an eighth of what the others have left.
  std::optional<int64_t> teacher_cache_bytes;
  // Whether steps of training are recorded and replayed as CUDA graphs (worker/torch/step_graph.h).
  // The kernels are the same. Nothing on a CPU.
  bool cuda_graphs = true;
};

// INVALID_ARGUMENT for an unknown device name, a number of threads out of range or a data set of an
// empty name; FAILED_PRECONDITION where a CUDA device is asked for and not there; UNAVAILABLE where
// LibTorch fails with the device that is. `artifacts` must outlive the Trainer. A process has one
// CPU thread pool: of several Trainers in one process the newest call of Run decides how many
// threads all of them use.
absl::StatusOr<std::unique_ptr<Trainer>> MakeTorchTrainer(const TorchTrainerOptions& options,
                                                          const ArtifactFolder& artifacts);

}  // namespace reluscape
