#include "worker/torch/whole_network.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/network/names.h"
#include "worker/task_error.h"
#include "worker/torch/artifacts.h"
#include "worker/torch/result.h"

namespace reluscape {

absl::StatusOr<std::unique_ptr<GraphNetwork>> LoadTeacher(const StageContext& context) {
  const TaskDescription& task = context.task;
  if (task.teacher_network.empty()) return std::unique_ptr<GraphNetwork>();
  const TaskFault refused{.kind = FailureKind::kRefused};
  ASSIGN_OR_RETURN(const Architecture architecture,
                   WithFault(ParseCanonicalText(task.teacher_network), refused));
  if (architecture.side != task.data.side || architecture.classes != task.data.classes) {
    return TaskError(
        refused, absl::StrCat("teacher_network: made for ", architecture.classes,
                              " classes and images of side ", architecture.side,
                              "; the data set has ", task.data.classes, " and ", task.data.side));
  }
  ASSIGN_OR_RETURN(const Network network, WithFault(BuildNetwork(architecture), refused));
  auto teacher =
      std::make_unique<GraphNetwork>(network, MaskMode::kNone, context.device, MaskShape::kPixel,
                                     Replacement::kIdentity, context.task.settings.precision);
  ASSIGN_OR_RETURN(const SafetensorsFile file,
                   LoadArtifact(context.artifacts, task.teacher,
                                {{"format", "reluscape-1"},
                                 {"kind", "weights"},
                                 {"network", task.teacher_network},
                                 {"data_hash", context.data.data_hash},
                                 {"split_hash", context.data.split_hash}}));
  RETURN_IF_ERROR(WithFault(WithPrefix(absl::StrCat("teacher ", task.teacher.sha256, ": "),
                                       RestoreTensors(file.tensors, LearnedOf(*teacher))),
                            {.kind = FailureKind::kArtifact, .artifact = task.teacher}));
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

  for (size_t i = 0; i < network.relu_names().size(); ++i) {
    result.layers.push_back({.layer = network.relu_names()[i],
                             .units = network.relu_units()[i],
                             .kept = network.relu_units()[i]});
  }
  ASSIGN_OR_RETURN(result.classes, AccuracyPerClass(context, network));
  ASSIGN_OR_RETURN(result.artifact, StoreResult(context, network, result));
  ASSIGN_OR_RETURN(result.accuracy_test, Accuracy(context, network, context.data.test));
  return result;
}

}  // namespace reluscape
