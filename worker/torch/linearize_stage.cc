#include "worker/torch/linearize_stage.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "search/network/accounting.h"
#include "worker/task_error.h"
#include "worker/torch/descent.h"
#include "worker/torch/one_shot.h"
#include "worker/torch/senet.h"

namespace reluscape {

int64_t LinearizeEpochs(const LinearizeSettings& settings, int64_t budgets) {
  switch (settings.method) {
    case LinearizeMethod::kSnl:
    case LinearizeMethod::kAutorep:
      return settings.max_epochs;
    case LinearizeMethod::kSenet:
      return settings.planned_epochs * budgets;
    case LinearizeMethod::kSnip:
    case LinearizeMethod::kTaylor:
    case LinearizeMethod::kMagnitude:
    case LinearizeMethod::kLayerUniform:
    case LinearizeMethod::kRandom:
      return 0;
  }
  return 0;
}

absl::StatusOr<TaskOutcome> RunLinearize(const StageContext& context) {
  std::vector<int64_t> budgets = context.task.budgets;
  std::sort(budgets.begin(), budgets.end(), std::greater<>());
  budgets.erase(std::unique(budgets.begin(), budgets.end()), budgets.end());
  if (budgets.empty() || budgets.back() < 0) {
    return FailedOutcome(FailureKind::kRefused,
                         "budgets: found none or a negative one; allowed: at least one, from 0 on",
                         /*epoch=*/-1);
  }
  ASSIGN_OR_RETURN(const NetworkCounts counts,
                   WithFault(CountNetwork(context.network), {.kind = FailureKind::kRefused}));
  if (budgets.front() > counts.relus) {
    return FailedOutcome(FailureKind::kRefused,
                         absl::StrCat("budget: found ", budgets.front(), "; allowed: 0 to ",
                                      counts.relus, ", the ReLUs of the network"),
                         /*epoch=*/-1);
  }
  switch (context.task.settings.linearize.method) {
    case LinearizeMethod::kSnl:
    case LinearizeMethod::kAutorep:
      return RunDescent(context, budgets);
    case LinearizeMethod::kSenet:
      return RunSenet(context, budgets);
    case LinearizeMethod::kSnip:
    case LinearizeMethod::kTaylor:
    case LinearizeMethod::kMagnitude:
    case LinearizeMethod::kLayerUniform:
    case LinearizeMethod::kRandom:
      break;
  }
  return RunOneShot(context, budgets);
}

}  // namespace reluscape
