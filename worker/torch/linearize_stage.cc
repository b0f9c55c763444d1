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

int64_t LinearizeEpochs(const v1::LinearizeSpec& settings, int64_t budgets) {
  switch (settings.method()) {
    case v1::LinearizeSpec::SNL:
    case v1::LinearizeSpec::AUTOREP:
      return settings.max_epochs();
    case v1::LinearizeSpec::SENET:
      return settings.planned_epochs() * budgets;
    default:  // one shot
      return 0;
  }
}

absl::StatusOr<TaskOutcome> RunLinearize(const StageContext& context) {
  std::vector<int64_t> budgets = ListOf(context.task.budgets());
  std::sort(budgets.begin(), budgets.end(), std::greater<>());
  budgets.erase(std::unique(budgets.begin(), budgets.end()), budgets.end());
  if (budgets.empty() || budgets.back() < 0) {
    return FailedOutcome(v1::Failure::REFUSED,
                         "budgets: found none or a negative one; allowed: at least one, from 0 on",
                         /*epoch=*/-1);
  }
  ASSIGN_OR_RETURN(const NetworkCounts counts,
                   WithFault(CountNetwork(context.network), {.kind = v1::Failure::REFUSED}));
  if (budgets.front() > counts.relus) {
    return FailedOutcome(v1::Failure::REFUSED,
                         absl::StrCat("budget: found ", budgets.front(), "; allowed: 0 to ",
                                      counts.relus, ", the ReLUs of the network"),
                         /*epoch=*/-1);
  }
  switch (context.task.settings().linearize().method()) {
    case v1::LinearizeSpec::SNL:
    case v1::LinearizeSpec::AUTOREP:
      return RunDescent(context, budgets);
    case v1::LinearizeSpec::SENET:
      return RunSenet(context, budgets);
    default:
      return RunOneShot(context, budgets);
  }
}

}  // namespace reluscape
