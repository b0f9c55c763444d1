#pragma once

// The files that stages leave for one another: tensors with a description of where they come from.
// Every file's metadata holds "format" ("reluscape-1"), "kind", "stage", "network" (canonical
// text), "seed", "split_seed", "data_set", "data_hash" and "split_hash"; where the pretrained
// weights come from a pretrained file also "pretrained_file" and "pretrained_sha256". The kinds:
//   weights     a pretrained network
//   snapshot    the network that a fine-tune starts from; also "relus", "epoch", "threshold",
//               "mask_mean", "mask_deviation"
//   result      a fine-tuned network with 0/1 masks (uint8); also "budget", "relus" and
//               "accuracy_per_class" (of the validation images, class 0 first, with commas; empty
//               for a class without images)
//   checkpoint  what a stage resumes from; also "epochs_done" and what the stage adds
// A network's tensors are named after its operations: "<op>.weight", "<op>.bias",
// "<op>.running_mean", "<op>.running_var", "<op>.mask" (C x H x W). Thread-safe.

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "search/vocabulary/synchronize.h"
#include "storage/artifacts/artifact_folder.h"
#include "worker/data/data_set.h"
#include "worker/torch/graph_network.h"
#include "worker/torch/safetensors.h"

namespace reluscape {

using Metadata = std::map<std::string, std::string>;

// The metadata that every file of `task` has.
Metadata DescribeOrigin(const std::string& kind, const v1::TaskDescription& task,
                        const DataSet& data);

// Adds clones of `tensors` under their names, so that they stay as they are now.
void AddTensors(const std::vector<NamedTensor>& tensors, TensorMap& map);

// Copies the tensors of `map` into those of `into` by name. FAILED_PRECONDITION names the first
// that is missing or has another shape or type, and the first of `map` that is none of `into`;
// nothing is copied then.
absl::Status RestoreTensors(const TensorMap& map, const std::vector<NamedTensor>& into);

// Reads an artifact from which a Task starts. Errors name it and carry whose fault they are
// (worker/task_error.h): kStorage with the errors of ArtifactFolder::Get, kArtifact where the
// content is no safetensors or where its metadata lack an entry of `expected` or have another
// value, kRefused where the Task names none.
absl::StatusOr<SafetensorsFile> LoadArtifact(const ArtifactFolder& folder,
                                             const v1::Artifact& artifact,
                                             const Metadata& expected);

// Whether `artifact`, which could not be read with `error` of ArtifactFolder::Get, is gone or
// damaged. Else it is out of reach for the moment: the file system is away, or refuses.
bool IsLost(const ArtifactFolder& folder, const v1::Artifact& artifact, const absl::Status& error);

// Writes an artifact. kStorage whatever the cause (a full disk, a folder that is not mounted).
absl::StatusOr<v1::Artifact> StoreArtifact(const ArtifactFolder& folder,
                                           const SafetensorsFile& file);

// The pretrained network of `task` into `network`'s weights and statistics; masks stay. The errors
// of LoadArtifact; kArtifact where the tensors are not the network's.
absl::Status LoadPretrained(const ArtifactFolder& folder, const v1::TaskDescription& task,
                            const DataSet& data, GraphNetwork& network);

// Numbers as metadata: text that gives back the same bits.
std::string NumberText(double value);
// NOT_FOUND or DATA_LOSS with the key.
absl::StatusOr<double> NumberIn(const Metadata& metadata, const std::string& key);
absl::StatusOr<int64_t> IntegerIn(const Metadata& metadata, const std::string& key);

}  // namespace reluscape
