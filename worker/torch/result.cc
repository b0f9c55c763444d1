#include "worker/torch/result.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/foreign_text.h"
#include "base/status_macros.h"
#include "search/vocabulary/synchronize.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/evaluate.h"

namespace reluscape {
namespace {

// {"<layer>": [min, max], ...} of the layers that have polynomials, as JSON.
std::string InputRangesText(const v1::ResultReport& result) {
  nlohmann::ordered_json ranges = nlohmann::ordered_json::object();
  for (const v1::LayerRelus& layer : result.layers()) {
    if (layer.polynomials() > 0) ranges[layer.layer()] = {layer.input_min(), layer.input_max()};
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

absl::Status AddClasses(const StageContext& context, GraphNetwork& network,
                        v1::ResultReport& result) {
  const DataSet& data = context.data;
  const auto counts = EvaluatePerClass(network, context.MakeEvaluationImages(data.validation),
                                       data.classes, context.stop);
  if (!counts) return StoppedError();
  double worst = 1;
  for (size_t i = 0; i < counts->size(); ++i) {
    v1::ClassAccuracy& one = *result.add_classes();
    one.set_name(ValidUtf8(data.class_names[i]));  // it may come from a folder
    one.set_images((*counts)[i].images);
    one.set_correct((*counts)[i].correct);
    if (one.images() == 0) continue;
    worst = std::min(worst, static_cast<double>(one.correct()) / static_cast<double>(one.images()));
  }
  result.set_accuracy_worst_class(worst);
  return absl::OkStatus();
}

absl::Status StoreResult(const StageContext& context, GraphNetwork& network,
                         v1::ResultReport& result) {
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
  file.metadata["budget"] = absl::StrCat(result.budget());
  file.metadata["relus"] = absl::StrCat(result.relus());
  if (const int64_t polynomials = CountPolynomials(result); polynomials > 0) {
    file.metadata["polynomials"] = absl::StrCat(polynomials);
    file.metadata["polynomial_input_ranges"] = InputRangesText(result);
  }
  file.metadata["accuracy_per_class"] =
      absl::StrJoin(result.classes(), ",", [](std::string* text, const v1::ClassAccuracy& one) {
        if (one.images() == 0) return;
        absl::StrAppend(text, NumberText(static_cast<double>(one.correct()) /
                                         static_cast<double>(one.images())));
      });
  ASSIGN_OR_RETURN(const v1::Artifact artifact, StoreArtifact(context.artifacts, file));
  *result.mutable_artifact() = MakeArtifact(artifact.sha256(), artifact.bytes());
  return absl::OkStatus();
}

}  // namespace reluscape
