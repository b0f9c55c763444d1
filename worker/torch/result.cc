#include "worker/torch/result.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/evaluate.h"

namespace reluscape {
namespace {

// {"<layer>": [min, max], ...} of the layers that have polynomials, as JSON.
std::string InputRangesText(const std::vector<LayerRelus>& layers) {
  nlohmann::ordered_json ranges = nlohmann::ordered_json::object();
  for (const LayerRelus& layer : layers) {
    if (layer.polynomials > 0) ranges[layer.layer] = {*layer.input_min, *layer.input_max};
  }
  return ranges.dump();
}

}  // namespace

std::vector<NamedTensor> LearnedOf(const GraphNetwork& network) {
  std::vector<NamedTensor> learned = network.parameters();
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

absl::StatusOr<std::vector<ClassAccuracy>> AccuracyPerClass(const StageContext& context,
                                                            GraphNetwork& network) {
  const DataSet& data = context.data;
  const auto counts = EvaluatePerClass(network, context.MakeEvaluationImages(data.validation),
                                       data.classes, context.stop);
  if (!counts) return StoppedError();
  std::vector<ClassAccuracy> classes;
  for (size_t i = 0; i < counts->size(); ++i) {
    classes.push_back({.name = data.class_names[i],
                       .images = (*counts)[i].images,
                       .correct = (*counts)[i].correct});
  }
  return classes;
}

absl::StatusOr<ArtifactRef> StoreResult(const StageContext& context, GraphNetwork& network,
                                        const ResultReport& result) {
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
  if (const int64_t polynomials = CountPolynomials(result.layers); polynomials > 0) {
    file.metadata["polynomials"] = absl::StrCat(polynomials);
    file.metadata["polynomial_input_ranges"] = InputRangesText(result.layers);
  }
  file.metadata["accuracy_per_class"] =
      absl::StrJoin(result.classes, ",", [](std::string* text, const ClassAccuracy& one) {
        if (one.images == 0) return;
        absl::StrAppend(
            text, NumberText(static_cast<double>(one.correct) / static_cast<double>(one.images)));
      });
  return StoreArtifact(context.artifacts, file);
}

}  // namespace reluscape
