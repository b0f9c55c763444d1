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
#include "worker/data/shared_data.h"
#include "worker/trainer.h"

namespace reluscape {

struct TorchTrainerOptions {
  // "auto" (the first CUDA device if there is one, else the CPU), "cpu", "cuda" or "cuda:<index>".
  std::string device = "auto";
  // On a CPU: the cores for the Tasks of `sharers` Workers of this machine together; 0 = all that
  // the process may use (base/machine.h). With how many threads a Task computes its Job says.
  int64_t cores = 0;
  int64_t sharers = 1;
  // Data sets that can be loaded: name -> path. "synthetic" needs no path and is always there.
  std::map<std::string, std::string> data_sets;
  // Where the Trainers of one process keep them together; null = this one keeps its own.
  std::shared_ptr<SharedData> shared_data;
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

// INVALID_ARGUMENT for an unknown device name, a number of cores out of range or a data set of an
// empty name; FAILED_PRECONDITION where a CUDA device is asked for and not there; UNAVAILABLE where
// LibTorch fails with the device that is. `artifacts` must outlive the Trainer. Of several Trainers
// in one process those that run beside each other must be on a CPU and have Tasks of one number of
// threads: LibTorch has some of its settings for the whole process.
absl::StatusOr<std::unique_ptr<Trainer>> MakeTorchTrainer(const TorchTrainerOptions& options,
                                                          const ArtifactFolder& artifacts);

}  // namespace reluscape
