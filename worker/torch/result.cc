#include "worker/torch/result.h"

#include <cmath>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/evaluate.h"

namespace reluscape {

std::vector<NamedTensor> LearnedOf(const GraphNetwork& network) {
  std::vector<NamedTensor> learned = network.weights();
  learned.insert(learned.end(), network.statistics().begin(), network.statistics().end());
  return learned;
}

absl::StatusOr<double> Accuracy(const StageContext& context, GraphNetwork& network,
                                const ImageSet& images) {
  const std::optional<double> accuracy =
      Evaluate(network, context.MakeEvaluationImages(images), context.stop);
  if (!accuracy) return StoppedError();
  return *accuracy;
}

absl::StatusOr<ArtifactRef> StoreResult(const StageContext& context, GraphNetwork& network,
                                        const ResultReport& result) {
  const auto per_class =
      EvaluatePerClass(network, context.MakeEvaluationImages(context.data.validation),
                       context.task.data.classes, context.stop);
  if (!per_class) return StoppedError();
  SafetensorsFile file;
  AddTensors(LearnedOf(network), file.tensors);
  for (const Op& op : context.network.ops) {
    if (op.kind != OpKind::kRelu) continue;
    file.tensors[op.name + ".mask"] =
        at::ones({op.relu_channels, op.output.height, op.output.width}, at::kByte);
  }
  for (const NamedTensor& mask : network.masks()) {
    file.tensors[mask.name] = mask.tensor.to(at::kByte);
  }
  file.metadata = DescribeOrigin("result", context.task, context.data);
  file.metadata["budget"] = absl::StrCat(result.budget);
  file.metadata["relus"] = absl::StrCat(result.relus);
  file.metadata["accuracy_per_class"] =
      absl::StrJoin(*per_class, ",", [](std::string* text, double accuracy) {
        absl::StrAppend(text, std::isfinite(accuracy) ? NumberText(accuracy) : std::string());
      });
  return StoreArtifact(context.artifacts, file);
}

}  // namespace reluscape
