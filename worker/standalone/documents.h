#pragma once

// What is shown of a Job without a coordinator: the messages of views.proto, made of plan and state
// as a coordinator makes them of its rows. Functions of their input alone.

#include <optional>
#include <string>

#include "reluscape/v1/train.pb.h"
#include "search/views.h"
#include "worker/standalone/result_costs.h"
#include "worker/standalone/train_plan.h"
#include "worker/standalone/train_state.h"

namespace reluscape {

// Of a Task that has not been begun: the Task whose failure keeps it from ever being begun.
std::optional<TaskId> FailedBefore(const TrainPlan& plan, const TrainState& state,
                                   const PlannedTask& task);

// kRunning until every Task has ended or can no longer begin; then kFailed where one failed.
JobState StateOf(const TrainPlan& plan, const TrainState& state);

// Results, by data hash, split hash and ReLUs. Test accuracies only where the state is unsealed.
std::vector<ResultView> Results(const TrainPlan& plan, const TrainState& state, ResultCosts& costs);

// The document of results.json.
v1::TrainResults ResultsDocument(const TrainPlan& plan, const TrainState& state,
                                 ResultCosts& costs);

// "fine-tune to 15360 ReLUs of resnet18@4 (task 3)"; "..., replicate 1" behind the name where there
// are several.
std::string TaskText(const TrainPlan& plan, const PlannedTask& task);

}  // namespace reluscape
