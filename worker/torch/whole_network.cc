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
  const v1::TaskDescription& task = context.task;
  if (task.teacher_network().empty()) return std::unique_ptr<GraphNetwork>();
  const TaskFault refused{.kind = v1::Failure::REFUSED};
  ASSIGN_OR_RETURN(const Architecture architecture,
                   WithFault(ParseCanonicalText(task.teacher_network()), refused));
  if (architecture.side != task.data().side() || architecture.classes != task.data().classes()) {
    return TaskError(refused, absl::StrCat("teacher_network: made for ", architecture.classes,
                                           " classes and images of side ", architecture.side,
                                           "; the data set has ", task.data().classes(), " and ",
                                           task.data().side()));
  }
  ASSIGN_OR_RETURN(const Network network, WithFault(BuildNetwork(architecture), refused));
  auto teacher = std::make_unique<GraphNetwork>(
      network, MaskMode::kNone, context.device, v1::LinearizeSpec::PIXEL,
      v1::LinearizeSpec::IDENTITY, context.task.settings().precision());
  ASSIGN_OR_RETURN(const SafetensorsFile file,
                   LoadArtifact(context.artifacts, task.teacher(),
                                {{"format", "reluscape-1"},
                                 {"kind", "weights"},
                                 {"network", task.teacher_network()},
                                 {"data_hash", context.data.data_hash},
                                 {"split_hash", context.data.split_hash}}));
  RETURN_IF_ERROR(WithFault(WithPrefix(absl::StrCat("teacher ", task.teacher().sha256(), ": "),
                                       RestoreTensors(file.tensors, LearnedOf(*teacher))),
                            {.kind = v1::Failure::ARTIFACT, .artifact = task.teacher()}));
  teacher->Fold();
  return teacher;
}

absl::StatusOr<v1::ResultReport> WholeResult(const StageContext& context, GraphNetwork& network,
                                             double accuracy_validation) {
  v1::ResultReport result;
  result.set_budget(network.units());
  result.set_relus(network.units());
  result.set_accuracy_soft(accuracy_validation);
  result.set_accuracy_trimmed(accuracy_validation);
  result.set_accuracy_validation(accuracy_validation);
  for (size_t i = 0; i < network.relu_names().size(); ++i) {
    v1::LayerRelus& layer = *result.add_layers();
    layer.set_layer(network.relu_names()[i]);
    layer.set_units(network.relu_units()[i]);
    layer.set_kept(network.relu_units()[i]);
  }
  RETURN_IF_ERROR(AddClasses(context, network, result));
  RETURN_IF_ERROR(StoreResult(context, network, result));
  return result;
}

}  // namespace reluscape
