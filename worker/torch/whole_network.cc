#include "worker/torch/whole_network.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/evaluate.h"

namespace reluscape {
namespace {

std::vector<NamedTensor> LearnedOf(const GraphNetwork& network) {
  std::vector<NamedTensor> learned = network.weights();
  learned.insert(learned.end(), network.statistics().begin(), network.statistics().end());
  return learned;
}

}  // namespace

absl::StatusOr<std::unique_ptr<GraphNetwork>> LoadTeacher(const StageContext& context) {
  const TaskDescription& task = context.task;
  if (task.teacher_network.empty()) return std::unique_ptr<GraphNetwork>();
  ASSIGN_OR_RETURN(const Architecture architecture, ParseCanonicalText(task.teacher_network));
  if (architecture.side != task.data.side || architecture.classes != task.data.classes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "teacher_network: made for ", architecture.classes, " classes and images of side ",
        architecture.side, "; the data set has ", task.data.classes, " and ", task.data.side));
  }
  ASSIGN_OR_RETURN(const Network network, BuildNetwork(architecture));
  auto teacher = std::make_unique<GraphNetwork>(network, MaskMode::kNone, context.device);
  ASSIGN_OR_RETURN(const SafetensorsFile file,
                   LoadArtifact(context.artifacts, task.teacher,
                                {{"format", "reluscape-1"},
                                 {"kind", "weights"},
                                 {"network", task.teacher_network},
                                 {"data_hash", context.data.data_hash},
                                 {"split_hash", context.data.split_hash}}));
  if (const absl::Status restored = RestoreTensors(file.tensors, LearnedOf(*teacher));
      !restored.ok()) {
    return absl::Status(restored.code(), absl::StrCat("teacher ", task.teacher.sha256, ": ",
                                                      std::string(restored.message())));
  }
  teacher->Fold();
  return teacher;
}

absl::StatusOr<ResultReport> WholeResult(const StageContext& context, GraphNetwork& network,
                                         double accuracy_validation) {
  ResultReport result;
  result.budget = network.units();
  result.relus = network.units();
  result.accuracy_soft = accuracy_validation;
  result.accuracy_trimmed = accuracy_validation;
  result.accuracy_validation = accuracy_validation;

  SafetensorsFile file;
  AddTensors(LearnedOf(network), file.tensors);
  // Only its masks are wanted, which start at 1.
  const GraphNetwork masked(context.network, MaskMode::kFrozen, context.device);
  for (size_t i = 0; i < masked.masks().size(); ++i) {
    const NamedTensor& mask = masked.masks()[i];
    file.tensors[mask.name] = mask.tensor.to(at::kByte);
    result.layers.push_back({.layer = masked.relu_names()[i],
                             .units = masked.relu_units()[i],
                             .kept = masked.relu_units()[i]});
  }
  file.metadata = DescribeOrigin("result", context.task, context.data);
  file.metadata["budget"] = absl::StrCat(result.budget);
  file.metadata["relus"] = absl::StrCat(result.relus);
  ASSIGN_OR_RETURN(result.artifact, StoreArtifact(context.artifacts, file));
  const std::optional<double> test =
      Evaluate(network, context.MakeEvaluationImages(context.data.test), context.stop);
  if (!test) return StoppedError();
  result.accuracy_test = *test;
  return result;
}

}  // namespace reluscape
