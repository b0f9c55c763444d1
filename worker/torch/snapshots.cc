#include "worker/torch/snapshots.h"

#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"

namespace reluscape {
namespace {

using Json = nlohmann::json;

// Mean and standard deviation of all mask values together.
struct Spread {
  double mean = 0;
  double deviation = 0;
};

Spread SpreadOfMasks(const TensorMap& network) {
  const c10::NoGradGuard no_grad;
  double count = 0;
  double sum = 0;
  double squares = 0;
  for (const auto& [name, tensor] : network) {
    if (!std::string_view(name).ends_with(".mask")) continue;
    const at::Tensor values = tensor.to(at::kDouble);
    count += static_cast<double>(values.numel());
    sum += values.sum().item<double>();
    squares += values.square().sum().item<double>();
  }
  if (count == 0) return {};
  const double mean = sum / count;
  return {.mean = mean, .deviation = std::sqrt(std::max(squares / count - mean * mean, 0.0))};
}

}  // namespace

absl::StatusOr<v1::Artifact> StoreSnapshot(const StageContext& context, const TensorMap& network,
                                           int64_t relus, int64_t epoch) {
  SafetensorsFile file;
  file.tensors = network;
  file.metadata = DescribeOrigin("snapshot", context.task, context.data);
  file.metadata["relus"] = absl::StrCat(relus);
  file.metadata["epoch"] = absl::StrCat(epoch);
  const Spread spread = SpreadOfMasks(network);
  file.metadata["mask_mean"] = NumberText(spread.mean);
  file.metadata["mask_deviation"] = NumberText(spread.deviation);
  file.metadata["threshold"] = NumberText(context.task.settings().linearize().threshold());
  return StoreArtifact(context.artifacts, file);
}

std::string SnapshotsText(const std::vector<v1::Snapshot>& snapshots) {
  Json list = Json::array();
  for (const v1::Snapshot& snapshot : snapshots) {
    list.push_back({{"budget", snapshot.budget()},
                    {"sha256", snapshot.artifact().sha256()},
                    {"bytes", snapshot.artifact().bytes()},
                    {"relus", snapshot.relus()},
                    {"epoch", snapshot.epoch()},
                    {"device_seconds", snapshot.device_seconds()}});
  }
  return list.dump();
}

absl::StatusOr<std::vector<v1::Snapshot>> SnapshotsIn(const Metadata& metadata) {
  const auto found = metadata.find("snapshots");
  if (found == metadata.end()) return absl::NotFoundError("metadata lack snapshots");
  const Json list = Json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!list.is_array()) return absl::DataLossError("snapshots: no JSON list");
  std::vector<v1::Snapshot> snapshots;
  for (const Json& one : list) {
    const auto integer = [&](const char* key) {
      return one.is_object() && one.contains(key) && one[key].is_number_integer()
                 ? one[key].get<int64_t>()
                 : -1;
    };
    v1::Snapshot snapshot;
    snapshot.set_budget(integer("budget"));
    snapshot.set_relus(integer("relus"));
    snapshot.set_epoch(integer("epoch"));
    v1::Artifact& artifact = *snapshot.mutable_artifact();
    artifact.set_bytes(integer("bytes"));
    if (one.is_object() && one.contains("sha256") && one["sha256"].is_string()) {
      artifact.set_sha256(one["sha256"].get<std::string>());
    }
    if (one.is_object() && one.contains("device_seconds") && one["device_seconds"].is_number()) {
      snapshot.set_device_seconds(one["device_seconds"].get<double>());
    }
    if (snapshot.budget() < 0 || artifact.bytes() < 0 || snapshot.relus() < 0 ||
        snapshot.epoch() < 0 || !IsSha256Hex(artifact.sha256())) {
      return absl::DataLossError("snapshots: an entry is broken");
    }
    snapshots.push_back(std::move(snapshot));
  }
  return snapshots;
}

}  // namespace reluscape
