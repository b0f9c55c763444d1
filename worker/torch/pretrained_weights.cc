#include "worker/torch/pretrained_weights.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "search/export/pretrained_file.h"
#include "worker/task_error.h"
#include "worker/torch/evaluate.h"

namespace reluscape {
namespace {

std::string Percent(double fraction) { return absl::StrFormat("%.2f %%", 100 * fraction); }

// The accuracy of always naming the most frequent class of `images`; 0 without images.
double ChanceOf(const ImageSet& images, int64_t classes) {
  std::vector<int64_t> counts(static_cast<size_t>(classes), 0);
  for (const int32_t label : images.labels) ++counts[static_cast<size_t>(label)];
  if (images.count() == 0) return 0;
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) /
         static_cast<double>(images.count());
}

std::string FileText(const v1::TaskDescription& task) {
  return absl::StrCat("pretrained file ", task.pretrained_file(), " (artifact ",
                      task.pretrained().sha256(), ")");
}

TaskOutcome Refused(const v1::TaskDescription& task, const std::string& why) {
  return FailedOutcome(v1::Failure::REFUSED, absl::StrCat(FileText(task), ": ", why),
                       /*epoch=*/-1);
}

absl::Status LoadInto(const StageContext& context, const std::vector<NamedTensor>& learned) {
  const v1::TaskDescription& task = context.task;
  ASSIGN_OR_RETURN(const std::string bytes,
                   WithFault(context.artifacts.Get(task.pretrained()),
                             {.kind = v1::Failure::STORAGE, .artifact = task.pretrained()}));
  const absl::StatusOr<TensorFile> file = ReadPretrained(context.network, task.network(), bytes);
  const absl::Status loaded = file.ok() ? RestoreTensors(TensorsIn(*file), learned) : file.status();
  // It belongs to the Job: nothing makes it again.
  return WithFault(WithPrefix(absl::StrCat(FileText(task), ": "), loaded),
                   {.kind = v1::Failure::REFUSED});
}

}  // namespace

double LeastPretrainedAccuracy(double chance) { return chance * (1 + (1 - chance) / 2); }

absl::StatusOr<TaskOutcome> TakeOverWeights(const StageContext& context) {
  const v1::TaskDescription& task = context.task;
  const Stopwatch stopwatch;
  if (!task.budgets().empty()) {
    return Refused(task, "the task has a budget; allowed: none with a pretrained file");
  }
  GraphNetwork network = context.MakeNetwork(MaskMode::kNone);
  std::vector<NamedTensor> learned = network.weights();
  learned.insert(learned.end(), network.statistics().begin(), network.statistics().end());
  RETURN_IF_ERROR(LoadInto(context, learned));

  const ImageSet& held_out = context.data.validation;
  const std::optional<double> accuracy =
      Evaluate(network, context.MakeEvaluationImages(held_out), context.stop);
  if (!accuracy) return StoppedError();
  const double chance = ChanceOf(held_out, context.data.classes);
  const double least = LeastPretrainedAccuracy(chance);
  if (*accuracy <= least) {
    return Refused(
        task, absl::StrCat("found a validation accuracy of ", Percent(*accuracy), " on ",
                           held_out.count(), " images; allowed: above ", Percent(least),
                           ", where naming one class always gives ", Percent(chance),
                           "; are its classes in this order, its images normalised as here, and "
                           "is it of just this network (a ReLU behind the stem or behind the last "
                           "batch norm is part of the network's name)?"));
  }
  const std::optional<Evaluation> trained =
      EvaluateWithLoss(network, context.MakeEvaluationImages(context.data.train), context.stop);
  if (!trained) return StoppedError();
  if (!std::isfinite(trained->loss)) {
    return Refused(task, absl::StrCat("its loss on the training images is ", trained->loss));
  }
  v1::Epoch report;
  report.set_epoch(0);
  report.set_loss(trained->loss);
  report.set_train_accuracy(trained->accuracy);
  report.set_validation_accuracy(*accuracy);
  report.set_relus(network.units());
  report.set_seconds(stopwatch.Seconds());
  context.listener.OnEpoch(report);
  SafetensorsFile file;
  AddTensors(learned, file.tensors);
  file.metadata = DescribeOrigin("weights", task, context.data);
  TaskOutcome outcome;
  ASSIGN_OR_RETURN(outcome.weights, StoreArtifact(context.artifacts, file));
  outcome.device_seconds = stopwatch.Seconds();
  return outcome;
}

}  // namespace reluscape
