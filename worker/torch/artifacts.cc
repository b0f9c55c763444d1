#include "worker/torch/artifacts.h"

#include <c10/core/GradMode.h>

#include <cmath>
#include <filesystem>
#include <set>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "worker/task_error.h"

namespace reluscape {
namespace {

std::string ShapeText(const at::Tensor& tensor) {
  std::string text;
  for (const int64_t size : tensor.sizes()) absl::StrAppend(&text, text.empty() ? "" : "x", size);
  return absl::StrCat(text.empty() ? "scalar" : text, " of ", c10::toString(tensor.scalar_type()));
}

// That `artifact` does not hold what it should.
absl::Status WrongContent(const absl::Status& status, const v1::Artifact& artifact) {
  return WithFault(WithPrefix(absl::StrCat("artifact ", artifact.sha256(), ": "), status),
                   {.kind = v1::Failure::ARTIFACT, .artifact = artifact});
}

}  // namespace

Metadata DescribeOrigin(const std::string& kind, const v1::TaskDescription& task,
                        const DataSet& data) {
  Metadata metadata = {{"format", "reluscape-1"},
                       {"kind", kind},
                       {"stage", task.stage()},
                       {"network", task.network()},
                       {"seed", absl::StrCat(task.seed())},
                       {"split_seed", absl::StrCat(task.split_seed())},
                       {"data_set", task.data().set()},
                       {"data_hash", data.data_hash},
                       {"split_hash", data.split_hash}};
  if (IsSet(task.pretrained())) {
    metadata["pretrained_file"] = task.pretrained_file();
    metadata["pretrained_sha256"] = task.pretrained().sha256();
  }
  return metadata;
}

void AddTensors(const std::vector<NamedTensor>& tensors, TensorMap& map) {
  for (const NamedTensor& named : tensors) map[named.name] = named.tensor.detach().clone();
}

absl::Status RestoreTensors(const TensorMap& map, const std::vector<NamedTensor>& into) {
  std::set<std::string> names;
  for (const NamedTensor& named : into) {
    names.insert(named.name);
    const auto found = map.find(named.name);
    if (found == map.end()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "tensor ", named.name, " is missing; the network has it with ", ShapeText(named.tensor)));
    }
    if (found->second.sizes() != named.tensor.sizes() ||
        found->second.scalar_type() != named.tensor.scalar_type()) {
      return absl::FailedPreconditionError(
          absl::StrCat("tensor ", named.name, ": found ", ShapeText(found->second),
                       "; the network needs ", ShapeText(named.tensor)));
    }
  }
  for (const auto& [name, tensor] : map) {
    if (!names.contains(name)) {
      return absl::FailedPreconditionError(
          absl::StrCat("tensor ", name, " belongs to no operation of the network"));
    }
  }
  const c10::NoGradGuard no_grad;
  for (const NamedTensor& named : into) named.tensor.copy_(map.at(named.name));
  return absl::OkStatus();
}

absl::StatusOr<SafetensorsFile> LoadArtifact(const ArtifactFolder& folder,
                                             const v1::Artifact& artifact,
                                             const Metadata& expected) {
  if (!IsSet(artifact)) {
    return TaskError({.kind = v1::Failure::REFUSED}, "the task names no artifact to start from");
  }
  ASSIGN_OR_RETURN(
      const std::string bytes,
      WithFault(folder.Get(artifact), {.kind = v1::Failure::STORAGE, .artifact = artifact}));
  absl::StatusOr<SafetensorsFile> file = ReadSafetensors(bytes);
  if (!file.ok()) return WrongContent(file.status(), artifact);
  for (const auto& [key, value] : expected) {
    const auto found = file->metadata.find(key);
    if (found == file->metadata.end() || found->second != value) {
      return WrongContent(absl::FailedPreconditionError(absl::StrCat(
                              key, ": found ",
                              found == file->metadata.end() ? "nothing" : "'" + found->second + "'",
                              "; this task needs '", value, "'")),
                          artifact);
    }
  }
  return file;
}

absl::StatusOr<v1::Artifact> StoreArtifact(const ArtifactFolder& folder,
                                           const SafetensorsFile& file) {
  const std::string bytes = WriteSafetensors(file);
  absl::StatusOr<v1::Artifact> artifact = folder.Put(bytes);
  if (artifact.ok()) return artifact;
  return WithFault(
      WithPrefix("cannot store an artifact: ", artifact.status()),
      {.kind = v1::Failure::STORAGE, .unstored_bytes = static_cast<int64_t>(bytes.size())});
}

bool IsLost(const ArtifactFolder& folder, const v1::Artifact& artifact, const absl::Status& error) {
  if (absl::IsDataLoss(error)) return true;
  // A file that is not there may be on a file system that is not there.
  std::error_code ignored;
  return absl::IsNotFound(error) && folder.ReadId().ok() &&
         std::filesystem::status(folder.PathOf(artifact), ignored).type() ==
             std::filesystem::file_type::not_found;
}

absl::Status LoadPretrained(const ArtifactFolder& folder, const v1::TaskDescription& task,
                            const DataSet& data, GraphNetwork& network) {
  ASSIGN_OR_RETURN(const SafetensorsFile file, LoadArtifact(folder, task.weights(),
                                                            {{"format", "reluscape-1"},
                                                             {"kind", "weights"},
                                                             {"network", task.network()},
                                                             {"data_hash", data.data_hash},
                                                             {"split_hash", data.split_hash}}));
  std::vector<NamedTensor> into = network.weights();
  into.insert(into.end(), network.statistics().begin(), network.statistics().end());
  return WrongContent(RestoreTensors(file.tensors, into), task.weights());
}

std::string NumberText(double value) { return absl::StrFormat("%.17g", value); }

absl::StatusOr<double> NumberIn(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return absl::NotFoundError("metadata lack " + key);
  double value = 0;
  if (!absl::SimpleAtod(found->second, &value) || !std::isfinite(value)) {
    return absl::DataLossError(absl::StrCat(key, ": found '", found->second, "', no number"));
  }
  return value;
}

absl::StatusOr<int64_t> IntegerIn(const Metadata& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  if (found == metadata.end()) return absl::NotFoundError("metadata lack " + key);
  int64_t value = 0;
  if (!absl::SimpleAtoi(found->second, &value)) {
    return absl::DataLossError(absl::StrCat(key, ": found '", found->second, "', no integer"));
  }
  return value;
}

}  // namespace reluscape
